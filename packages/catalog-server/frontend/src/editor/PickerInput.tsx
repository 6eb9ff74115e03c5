import { ChevronDown, LoaderCircle } from "lucide-react";
import { useState } from "react";
import { Button, ComboBox, Input, ListBox, ListBoxItem, Popover } from "react-aria-components";

import { Problem } from "../api/client";
import { useT } from "../i18n";
import { useShared } from "./context";
import { type Option, useOption, useOptions } from "./data";
import { useSubject } from "./field";
import type { FixedProps } from "./FixedInput";
import { getAt, isObject, type Json } from "./model/json";
import { placeIn } from "./model/findings";

/** A value that the integration offers, found by its label. */
export function PickerInput({
  field,
  value,
  onChange,
  labelId,
  label,
  describedBy,
  isInvalid,
  isDisabled,
  action,
  optionsField,
}: FixedProps & { action: { id: string; version: number }; optionsField: string }) {
  const t = useT();
  const { actions } = useShared();
  const subject = useSubject();
  const [query, setQuery] = useState<string | null>(null);
  const [isOpen, setOpen] = useState(false);
  const picker = actions.get(`${action.id}@${action.version}`)?.pickers.find((each) => each.field === optionsField);
  const input = getAt(subject.own, ["config", "inputMapping"]) ?? {};
  const dependencies: Record<string, string> = {};
  for (const [name, path] of Object.entries(picker?.dependencies ?? {})) {
    const given = path === null ? undefined : getAt(input, placeIn(input, path));
    // What is only known in a run narrows nothing.
    if (typeof given === "string" || typeof given === "number") {
      dependencies[name] = String(given);
    }
  }
  const asked = { actionId: action.id, version: action.version, field: optionsField, dependencies };
  const current = typeof value === "string" || typeof value === "number" ? value : undefined;
  const chosen = useOption(asked, current);
  const { data, error, isFetching } = useOptions(asked, query ?? "", isOpen && picker !== undefined);
  const options: Option[] = data?.options ?? [];
  const shown = query ?? chosen?.label ?? (current === undefined ? "" : String(current));
  const choose = (key: string | number | null) => {
    const option = options.find((each) => String(each.value) === String(key));
    if (option) {
      // Its label stays where it is; another text would open the list again.
      setQuery(option.label);
      onChange(option.value as Json);
    }
  };
  return (
    <div className="ed-picker-input">
      <ComboBox
        aria-labelledby={labelId}
        aria-describedby={describedBy}
        className="ed-combobox"
        inputValue={shown}
        onInputChange={(text) => {
          if (text !== shown) {
            setQuery(text);
            if (text === "") {
              onChange(undefined);
            }
          }
        }}
        items={options.map((option) => ({ ...option, id: String(option.value) }))}
        value={current === undefined ? null : String(current)}
        onChange={choose}
        onOpenChange={setOpen}
        onBlur={() => {
          // An id that somebody knows may be written as it is.
          const isLabel = query === chosen?.label || options.some((option) => option.label === query);
          if (query !== null && query.trim() !== "" && !isLabel) {
            onChange(field.kind === "integer" && /^[0-9]+$/.test(query.trim()) ? Number(query.trim()) : query.trim());
          }
          setQuery(null);
        }}
        menuTrigger="focus"
        allowsCustomValue
        allowsEmptyCollection
        isDisabled={isDisabled}
        isInvalid={isInvalid}
        defaultFilter={() => true}
      >
        <div className="ed-combobox-box">
          <Input className="ed-input" placeholder={t("editor.options.choose")} />
          <Button className="ed-combobox-button" aria-label={t("editor.options.open", { field: label })}>
            {isFetching && isOpen ? (
              <LoaderCircle size={14} className="ed-spin" aria-hidden />
            ) : (
              <ChevronDown size={14} aria-hidden />
            )}
          </Button>
        </div>
        <Popover className="ed-popover ed-combobox-popover">
          <ListBox
            className="ed-listbox"
            renderEmptyState={() => (
              <p className="ed-empty">
                {error instanceof Problem
                  ? error.detail
                  : isFetching
                    ? t("editor.options.loading")
                    : t("editor.options.nothing")}
              </p>
            )}
          >
            {(option: Option & { id: string }) => (
              <ListBoxItem id={option.id} textValue={option.label} className="ed-option">
                <span slot="label">{option.label}</span>
                {option.description ? <small slot="description">{option.description}</small> : null}
              </ListBoxItem>
            )}
          </ListBox>
        </Popover>
      </ComboBox>
      {isObject(value) || Array.isArray(value) ? <code className="ed-code">{JSON.stringify(value)}</code> : null}
    </div>
  );
}
