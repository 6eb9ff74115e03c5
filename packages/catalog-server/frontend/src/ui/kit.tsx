/** Widgets that every screen uses. */

import "./ui.css";

import { X } from "lucide-react";
import type { ReactNode } from "react";
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Dialog,
  Heading,
  Menu,
  MenuItem,
  MenuTrigger,
  Modal,
  ModalOverlay,
  Popover,
  Tooltip,
  TooltipTrigger,
} from "react-aria-components";
import { Link } from "react-router";

import { useT } from "../i18n";

export function Button({
  kind = "plain",
  ...props
}: AriaButtonProps & { kind?: "plain" | "primary" | "quiet" | "danger"; children: ReactNode }) {
  return <AriaButton {...props} className={`button ${kind}`} />;
}

/** A button of an icon alone, whose name shows when it is pointed at. */
export function IconButton({ label, ...props }: AriaButtonProps & { label: string; children: ReactNode }) {
  return (
    <TooltipTrigger delay={500}>
      <AriaButton {...props} aria-label={label} className="button quiet icon" />
      <Tooltip className="tooltip">{label}</Tooltip>
    </TooltipTrigger>
  );
}

export interface Choice {
  id: string;
  label: string;
  icon?: ReactNode;
  isDangerous?: boolean;
}

/** A button that opens a menu. */
export function MenuButton({
  button,
  label,
  choices,
  onChoose,
}: {
  button: ReactNode;
  label: string;
  choices: readonly Choice[];
  onChoose: (id: string) => void;
}) {
  return (
    <MenuTrigger>
      {button}
      <Popover className="popover" placement="bottom end">
        <Menu className="menu" aria-label={label} onAction={(key) => onChoose(String(key))}>
          {choices.map((choice) => (
            <MenuItem
              key={choice.id}
              id={choice.id}
              textValue={choice.label}
              className={`menu-item ${choice.isDangerous ? "danger" : ""}`}
            >
              {choice.icon}
              <span>{choice.label}</span>
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

export function Badge({
  tone = "plain",
  children,
}: {
  tone?: "plain" | "success" | "warning" | "danger" | "accent";
  children: ReactNode;
}) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

/** What went wrong, and a way to try it again. */
export function ErrorBanner({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className="banner" role="alert">
      <div>{children}</div>
      {action}
    </div>
  );
}

/** Where a list is going to be. */
export function Loading() {
  const t = useT();
  return (
    <div className="loading" role="status" aria-label={t("shell.loading")}>
      {[0, 1, 2, 3].map((each) => (
        <div key={each} className="skeleton" />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A dialog above the screen. */
export function ModalDialog({
  title,
  isOpen,
  onClose,
  children,
}: {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
}) {
  const t = useT();
  return (
    <ModalOverlay isOpen={isOpen} onOpenChange={(open) => !open && onClose()} isDismissable className="overlay">
      <Modal className="modal">
        <Dialog className="dialog">
          <header className="dialog-head">
            <Heading slot="title">{title}</Heading>
            <IconButton label={t("shell.close")} onPress={onClose}>
              <X size={16} aria-hidden />
            </IconButton>
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** A table of rows; null is a column for the tools of each row. */
export function Table({ columns, children }: { columns: readonly (string | null)[]; children: ReactNode }) {
  return (
    <div className="table-box">
      <table className="table">
        <thead>
          <tr>
            {columns.map((column) =>
              column === null ? (
                <td key="" />
              ) : (
                <th key={column} scope="col">
                  {column}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** Short values, each below its name; those that are missing are left out. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  const known = facts.filter(([, value]) => value);
  return known.length === 0 ? null : (
    <dl className="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What a list is narrowed to: one of a few choices, and whatever else narrows it. */
export function Chips<K extends string>({
  label,
  choices,
  chosen,
  nameOf,
  onChoose,
  children,
}: {
  label: string;
  choices: readonly K[];
  chosen: K;
  nameOf: (choice: K) => string;
  onChoose: (choice: K) => void;
  children?: ReactNode;
}) {
  return (
    <div className="chips" role="group" aria-label={label}>
      {choices.map((choice) => (
        <button
          key={choice}
          type="button"
          className="chip"
          aria-pressed={chosen === choice}
          onClick={() => onChoose(choice)}
        >
          {nameOf(choice)}
        </button>
      ))}
      {children}
    </div>
  );
}

/** A JSON value to read. */
export function JsonView({ value, label }: { value: unknown; label: string }) {
  return (
    <pre className="json" tabIndex={0} role="region" aria-label={label}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}

/** Workflows by name, each a link to its editor. */
export function WorkflowLinks({ workflows }: { workflows: readonly { workflowId: string; name: string }[] }) {
  return (
    <ul className="plain-list">
      {workflows.map(({ workflowId, name }) => (
        <li key={workflowId}>
          <Link to={`/workflows/${workflowId}`}>{name}</Link>
        </li>
      ))}
    </ul>
  );
}
