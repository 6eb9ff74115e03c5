import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { detailOf, get, post, Problem, type Schemas } from "../api/client";
import { type ActionContract, useActions } from "../api/catalog";
import { fieldsOf } from "../editor/model/fields";
import { isObject, type Json } from "../editor/model/json";
import { sampleText } from "../editor/samples";
import { useT } from "../i18n";
import { Badge, Button, ErrorBanner } from "../ui/kit";
import { tell } from "../ui/toasts";
import { forgetRun } from "./data";
import { ValueField } from "../values/ValueFields";
import { readTexts, type Texts, textOf } from "../values/values";

type Preview = Schemas["ResumePreviewAnswer"];

/** What resuming reuses and what it sends, before it is done; the failed action may be given other values. */
export function Resume({
  id,
  titleOfStep,
  onClose,
}: {
  id: string;
  titleOfStep: (path: string, fallback: string) => string;
  onClose: () => void;
}) {
  const t = useT();
  const queries = useQueryClient();
  const actions = useActions();
  const [texts, setTexts] = useState<Texts>({});
  const [wrong, setWrong] = useState<readonly string[]>([]);
  const preview = useQuery({
    queryKey: ["resume", id],
    queryFn: ({ signal }) => get<Preview>(`/api/workflow-runs/${id}/resume`, signal),
    gcTime: 0,
  });
  const failed = preview.data?.failedStep ?? null;
  const contract = failed?.actionId ? actions?.get(`${failed.actionId}@${failed.actionVersion}`) : undefined;
  const resume = useMutation({
    mutationFn: (input: Record<string, Json>) => post(`/api/workflow-runs/${id}/resume`, { input }),
    onSuccess: async () => {
      tell(t("runs.resume.done"));
      onClose();
      await forgetRun(queries, id);
    },
  });
  const send = () => {
    const changed = contract ? fieldsOf(contract.inputSchema).filter((field) => field.name in texts) : [];
    const read = readTexts(changed, texts);
    setWrong(read.wrong);
    if (read.wrong.length === 0) {
      resume.mutate(read.values);
    }
  };
  const label = (step: { actionId: string; actionVersion: number }) =>
    actions?.get(`${step.actionId}@${step.actionVersion}`)?.label ?? step.actionId;
  const problem = preview.error ?? resume.error;
  return (
    <>
      {problem ? (
        <ErrorBanner>
          {t("runs.failed", { detail: detailOf(problem) })}
          <ul>
            {(problem instanceof Problem ? problem.errors : []).map((each, index) => (
              <li key={index}>{`${each.path}: ${each.message}`}</li>
            ))}
          </ul>
        </ErrorBanner>
      ) : null}
      {preview.data ? (
        <>
          {failed && contract ? (
            <Correction
              contract={contract}
              given={failed.input as Json}
              texts={texts}
              wrong={wrong}
              onChange={setTexts}
            />
          ) : null}
          <section>
            <h3>{t("runs.resume.sent")}</h3>
            <ul className="plain-list">
              {preview.data.sent.map((step) => (
                <li key={step.stepPath}>
                  <StepName title={titleOfStep(step.stepPath, step.stepId)} action={label(step)} />
                  {step.conditional ? <Badge>{t("runs.resume.conditional")}</Badge> : null}
                </li>
              ))}
            </ul>
            {preview.data.itemsLeft > 0 ? (
              <p className="muted">{t("runs.resume.itemsLeft", { count: preview.data.itemsLeft })}</p>
            ) : null}
          </section>
          <section>
            <h3>{t("runs.resume.reused", { count: preview.data.reusedCount })}</h3>
            <ul className="plain-list run-reused">
              {preview.data.reused.map((step) => (
                <li key={`${step.runId} ${step.stepPath} ${step.iteration}`}>
                  <StepName title={titleOfStep(step.stepPath, step.stepId)} action={label(step)} />
                  {step.iteration ? (
                    <small className="muted">{t("runs.iteration", { iteration: itemText(step.iteration) })}</small>
                  ) : null}
                </li>
              ))}
            </ul>
          </section>
        </>
      ) : null}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="primary" isDisabled={!preview.data || resume.isPending} onPress={send}>
          {failed ? t("runs.resume.do", { step: titleOfStep(failed.stepPath, failed.stepId) }) : t("runs.resume")}
        </Button>
      </footer>
    </>
  );
}

function StepName({ title, action }: { title: string; action: string }) {
  return (
    <>
      <span>{title}</span>
      {title === action ? null : <small className="muted">{action}</small>}
    </>
  );
}

/** `3.1` as people count: `4.2`. */
function itemText(iteration: string): string {
  return iteration
    .split(".")
    .map((index) => Number(index) + 1)
    .join(".");
}

/** The input of the step that failed; each value can be replaced by another one. */
function Correction({
  contract,
  given,
  texts,
  wrong,
  onChange,
}: {
  contract: ActionContract;
  given: Json;
  texts: Texts;
  wrong: readonly string[];
  onChange: (texts: Texts) => void;
}) {
  const t = useT();
  const values = isObject(given) ? given : {};
  return (
    <section>
      <h3>{t("runs.resume.input", { action: contract.label })}</h3>
      <ul className="plain-list run-correction">
        {fieldsOf(contract.inputSchema)
          .filter((field) => !field.isSecret)
          .map((field) =>
            field.name in texts ? (
              <li key={field.name}>
                <ValueField
                  field={field}
                  text={texts[field.name] ?? ""}
                  isWrong={wrong.includes(field.name)}
                  isFocused
                  onChange={(text) => onChange({ ...texts, [field.name]: text })}
                />
                <Button
                  kind="quiet"
                  onPress={() => onChange(Object.fromEntries(Object.entries(texts).filter(([name]) => name !== field.name)))}
                >
                  {t("runs.resume.asBefore")}
                </Button>
              </li>
            ) : (
              <li key={field.name}>
                <span className="run-given">
                  <strong>{field.label}</strong>
                  <span className="muted">{sampleText(values[field.name] ?? undefined) || t("values.none")}</span>
                </span>
                <Button
                  kind="quiet"
                  aria-label={t("runs.resume.changeField", { field: field.label })}
                  onPress={() => onChange({ ...texts, [field.name]: textOf(field, values[field.name]) })}
                >
                  {t("runs.resume.change")}
                </Button>
              </li>
            ),
          )}
      </ul>
    </section>
  );
}
