/** How a value is given: fixed, as a reference, by an expression, or as a secret; and what was typed in each. */

import { asReference } from "./expressions";
import { expressionOf, type Json, secretOf } from "./json";

export type Mode = "fixed" | "reference" | "expression" | "secret";

/** What a field had in its other modes; no part of the document. */
export interface Remembered {
  readonly mode: Mode;
  readonly values: Readonly<Partial<Record<Mode, Json>>>;
}

/** Of the fields of all steps, by step and place. */
export type Memory = Readonly<Record<string, Remembered>>;

/** The mode of a value as it is stored; nothing is as good as fixed. */
export function modeOf(value: Json | undefined): Mode {
  if (secretOf(value) !== undefined) {
    return "secret";
  }
  const source = expressionOf(value);
  if (source === undefined) {
    return "fixed";
  }
  return asReference(source) ? "reference" : "expression";
}

/** The mode in which a field is shown: the chosen one, as long as its value can be shown in it. */
export function shownMode(value: Json | undefined, remembered: Remembered | undefined): Mode {
  const own = modeOf(value);
  if (remembered === undefined) {
    return own;
  }
  if (value === undefined) {
    return remembered.mode;
  }
  // A reference is an expression as well; nothing else is two things at once.
  return remembered.mode === "expression" && own === "reference" ? "expression" : own;
}

/** Another mode for a field: its value there, and what is remembered from now on. */
export function switchMode(
  value: Json | undefined,
  remembered: Remembered | undefined,
  mode: Mode,
): { value: Json | undefined; remembered: Remembered } {
  const from = shownMode(value, remembered);
  const values = { ...remembered?.values };
  if (value === undefined) {
    delete values[from];
  } else {
    values[from] = value;
  }
  let next = values[mode];
  if (next === undefined && mode === "expression" && from === "reference") {
    next = value;
  } else if (mode === "reference" && next === undefined && from === "expression" && modeOf(value) === "reference") {
    next = value;
  }
  return { value: next, remembered: { mode, values } };
}
