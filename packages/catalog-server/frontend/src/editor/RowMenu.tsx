import { Menu, MenuItem, Popover, Separator } from "react-aria-components";

import { useT } from "../i18n";
import { useShared } from "./context";
import type { Key } from "./model/document";

export type RowAction =
  | "edit"
  | "rename"
  | "addBefore"
  | "addAfter"
  | "copy"
  | "cut"
  | "paste"
  | "duplicate"
  | "remove"
  | "up"
  | "down"
  | "in"
  | "out";

/** After these the row is elsewhere, or another one has its place. */
export const MOVING: ReadonlySet<RowAction> = new Set(["cut", "duplicate", "remove", "up", "down", "in", "out"]);

const MENU: readonly (RowAction | null)[] = [
  "edit",
  "rename",
  null,
  "addBefore",
  "addAfter",
  null,
  "copy",
  "cut",
  "paste",
  "duplicate",
  null,
  "up",
  "down",
  "in",
  "out",
  null,
  "remove",
];
const KEYS: Readonly<Record<RowAction, string>> = {
  edit: "↵",
  rename: "F2",
  addBefore: "",
  addAfter: "A",
  copy: "Ctrl+C",
  cut: "Ctrl+X",
  paste: "Ctrl+V",
  duplicate: "Ctrl+D",
  remove: "Del",
  up: "Alt+↑",
  down: "Alt+↓",
  in: "Alt+→",
  out: "Alt+←",
};

/** All that can be done with a step, also for who knows no keys. */
export function RowMenu({
  at,
  row,
  title,
  onClose,
  onAct,
}: {
  at: React.RefObject<HTMLElement | null>;
  row: Key | null;
  title: string;
  onClose: () => void;
  onAct: (action: RowAction, key: Key) => void;
}) {
  const t = useT();
  const { canEdit } = useShared();
  return (
    <Popover
      triggerRef={at}
      isOpen={row !== null}
      onOpenChange={(isOpen) => {
        if (!isOpen) {
          onClose();
        }
      }}
      placement="bottom end"
      className="ed-popover"
    >
      <Menu
        className="ed-menu"
        autoFocus="first"
        aria-label={t("editor.menu.label", { name: title })}
        onAction={(action) => {
          if (row !== null) {
            onAct(action as RowAction, row);
          }
          onClose();
        }}
      >
        {MENU.map((action, index) =>
          action === null ? (
            <Separator key={`s${index}`} className="ed-menu-line" />
          ) : (
            <MenuItem
              key={action}
              id={action}
              className={action === "remove" ? "ed-option ed-option-danger" : "ed-option"}
              isDisabled={!canEdit && action !== "copy" && action !== "edit"}
              textValue={t(`editor.menu.${action}`)}
            >
              <span slot="label">{t(`editor.menu.${action}`)}</span>
              <kbd aria-hidden>{KEYS[action]}</kbd>
            </MenuItem>
          ),
        )}
      </Menu>
    </Popover>
  );
}
