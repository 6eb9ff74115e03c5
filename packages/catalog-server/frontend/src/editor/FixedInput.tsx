import { Plus, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button } from "react-aria-components";

import { useT } from "../i18n";
import { IconButton } from "../ui/kit";
import { useSubject } from "./field";
import type { InputProps } from "./inputs";
import { Select } from "./kit";
import { type Field, fieldsOf, itemField } from "./model/fields";
import { equal, isObject, type Json, type Place } from "./model/json";
import { PickerInput } from "./PickerInput";
import { sampleText } from "./samples";
import { ValueField } from "./ValueField";

export interface FixedProps extends InputProps {
  place: Place;
  field: Field;
  value: Json | undefined;
  optionsField?: string;
  onChange: (value: Json | undefined) => void;
}

/** A value that somebody fills in, by its schema. */
export function FixedInput(props: FixedProps) {
  const { field, value } = props;
  const { action } = useSubject();
  if (field.hasPicker && action !== undefined && props.optionsField !== undefined && field.kind !== "list") {
    return <PickerInput {...props} action={action} optionsField={props.optionsField} />;
  }
  switch (field.kind) {
    case "choice":
      return <ChoiceInput {...props} />;
    case "boolean":
      return <FlagInput {...props} />;
    case "number":
    case "integer":
      return <NumberInput {...props} />;
    case "list":
      return value === undefined || value === null || Array.isArray(value) ? (
        <ListInput {...props} />
      ) : (
        <JsonInput {...props} />
      );
    case "object":
      return value === undefined || value === null || isObject(value) ? (
        <ObjectInput {...props} />
      ) : (
        <JsonInput {...props} />
      );
    case "map":
      return value === undefined || value === null || isObject(value) ? (
        <MapInput {...props} />
      ) : (
        <JsonInput {...props} />
      );
    case "any":
      return <JsonInput {...props} />;
    default:
      return value === undefined || value === null || typeof value === "string" ? (
        <TextInput {...props} />
      ) : (
        <JsonInput {...props} />
      );
  }
}

function TextInput({ field, value, onChange, labelId, describedBy, isInvalid, isDisabled }: FixedProps) {
  const common = {
    className: `ed-input ${field.isSecret ? "ed-mono" : ""}`,
    value: typeof value === "string" ? value : "",
    placeholder: placeholderOf(field),
    "aria-labelledby": labelId,
    "aria-describedby": describedBy,
    "aria-invalid": isInvalid,
    "aria-required": field.isRequired,
    disabled: isDisabled,
    onChange: (event: { target: { value: string } }) =>
      onChange(event.target.value === "" ? undefined : event.target.value),
  };
  return field.isLong ? <textarea rows={3} {...common} /> : <input type="text" {...common} />;
}

function placeholderOf(field: Field): string | undefined {
  if (field.fallback !== undefined && field.fallback !== null && field.fallback !== "") {
    return sampleText(field.fallback);
  }
  return field.kind === "moment" ? "2027-01-31T09:00:00Z" : field.kind === "date" ? "2027-01-31" : undefined;
}

function NumberInput({ field, value, onChange, labelId, describedBy, isInvalid, isDisabled }: FixedProps) {
  const t = useT();
  const [typed, setTyped] = useState<string | null>(null);
  const stored = value === undefined || value === null ? "" : String(value);
  const shown = typed ?? stored;
  const isNumber = shown === "" || /^[+-]?[0-9]+(\.[0-9]+)?$/.test(shown.trim());
  return (
    <>
      <input
        className="ed-input"
        inputMode={field.kind === "integer" ? "numeric" : "decimal"}
        value={shown}
        placeholder={placeholderOf(field)}
        aria-labelledby={labelId}
        aria-describedby={describedBy}
        aria-invalid={isInvalid || !isNumber}
        aria-required={field.isRequired}
        disabled={isDisabled}
        onBlur={() => setTyped(null)}
        onChange={(event) => {
          const text = event.target.value;
          setTyped(text);
          const trimmed = text.trim();
          // What is no number stays as it was typed, and the server says what is wrong with it.
          onChange(trimmed === "" ? undefined : /^[+-]?[0-9]+(\.[0-9]+)?$/.test(trimmed) ? Number(trimmed) : text);
        }}
      />
      {isNumber ? null : <p className="ed-finding ed-finding-error">{t("editor.field.number")}</p>}
    </>
  );
}

