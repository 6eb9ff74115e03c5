/** Widgets that every screen uses. */

import "./ui.css";

import type { ReactNode } from "react";
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Menu,
  MenuItem,
  MenuTrigger,
  Popover,
  Tooltip,
  TooltipTrigger,
} from "react-aria-components";

export function Button({
  kind = "plain",
  ...props
}: AriaButtonProps & { kind?: "plain" | "primary" | "quiet"; children: ReactNode }) {
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

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
