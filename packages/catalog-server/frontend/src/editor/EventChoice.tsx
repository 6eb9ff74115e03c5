import { ChevronDown } from "lucide-react";
import { useState } from "react";
import { Button, ComboBox, Input, ListBox, ListBoxItem, Popover } from "react-aria-components";

import { useT } from "../i18n";
import { useShared } from "./context";
import { FieldFrame } from "./FieldFrame";
import type { Place } from "./model/json";

/** One of the declared events, or the name of another one. */
export function EventChoice({
  place,
  value,
  onChange,
}: {
  place: Place;
  value: string;
  onChange: (name: string) => void;
}) {
  const t = useT();
  const { events, canEdit } = useShared();
  const declared = events.find((event) => event.name === value);
  return (
    <FieldFrame place={place} label={t("editor.event")} description={declared?.description} isRequired>
      {(ids) => (
        <Choice
          {...ids}
          value={value}
          label={t("editor.event")}
          isDisabled={!canEdit}
          placeholder={t("editor.event.choose")}
          items={events.map((event) => ({ id: event.name, label: event.label, description: event.name }))}
          onChange={onChange}
        />
      )}
    </FieldFrame>
  );
}

/** One of some values with labels, or any other text. */
export function Choice({
  labelId,
  describedBy,
  isInvalid,
  value,
  label,
  isDisabled,
  placeholder,
  items,
  onChange,
}: {
  labelId: string;
  describedBy: string | undefined;
  isInvalid: boolean;
  value: string;
  label: string;
  isDisabled: boolean;
  placeholder?: string;
  items: readonly { id: string; label: string; description?: string }[];
  onChange: (value: string) => void;
}) {
  const t = useT();
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? items.find((item) => item.id === value)?.label ?? value;
  const wanted = (typed ?? "").toLowerCase();
  const fitting =
    typed === null ? items : items.filter((item) => `${item.label} ${item.id}`.toLowerCase().includes(wanted));
  return (
    <ComboBox
      aria-labelledby={labelId}
      aria-describedby={describedBy}
      className="ed-combobox"
      inputValue={shown}
      onInputChange={(text) => text !== shown && setTyped(text)}
      items={fitting}
      value={items.some((item) => item.id === value) ? value : null}
      onChange={(id) => {
        setTyped(null);
        if (id !== null) {
          onChange(String(id));
        }
      }}
      onBlur={() => {
        if (typed !== null && typed.trim() !== value) {
          onChange(items.find((item) => item.label === typed.trim())?.id ?? typed.trim());
        }
        setTyped(null);
      }}
      menuTrigger="focus"
      allowsCustomValue
      allowsEmptyCollection
      isDisabled={isDisabled}
      isInvalid={isInvalid}
      defaultFilter={() => true}
    >
      <div className="ed-combobox-box">
        <Input className="ed-input" placeholder={placeholder} />
        <Button className="ed-combobox-button" aria-label={t("editor.options.open", { field: label })}>
          <ChevronDown size={14} aria-hidden />
        </Button>
      </div>
      <Popover className="ed-popover ed-combobox-popover">
        <ListBox
          className="ed-listbox"
          renderEmptyState={() => <p className="ed-empty">{t("editor.options.nothing")}</p>}
        >
          {(item: { id: string; label: string; description?: string }) => (
            <ListBoxItem id={item.id} textValue={item.label} className="ed-option">
              <span slot="label">{item.label}</span>
              {item.description ? <small slot="description">{item.description}</small> : null}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
