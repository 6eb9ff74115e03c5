/** The few widgets that the editor needs beside those of react-aria-components. */

import { X } from "lucide-react";
import type { ReactNode } from "react";
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Dialog,
  Heading,
  ListBox,
  ListBoxItem,
  Modal,
  ModalOverlay,
  Popover,
  Select as AriaSelect,
  SelectValue,
  Tooltip,
  TooltipTrigger,
} from "react-aria-components";
import { ChevronDown } from "lucide-react";

export function IconButton({ label, children, ...props }: AriaButtonProps & { label: string; children: ReactNode }) {
  return (
    <TooltipTrigger delay={500}>
      <AriaButton {...props} aria-label={label} className={`ed-icon-button ${props.className ?? ""}`}>
        {children}
      </AriaButton>
      <Tooltip className="ed-tooltip">{label}</Tooltip>
    </TooltipTrigger>
  );
}

export function Select<T extends string>({
  label,
  value,
  options,
  onChange,
  isDisabled,
  placeholder,
  className,
}: {
  label: string;
  value: T | null;
  options: readonly { value: T; label: string; description?: string }[];
  onChange: (value: T) => void;
  isDisabled?: boolean;
  placeholder?: string;
  className?: string;
}) {
  return (
    <AriaSelect
      aria-label={label}
      value={value}
      onChange={(key) => key !== null && onChange(key as T)}
      isDisabled={isDisabled}
      placeholder={placeholder}
      className={`ed-select ${className ?? ""}`}
    >
      <AriaButton className="ed-input ed-select-button">
        <SelectValue />
        <ChevronDown size={14} aria-hidden />
      </AriaButton>
      <Popover className="ed-popover ed-select-popover">
        <ListBox className="ed-listbox">
          {options.map((option) => (
            <ListBoxItem key={option.value} id={option.value} textValue={option.label} className="ed-option">
              <span slot="label">{option.label}</span>
              {option.description ? <small slot="description">{option.description}</small> : null}
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

export function ModalDialog({
  title,
  isOpen,
  onClose,
  closeLabel,
  children,
  isDismissable = true,
  className = "",
  role = "dialog",
}: {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  closeLabel: string;
  children: ReactNode;
  isDismissable?: boolean;
  className?: string;
  role?: "dialog" | "alertdialog";
}) {
  return (
    <ModalOverlay
      isOpen={isOpen}
      onOpenChange={(open) => !open && onClose()}
      isDismissable={isDismissable}
      isKeyboardDismissDisabled={!isDismissable}
      className="ed-overlay"
    >
      <Modal className={`ed-modal ${className}`}>
        <Dialog role={role} className="ed-dialog">
          <header className="ed-dialog-head">
            <Heading slot="title">{title}</Heading>
            {isDismissable ? (
              <AriaButton className="ed-icon-button" aria-label={closeLabel} onPress={onClose}>
                <X size={16} aria-hidden />
              </AriaButton>
            ) : null}
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
