import { useId } from "react";

import type { Field } from "../editor/model/fields";
import { useT } from "../i18n";
import { isPlain, type Texts } from "./values";

/** A form for values, one field below the other. */
export function ValueFields({
  fields,
  texts,
  wrong,
  onChange,
}: {
  fields: readonly Field[];
  texts: Texts;
  wrong: readonly string[];
  onChange: (name: string, text: string) => void;
}) {
  return fields.map((field) => (
    <ValueField
      key={field.name}
      field={field}
      text={texts[field.name] ?? ""}
      isWrong={wrong.includes(field.name)}
      onChange={(text) => onChange(field.name, text)}
    />
  ));
}

export function ValueField({
  field,
  text,
  isWrong,
  isFocused = false,
  onChange,
}: {
  field: Field;
  text: string;
  isWrong: boolean;
  isFocused?: boolean;
  onChange: (text: string) => void;
}) {
  const t = useT();
  const id = useId();
  const common = {
    id,
    className: "input",
    value: text,
    autoFocus: isFocused,
    "aria-invalid": isWrong,
    "aria-required": field.isRequired,
    "aria-describedby": `${id}-help`,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  const choices = field.kind === "boolean" ? [true, false] : field.choices;
  return (
    <div className="field">
      <label htmlFor={id}>{field.label}</label>
      {choices.length > 0 ? (
        <select {...common}>
          <option value="">{t("values.none")}</option>
          {choices.map((choice) => (
            <option key={String(choice)} value={JSON.stringify(choice)}>
              {typeof choice === "boolean" ? t(choice ? "values.yes" : "values.no") : String(choice)}
            </option>
          ))}
        </select>
      ) : isPlain(field) && !field.isLong ? (
        <input type="text" {...common} />
      ) : field.kind === "number" || field.kind === "integer" ? (
        <input type="text" inputMode="decimal" {...common} />
      ) : (
        <textarea rows={3} {...common} className={isPlain(field) ? "input prose" : "input"} spellCheck={isPlain(field)} />
      )}
      <p id={`${id}-help`} className={isWrong ? "field-error" : "field-help"}>
        {isWrong ? t("values.wrong") : field.description}
      </p>
    </div>
  );
}
