/** Fields that are always fixed: names, numbers, choices. */

import { useEffect, useState } from "react";

import { useT } from "../i18n";
import { useShared } from "./context";
import { useSubject } from "./field";
import { FieldFrame } from "./FieldFrame";
import { Select } from "./kit";
import { getAt, type Json, type Place } from "./model/json";
import { UNITS, type Unit, unitOf } from "./summary";

interface Common {
  place: Place;
  label: string;
  description?: string;
  isRequired?: boolean;
}

export function PlainText({
  place,
  label,
  description,
  isRequired,
  isLong = false,
  placeholder,
}: Common & { isLong?: boolean; placeholder?: string }) {
  const { canEdit } = useShared();
  const subject = useSubject();
  const value = getAt(subject.own, place);
  return (
    <FieldFrame place={place} label={label} description={description} isRequired={isRequired}>
      {({ labelId, describedBy, isInvalid }) => {
        const props = {
          className: "ed-input",
          value: typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value),
          placeholder,
          "aria-labelledby": labelId,
          "aria-describedby": describedBy,
          "aria-invalid": isInvalid,
          "aria-required": isRequired,
          disabled: !canEdit,
          onChange: (event: { target: { value: string } }) =>
            subject.set(place, event.target.value === "" && !isRequired ? undefined : event.target.value),
        };
        return isLong ? <textarea rows={2} {...props} /> : <input type="text" {...props} />;
      }}
    </FieldFrame>
  );
}

/** Text that counts when it is complete: a name that others refer to. */
export function CommittedText({
  place,
  label,
  description,
  isRequired,
  value,
  onCommit,
  prefix,
}: Common & { value: string; onCommit: (text: string) => void; prefix?: string }) {
  const { canEdit } = useShared();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const commit = () => {
    if (typed.trim() !== value) {
      onCommit(typed.trim());
    }
  };
  return (
    <FieldFrame place={place} label={label} description={description} isRequired={isRequired}>
      {({ labelId, describedBy, isInvalid }) => (
        <div className="ed-prefixed">
          {prefix ? <span aria-hidden>{prefix}</span> : null}
          <input
            type="text"
            className="ed-input ed-mono"
            value={typed}
            aria-labelledby={labelId}
            aria-describedby={describedBy}
            aria-invalid={isInvalid}
            disabled={!canEdit}
            spellCheck={false}
            onChange={(event) => setTyped(event.target.value)}
            onBlur={commit}
            onKeyDown={(event) => {
              if (event.key === "Enter") {
                event.preventDefault();
                commit();
              } else if (event.key === "Escape" && typed !== value) {
                event.stopPropagation();
                setTyped(value);
              }
            }}
          />
        </div>
      )}
    </FieldFrame>
  );
}

export function PlainNumber({ place, label, description, placeholder }: Common & { placeholder?: string }) {
  const { canEdit } = useShared();
  const subject = useSubject();
  const value = getAt(subject.own, place);
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (value === undefined || value === null ? "" : String(value));
  return (
    <FieldFrame place={place} label={label} description={description}>
      {({ labelId, describedBy, isInvalid }) => (
        <input
          className="ed-input"
          inputMode="decimal"
          value={shown}
          placeholder={placeholder}
          aria-labelledby={labelId}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          disabled={!canEdit}
          onBlur={() => setTyped(null)}
          onChange={(event) => {
            const text = event.target.value;
            setTyped(text);
            const number = Number(text);
            subject.set(place, text.trim() === "" ? undefined : Number.isFinite(number) ? number : text);
          }}
        />
      )}
    </FieldFrame>
  );
}

export function PlainChoice<T extends string>({
  place,
  label,
  description,
  options,
  fallback,
  onChange,
}: Common & {
  options: readonly { value: T; label: string; description?: string }[];
  fallback: T;
  onChange?: (value: T) => void;
}) {
  const { canEdit } = useShared();
  const subject = useSubject();
  const value = getAt(subject.own, place);
  return (
    <FieldFrame place={place} label={label} description={description}>
      {() => (
        <Select
          label={label}
          value={typeof value === "string" ? (value as T) : fallback}
          options={
            typeof value === "string" && !options.some((each) => each.value === value)
              ? [...options, { value: value as T, label: value }]
              : options
          }
          isDisabled={!canEdit}
          onChange={(chosen) => (onChange ? onChange(chosen) : subject.set(place, chosen))}
        />
      )}
    </FieldFrame>
  );
}

/** Milliseconds, in the unit that suits them. */
export function DurationField({ place, label, description, isOptional = false }: Common & { isOptional?: boolean }) {
  const t = useT();
  const { canEdit } = useShared();
  const subject = useSubject();
  const value = getAt(subject.own, place);
  const milliseconds = typeof value === "number" ? value : undefined;
  const [unit, setUnit] = useState<Unit>(() => unitOf(milliseconds ?? 60_000));
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (milliseconds === undefined ? "" : String(milliseconds / UNITS[unit]));
  const set = (text: string, by: Unit) => {
    const number = Number(text.replace(",", "."));
    const next: Json | undefined =
      text.trim() === ""
        ? isOptional
          ? undefined
          : 0
        : Number.isFinite(number)
          ? Math.round(number * UNITS[by])
          : undefined;
    if (next !== undefined || text.trim() === "") {
      subject.set(place, next);
    }
  };
  return (
    <FieldFrame place={place} label={label} description={description}>
      {({ labelId, describedBy, isInvalid }) => (
        <div className="ed-pair">
          <input
            className="ed-input"
            inputMode="decimal"
            value={shown}
            aria-labelledby={labelId}
            aria-describedby={describedBy}
            aria-invalid={isInvalid}
            disabled={!canEdit}
            onBlur={() => setTyped(null)}
            onChange={(event) => {
              setTyped(event.target.value);
              set(event.target.value, unit);
            }}
          />
          <Select
            label={t("editor.duration.unit", { field: label })}
            value={unit}
            options={(Object.keys(UNITS) as Unit[]).map((each) => ({ value: each, label: t(`editor.unit.${each}`) }))}
            isDisabled={!canEdit}
            onChange={(next) => {
              setUnit(next);
              if (shown !== "") {
                set(shown, next);
              }
            }}
          />
        </div>
      )}
    </FieldFrame>
  );
}