const NOTHING = "(nothing)";

function ChoiceInput({ field, value, onChange, label, isDisabled }: FixedProps) {
  const t = useT();
  const given = value === undefined ? NOTHING : JSON.stringify(value);
  const fallback = field.fallback === undefined || field.fallback === null ? undefined : String(field.fallback);
  const options = [
    ...(field.isRequired && value !== undefined
      ? []
      : [
          {
            value: NOTHING,
            label: fallback ? t("editor.choice.default", { value: fallback }) : t("editor.choice.none"),
          },
        ]),
    ...field.choices.map((choice) => ({ value: JSON.stringify(choice), label: String(choice) })),
  ];
  if (!options.some((option) => option.value === given)) {
    options.push({ value: given, label: given });
  }
  return (
    <Select
      label={label}
      value={given}
      options={options}
      isDisabled={isDisabled}
      onChange={(chosen) => onChange(chosen === NOTHING ? undefined : (JSON.parse(chosen) as Json))}
    />
  );
}

function FlagInput({ field, value, onChange, label, isDisabled }: FixedProps) {
  const t = useT();
  const given = value === true ? "yes" : value === false ? "no" : NOTHING;
  const fallback =
    typeof field.fallback === "boolean" ? t(field.fallback ? "editor.flag.yes" : "editor.flag.no") : undefined;
  return (
    <Select
      label={label}
      value={given}
      isDisabled={isDisabled}
      options={[
        { value: NOTHING, label: fallback ? t("editor.choice.default", { value: fallback }) : t("editor.choice.none") },
        { value: "yes", label: t("editor.flag.yes") },
        { value: "no", label: t("editor.flag.no") },
      ]}
      onChange={(chosen) => onChange(chosen === NOTHING ? undefined : chosen === "yes")}
    />
  );
}

// ── Lists and objects ───────────────────────────────────────────────────────────────────────────────────────────

function ListInput(props: FixedProps) {
  const t = useT();
  const { field, value, place, onChange, labelId, isDisabled } = props;
  const items = Array.isArray(value) ? value : [];
  const item = itemField(field);
  return (
    <div role="group" aria-labelledby={labelId} className="ed-list">
      {items.map((_, index) => (
        <div key={index} className="ed-list-item">
          <ValueField
            place={[...place, index]}
            field={{
              ...item,
              label: t("editor.list.item", { number: index + 1 }),
              hasPicker: item.hasPicker || field.hasPicker,
            }}
            optionsField={props.optionsField}
            className="ed-field-inner"
          />
          <IconButton
            label={t("editor.list.remove", { number: index + 1 })}
            isDisabled={isDisabled}
            onPress={() => {
              const left = items.filter((_, at) => at !== index);
              onChange(left.length === 0 ? undefined : left);
            }}
          >
            <Trash2 size={14} aria-hidden />
          </IconButton>
        </div>
      ))}
      <Button
        className="ed-add-item"
        isDisabled={isDisabled}
        onPress={() => onChange([...items, emptyItem(item)])}
        aria-label={t("editor.list.addTo", { field: field.label })}
      >
        <Plus size={14} aria-hidden /> {t("editor.list.add")}
      </Button>
    </div>
  );
}

function emptyItem(item: Field): Json {
  return item.kind === "object" || item.kind === "map"
    ? {}
    : item.kind === "list"
      ? []
      : item.kind === "choice"
        ? (item.choices[0] ?? null)
        : "";
}

function ObjectInput({ field, place, value, onChange, optionsField, isDisabled, labelId }: FixedProps) {
  const t = useT();
  const fields = fieldsOf(field.schema, field.root);
  if (value === undefined || value === null) {
    return (
      <Button className="ed-add-item" isDisabled={isDisabled} onPress={() => onChange({})}>
        <Plus size={14} aria-hidden /> {t("editor.object.fill", { field: field.label })}
      </Button>
    );
  }
  return (
    <div role="group" aria-labelledby={labelId} className="ed-object">
      {fields.map((inner) => (
        <ValueField
          key={inner.name}
          place={[...place, inner.name]}
          field={inner}
          optionsField={optionsField === undefined ? undefined : `${optionsField}.${inner.name}`}
          className="ed-field-inner"
        />
      ))}
      {field.isRequired ? null : (
        <Button className="ed-add-item" isDisabled={isDisabled} onPress={() => onChange(undefined)}>
          <Trash2 size={14} aria-hidden /> {t("editor.object.clear")}
        </Button>
      )}
    </div>
  );
}

