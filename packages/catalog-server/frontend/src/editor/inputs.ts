/** What every kind of input is given. */
export interface InputProps {
  label: string;
  labelId: string;
  describedBy: string | undefined;
  isInvalid: boolean;
  isDisabled: boolean;
}
