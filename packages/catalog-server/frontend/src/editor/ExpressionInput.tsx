import { Braces } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button } from "react-aria-components";

import { useT } from "../i18n";
import { DataPicker } from "./DataPicker";
import { useTriedExpression } from "./data";
import { ExpressionEditor } from "./expressionEditor";
import type { InputProps } from "./inputs";
import { expressionOf, type Json } from "./model/json";
import type { Scope } from "./model/scope";
import { sampleText } from "./samples";

/** An expression with completion from what can be read here, and with its value on sample data. */
export function ExpressionInput({
  value,
  scope,
  onChange,
  label,
  labelId,
  describedBy,
  isInvalid,
  isDisabled,
}: InputProps & {
  value: Json | undefined;
  scope: Scope;
  onChange: (value: Json | undefined) => void;
}) {
  const t = useT();
  const holder = useRef<HTMLDivElement>(null);
  const editor = useRef<ExpressionEditor | null>(null);
  const source = expressionOf(value) ?? "";
  const latest = useRef({ onChange, scope });
  latest.current = { onChange, scope };
  const [isPicking, setPicking] = useState(false);
  const { tried, isCurrent } = useTriedExpression(source, scope.values);
  const words = t("editor.expression.label", { field: label });

  useEffect(() => {
    const created = new ExpressionEditor(holder.current as HTMLDivElement, {
      source,
      label: words,
      describedBy,
      isReadOnly: isDisabled,
      scope: () => latest.current.scope,
      onChange: (text) => latest.current.onChange(text === "" ? undefined : { $expr: text }),
    });
    editor.current = created;
    return () => created.destroy();
    // The editor lives as long as the field; what changes is told to it below.
  }, []);

  useEffect(() => editor.current?.setSource(source), [source]);
  useEffect(() => {
    const problem = isCurrent ? tried?.problem : undefined;
    editor.current?.setProblem(problem ? { message: problem.message, position: problem.position } : null);
  }, [tried, isCurrent]);

  return (
    <div className="ed-expression" data-invalid={isInvalid || undefined}>
      <div ref={holder} className="ed-code-editor" aria-labelledby={labelId} />
      <div className="ed-expression-foot">
        <Button className="ed-add-item" isDisabled={isDisabled} onPress={() => setPicking(true)}>
          <Braces size={14} aria-hidden /> {t("editor.expression.insert")}
        </Button>
      </div>
      <output className="ed-preview" aria-live="polite">
        {tried === undefined ? (
          <span className="ed-muted">{t("editor.expression.empty")}</span>
        ) : tried.problem ? (
          <span className="ed-preview-error">{tried.problem.message}</span>
        ) : (
          <>
            <span className="ed-muted">
              {t(scope.isReal ? "editor.expression.gives" : "editor.expression.wouldGive")}
            </span>{" "}
            <code>{tried.missing ? t("editor.expression.nothing") : sampleText(tried.value, 300)}</code>
          </>
        )}
      </output>
      {isPicking ? (
        <DataPicker
          title={t("editor.picker.title", { field: label })}
          scope={scope}
          target={undefined}
          onClose={() => setPicking(false)}
          onPick={(picked) => {
            setPicking(false);
            editor.current?.insert(picked);
          }}
        />
      ) : null}
    </div>
  );
}
