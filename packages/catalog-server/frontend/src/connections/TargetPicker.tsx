import { ChevronDown } from "lucide-react";
import { useState } from "react";
import { Button, ComboBox, Input, ListBox, ListBoxItem, Popover } from "react-aria-components";

import { useT } from "../i18n";
import { type MappingRow, TARGETS, useTargets } from "./data";

/** The item that stands for a record that there is not yet. */
const CREATE = "create";

/** What one record over there is here: one of those that there are, or a new one of its name. */
export function TargetPicker({
  provider,
  kind,
  row,
  isDisabled,
  onMap,
}: {
  provider: string;
  kind: string;
  row: MappingRow;
  isDisabled: boolean;
  onMap: (to: { id?: string; create?: string }) => void;
}) {
  const t = useT();
  const [typed, setTyped] = useState<string | null>(null);
  const [isOpen, setOpen] = useState(false);
  const mapped = row.mappedTo?.name ?? "";
  const shown = typed ?? mapped;
  const search = (typed ?? "").trim();
  const { data: targets = [] } = useTargets(provider, kind, search, isOpen);
  // Its own name is offered only where all that there are have been looked at: one of them may be called so.
  const newName = search || (targets.length < TARGETS ? (row.name ?? "") : "");
  const isNew = newName !== "" && !targets.some((target) => target.name.toLowerCase() === newName.toLowerCase());
  const items = [
    ...targets,
    ...(isNew ? [{ id: CREATE, name: t("connections.mappings.create", { name: newName }) }] : []),
  ];
  return (
    <ComboBox
      aria-label={t("connections.mappings.hereOf", { name: row.name ?? row.externalId })}
      className="target-picker"
      inputValue={shown}
      onInputChange={setTyped}
      items={items}
      value={row.mappedTo?.id ?? null}
      onChange={(key) => {
        setTyped(null);
        if (key === CREATE) {
          onMap({ create: newName });
        } else if (key !== null && key !== row.mappedTo?.id) {
          onMap({ id: String(key) });
        }
      }}
      onOpenChange={(open) => {
        setOpen(open);
        if (!open) {
          setTyped(null);
        }
      }}
      menuTrigger="input"
      allowsEmptyCollection
      isDisabled={isDisabled}
      defaultFilter={() => true}
    >
      <div className="target-box">
        <Input className="input" placeholder={t("connections.mappings.nothing")} />
        <Button className="target-button" aria-label={t("connections.mappings.choose")}>
          <ChevronDown size={14} aria-hidden />
        </Button>
      </div>
      <Popover className="popover target-popover">
        <ListBox className="menu" renderEmptyState={() => <p className="muted">{t("connections.mappings.noTarget")}</p>}>
          {(target: { id: string; name: string }) => (
            <ListBoxItem id={target.id} textValue={target.name} className="menu-item">
              {target.name}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
