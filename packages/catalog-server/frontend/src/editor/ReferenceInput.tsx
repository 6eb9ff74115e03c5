import { Braces, X } from "lucide-react";
import { useState } from "react";
import { Button } from "react-aria-components";

import { useT } from "../i18n";
import { IconButton } from "../ui/kit";
import { DataPicker } from "./DataPicker";
import type { InputProps } from "./inputs";
import { nodeAt } from "./model/data";
import { asReference } from "./model/expressions";
import { expressionOf, type Json } from "./model/json";
import type { Scope, Typed } from "./model/scope";
import { sampleText } from "./samples";

/** A path to data, picked from what can be read here. */
export function ReferenceInput({
  value,
  target,
  scope,
  onChange,
  ...props
}: InputProps & {
  value: Json | undefined;
  target: Typed;
  scope: Scope;
  onChange: (value: Json | undefined) => void;
}) {
  const t = useT();
  const [isOpen, setOpen] = useState(false);
  const source = expressionOf(value) ?? "";
  const path = asReference(source);
  const node = path && nodeAt(scope, path);
  const sample = sampleText(node?.sample);
  return (
    <div className="ed-reference">
      <Button
        className={`ed-input ed-reference-button ${source ? "" : "ed-placeholder"}`}
        aria-labelledby={`${props.labelId} ${props.labelId}-r`}
        aria-describedby={props.describedBy}
        isDisabled={props.isDisabled}
        onPress={() => setOpen(true)}
        data-invalid={props.isInvalid || undefined}
      >
        <Braces size={14} aria-hidden />
        <span id={`${props.labelId}-r`} className="ed-reference-words">
          <span className="ed-reference-path">{source === "" ? t("editor.reference.choose") : source}</span>
          {sample ? <small className="ed-sample">{sample}</small> : null}
        </span>
      </Button>
      {source !== "" && !props.isDisabled ? (
        <IconButton label={t("editor.reference.clear")} onPress={() => onChange(undefined)}>
          <X size={14} aria-hidden />
        </IconButton>
      ) : null}
      {isOpen ? (
        <DataPicker
          title={t("editor.picker.title", { field: props.label })}
          scope={scope}
          target={target}
          onClose={() => setOpen(false)}
          onPick={(picked) => {
            setOpen(false);
            onChange({ $expr: picked });
          }}
        />
      ) : null}
    </div>
  );
}
