import { Braces, KeyRound, SquareFunction, TextCursorInput } from "lucide-react";
import { memo, useCallback, useRef, useState } from "react";
import { ToggleButton, ToggleButtonGroup, Tooltip, TooltipTrigger } from "react-aria-components";

import { type MessageId, useT } from "../i18n";
import { useShared } from "./context";
import { useSubject } from "./field";
import { FieldFrame } from "./FieldFrame";
import { ExpressionInput } from "./ExpressionInput";
import { FixedInput } from "./FixedInput";
import type { Field } from "./model/fields";
import { type Finding, findingsAt } from "./model/findings";
import { getAt, type Json, placeText, type Place, secretOf } from "./model/json";
import { type Mode, shownMode, switchMode } from "./model/modes";
import type { Scope, Typed } from "./model/scope";
import { ReferenceInput } from "./ReferenceInput";
import { SecretInput } from "./SecretInput";

const ICONS = { fixed: TextCursorInput, reference: Braces, expression: SquareFunction, secret: KeyRound } as const;

/** A value that is fixed, picked from data, or computed; each keeps what was typed in it. */
export function ValueField({
  place,
  field,
  modes,
  scope,
  optionsField,
  className,
}: {
  place: Place;
  field: Field;
  /** Those that are possible here; else all that the field can have. */
  modes?: readonly Mode[];
  /** What can be read here, if it is not what the step can read. */
  scope?: Scope;
  /** Under what name the field's options are asked for. */
  optionsField?: string;
  className?: string;
}) {
  const t = useT();
  const { memory, canEdit, announce } = useShared();
  const subject = useSubject();
  const [, redraw] = useState(0);
  const id = `${subject.key ?? "workflow"}:${placeText(place)}`;
  const value = getAt(subject.own, place);
  const remembered = memory.get(id);
  const mode = shownMode(value, remembered);
  const possible = modes ?? (field.isSecret || CREDENTIAL.test(field.name) ? ALL : WITHOUT_SECRET);
  const offered = possible.includes(mode) ? possible : [...possible, mode];
  const target: Typed = { schema: field.schema, root: field.root };
  const readable = scope ?? subject.scope;

  const isOpen = mode === "fixed" && ["list", "object", "map"].includes(field.kind) && value !== undefined;
  const text = placeText(place);
  const isGiven = (finding: Finding) =>
    finding.code === "MISSING_REQUIRED_MAPPING" && finding.field === text && value !== undefined;
  // What was missing and is not any more needs no answer of the server;
  // what a field inside of this one shows is not said twice, and neither what the preview of an expression says.
  const findings = findingsAt(subject.findings, text).filter(
    (finding) =>
      !isGiven(finding) &&
      (!isOpen || finding.field === text) &&
      !(mode === "expression" && finding.code === "INVALID_EXPRESSION"),
  );

  const set = (next: Json | undefined) => {
    // Who writes an expression goes on with it, also while it is nothing but a path.
    memory.set(id, { mode, values: remembered?.values ?? {} });
    subject.set(place, next);
  };
  const choose = (next: Mode) => {
    if (next === mode) {
      return;
    }
    const switched = switchMode(value, remembered, next);
    memory.set(id, switched.remembered);
    subject.set(place, switched.value);
    redraw((count) => count + 1);
    announce(t("editor.said.mode", { field: field.label, mode: t(`editor.mode.${next}`) }));
  };
  const now = useRef(choose);
  now.current = choose;
  const onChoose = useCallback((next: Mode) => now.current(next), []);

  return (
    <FieldFrame
      place={place}
      label={field.label}
      description={field.description}
      isRequired={field.isRequired}
      findings={findings}
      className={className}
      tools={
        offered.length > 1 ? <Modes label={field.label} mode={mode} offered={offered} onChoose={onChoose} /> : null
      }
    >
      {(ids) => {
        const common = { ...ids, label: field.label, isDisabled: !canEdit };
        switch (mode) {
          case "fixed":
            return (
              <FixedInput
                {...common}
                place={place}
                field={field}
                value={value}
                optionsField={optionsField}
                onChange={set}
              />
            );
          case "reference":
            return <ReferenceInput {...common} value={value} target={target} scope={readable} onChange={set} />;
          case "expression":
            return <ExpressionInput {...common} value={value} scope={readable} onChange={set} />;
          case "secret":
            return <SecretInput {...common} name={secretOf(value) ?? ""} onChange={set} />;
        }
      }}
    </FieldFrame>
  );
}

/** Which kind of value the field has; not drawn again for each letter that is typed. */
const Modes = memo(function Modes({
  label,
  mode,
  offered,
  onChoose,
}: {
  label: string;
  mode: Mode;
  offered: readonly Mode[];
  onChoose: (mode: Mode) => void;
}) {
  const t = useT();
  const { canEdit } = useShared();
  return (
    <ToggleButtonGroup
      className="ed-modes"
      aria-label={t("editor.mode.label", { field: label })}
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[mode]}
      isDisabled={!canEdit}
      onSelectionChange={(keys) => onChoose([...keys][0] as Mode)}
    >
      {offered.map((each) => {
        const Icon = ICONS[each];
        return (
          <TooltipTrigger key={each} delay={500}>
            <ToggleButton id={each} className="ed-mode" aria-label={t(`editor.mode.${each}`)}>
              <Icon size={14} aria-hidden />
            </ToggleButton>
            <Tooltip className="tooltip">{t(`editor.mode.${each}.hint` as MessageId)}</Tooltip>
          </TooltipTrigger>
        );
      })}
    </ToggleButtonGroup>
  );
});

const WITHOUT_SECRET: readonly Mode[] = ["fixed", "reference", "expression"];
/** Names of fields that may want a secret, though their schema does not say so. */
const CREDENTIAL = /(secret|token|password|credential|authorization|api_?key)/i;
const ALL: readonly Mode[] = [...WITHOUT_SECRET, "secret"];

/** Modes of a field that has to be an expression. */
export const COMPUTED: readonly Mode[] = ["reference", "expression"];
