import { memo, useMemo } from "react";

import { useT } from "../i18n";
import { ModuleIcon, TypeIcon } from "../ui/icons";
import { ActionInspector } from "./ActionInspector";
import { useEnvironment, useShared } from "./context";
import { type Subject, SubjectContext } from "./field";
import { FindingLine } from "./FieldFrame";
import { type Key, typeOf, type WorkflowDocument } from "./model/document";
import { stepJson } from "./model/editor";
import type { Findings } from "./model/findings";
import { configOf } from "./model/document";
import { isObject } from "./model/json";
import { scopeAt } from "./model/scope";
import { PlainText } from "./plain";
import { StepFields } from "./StepFields";
import { contractOf, EffectBadge, moduleOf, typeDescription, typeLabel } from "./tiles";

/** What is known of one step, and what somebody can change of it. */
export const StepInspector = memo(function StepInspector({
  document,
  step,
  findings,
}: {
  document: WorkflowDocument;
  step: Key;
  findings: Findings;
}) {
  const t = useT();
  const shared = useShared();
  const environment = useEnvironment();
  const { dispatch } = shared;
  const node = document.nodes[step];
  const own = node?.own ?? null;
  const type = typeOf(own);
  const isCall = type === "action.call";
  const contract = isCall ? contractOf(shared, own) : undefined;
  const scope = useMemo(() => scopeAt(document, step, environment), [document, step, environment]);
  const subject = useMemo<Subject>(
    () => ({
      key: step,
      own,
      scope,
      findings: findings.byStep.get(step) ?? [],
      ...(contract ? { action: { id: contract.id, version: contract.version } } : {}),
      set: (place, value) => dispatch({ type: "set", key: step, place, value, at: Date.now() }),
    }),
    [step, own, scope, findings, contract, dispatch],
  );
  if (!node) {
    return null;
  }
  const isKnown = isObject(own) && shared.stepTypes.has(type);
  const module = isCall ? moduleOf(shared, own) : undefined;
  return (
    <SubjectContext value={subject}>
      <header className="ed-inspector-head">
        {isCall ? <ModuleIcon token={module?.iconToken} size={28} /> : <TypeIcon type={type} size={24} />}
        <div>
          <h2>
            {isCall
              ? (module?.label ?? t("editor.unavailable.missing"))
              : isKnown
                ? typeLabel(t, shared, type)
                : t("editor.unavailable.unknownType")}
          </h2>
          <p>{isCall ? (contract?.description ?? "") : isKnown ? typeDescription(t, shared, type) : type}</p>
        </div>
        {contract ? <EffectBadge effect={contract.effect} /> : null}
      </header>
      {isKnown ? (
        <>
          <StrayFindings />
          <PlainText
            place={["name"]}
            label={t("editor.step.name")}
            placeholder={isCall ? contract?.label : typeLabel(t, shared, type)}
          />
          {isCall ? (
            <ActionInspector key={`${step} ${String(configOf(own).actionId)}`} contract={contract} module={module} />
          ) : (
            <StepFields key={step} type={type} />
          )}
          <details className="ed-more-section">
            <summary>{t("editor.step.advanced")}</summary>
            <PlainText place={["id"]} label={t("editor.step.id")} description={t("editor.step.id.hint")} isRequired />
            <StoredJson document={document} step={step} />
          </details>
        </>
      ) : (
        <>
          <StrayFindings isAll />
          <p className="ed-note">{t("editor.unavailable.kept")}</p>
          <StoredJson document={document} step={step} />
        </>
      )}
    </SubjectContext>
  );
});

/** The step as it is stored, to read. */
export function StoredJson({ document, step }: { document: WorkflowDocument; step: Key }) {
  const t = useT();
  return (
    <div className="ed-field">
      <span className="ed-field-label">{t("editor.step.stored")}</span>
      <pre className="ed-json" tabIndex={0} aria-label={t("editor.step.stored")}>
        {stepJson(document, step)}
      </pre>
    </div>
  );
}

/** Findings that no field of the inspector shows. */
function StrayFindings({ isAll = false }: { isAll?: boolean }) {
  return (
    <SubjectContext.Consumer>
      {(subject) => {
        const stray = subject?.findings.filter((finding) => isAll || !INLINE.test(finding.field)) ?? [];
        return stray.length === 0 ? null : (
          <div className="ed-stray" data-field="">
            {stray.map((finding, index) => (
              <FindingLine key={`${finding.code} ${index}`} finding={finding} />
            ))}
          </div>
        );
      }}
    </SubjectContext.Consumer>
  );
}

const INLINE =
  /^(id|name|condition|items|itemVar|concurrency|onItemError|captureErrorAs|workflowId|workflowVersion|inputMapping\b.*|outputMapping\b.*|retry\b.*|onError\b.*|config\.(actionId|version|inputMapping\b.*|saveAs|idempotencyKey|assign\b.*|state|eventName|correlationKey|filters\b.*|timeoutMs|mode|durationMs|until|taskType|title|description|contextData))$/;
