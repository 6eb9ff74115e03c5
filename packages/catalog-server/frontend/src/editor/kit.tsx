/** Widgets that only the editor has. */

import { ChevronDown, X } from "lucide-react";
import type { ReactNode } from "react";
import {
  Button as AriaButton,
  Dialog,
  Heading,
  ListBox,
  ListBoxItem,
  Modal,
  ModalOverlay,
  Popover,
  Select as AriaSelect,
  SelectValue,
} from "react-aria-components";

import { IconButton } from "../ui/kit";

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
              <IconButton label={closeLabel} onPress={onClose}>
                <X size={16} aria-hidden />
              </IconButton>
            ) : null}
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