/** Values by names that nobody knows beforehand. */
export function MapInput({ field, place, value, onChange, isDisabled, labelId }: FixedProps) {
  const t = useT();
  const [name, setName] = useState("");
  const fields = isObject(value) ? value : {};
  const names = Object.keys(fields);
  const additional = field.schema.additionalProperties;
  const schema = typeof additional === "object" ? additional : {};
  const add = () => {
    const trimmed = name.trim();
    if (trimmed !== "" && !Object.hasOwn(fields, trimmed)) {
      onChange({ ...fields, [trimmed]: "" });
      setName("");
    }
  };
  return (
    <div role="group" aria-labelledby={labelId} className="ed-list">
      {names.map((each) => (
        <div key={each} className="ed-list-item">
          <ValueField
            place={[...place, each]}
            field={{ ...field, ...anyField(each), schema }}
            className="ed-field-inner"
          />
          <IconButton
            label={t("editor.map.remove", { name: each })}
            isDisabled={isDisabled}
            onPress={() => {
              const { [each]: _, ...left } = fields;
              onChange(Object.keys(left).length === 0 ? undefined : left);
            }}
          >
            <Trash2 size={14} aria-hidden />
          </IconButton>
        </div>
      ))}
      <div className="ed-map-add">
        <input
          className="ed-input"
          value={name}
          placeholder={t("editor.map.name")}
          aria-label={t("editor.map.nameOf", { field: field.label })}
          disabled={isDisabled}
          onChange={(event) => setName(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              add();
            }
          }}
        />
        <Button className="ed-add-item" isDisabled={isDisabled || name.trim() === ""} onPress={add}>
          <Plus size={14} aria-hidden /> {t("editor.list.add")}
        </Button>
      </div>
    </div>
  );
}

/** A field of which nothing is known but its name. */
export function anyField(name: string, more: Partial<Field> = {}): Field {
  return {
    name,
    label: name,
    description: "",
    kind: "any",
    isRequired: false,
    isNullable: true,
    isSecret: false,
    isLong: false,
    choices: [],
    fallback: undefined,
    schema: {},
    root: {},
    hasPicker: false,
    ...more,
  };
}

// ── Anything ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Text, or any JSON: what reads as JSON is that, and everything else is text. */
function JsonInput({ value, onChange, labelId, describedBy, isInvalid, isDisabled, field }: FixedProps) {
  const t = useT();
  const [typed, setTyped] = useState<string | null>(null);
  const last = useRef<Json | undefined>(value);
  useEffect(() => {
    // What somebody else changed, as by undo, is shown in the place of what was typed.
    if (!equal(last.current, value)) {
      setTyped(null);
      last.current = value;
    }
  }, [value]);
  const shown = typed ?? jsonText(value);
  const isBroken = /^\s*[[{]/.test(shown) && parsed(shown) === undefined;
  return (
    <>
      <textarea
        className="ed-input ed-mono"
        rows={Math.min(8, Math.max(1, shown.split("\n").length))}
        value={shown}
        placeholder={placeholderOf(field)}
        aria-labelledby={labelId}
        aria-describedby={describedBy}
        aria-invalid={isInvalid || isBroken}
        disabled={isDisabled}
        spellCheck={false}
        onChange={(event) => {
          const text = event.target.value;
          setTyped(text);
          const next = text.trim() === "" ? undefined : (parsed(text) ?? text);
          last.current = next;
          onChange(next);
        }}
        onBlur={() => setTyped(null)}
      />
      {isBroken ? <p className="ed-finding ed-finding-warning">{t("editor.field.json")}</p> : null}
    </>
  );
}

function jsonText(value: Json | undefined): string {
  if (value === undefined) {
    return "";
  }
  // A text that would be read as something else stands in quotes.
  return typeof value === "string" && parsed(value) === undefined ? value : JSON.stringify(value, null, 2);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
