import { Link } from "react-router";

import { useT } from "../i18n";
import { Button, JsonView } from "../ui/kit";
import type { Step } from "./data";
import { Failure } from "./Failure";
import { useRunContent } from "./StepTree";

/** What a step took and gave, and why it failed. */
export function StepDetails({ step }: { step: Step }) {
  const t = useT();
  const { runId, workflowId, canRun, onSettle } = useRunContent();
  const isUncertain = step.status === "WAITING" && step.error?.code === "EFFECT_UNCERTAIN";
  const effect = isUncertain ? step.error?.details?.invocationId : undefined;
  const waitsForPerson = step.status === "WAITING" && step.type === "human.task";
  const called = (step.output as { childRunId?: string } | null)?.childRunId;
  const isEmpty = step.error === null && step.input === null && step.output === null && step.notes.length === 0;
  return (
    <div className="run-step-body">
      {step.error ? (
        <Failure
          error={step.error}
          workflowId={workflowId}
          action={
            isUncertain && canRun ? (
              <Button onPress={() => onSettle(String(effect))}>{t("runs.settle.open")}</Button>
            ) : null
          }
        />
      ) : null}
      {waitsForPerson ? (
        <p>
          {t("runs.waitsForTask")} <Link to={`/tasks?run=${runId}`}>{t("runs.waitsForTask.go")}</Link>
        </p>
      ) : null}
      {step.type === "control.callWorkflow" && called ? (
        <p>
          <Link to={`/runs/${called}`}>{t("runs.called")}</Link>
        </p>
      ) : null}
      {step.notes.map((note, index) => (
        <p key={index} className="muted">
          {note}
        </p>
      ))}
      {step.input === null ? null : <Value label={t("runs.input")} value={step.input} />}
      {step.output === null ? null : <Value label={t("runs.output")} value={step.output} />}
      {isEmpty && !waitsForPerson ? <p className="muted">{t("runs.nothing")}</p> : null}
    </div>
  );
}

function Value({ label, value }: { label: string; value: unknown }) {
  return (
    <div>
      <h3>{label}</h3>
      <JsonView value={value} label={label} />
    </div>
  );
}
