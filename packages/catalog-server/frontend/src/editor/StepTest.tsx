import { useMutation, useQuery } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { Checkbox } from "react-aria-components";
import { Link } from "react-router";

import type { ActionContract } from "../api/catalog";
import { detailOf, get, post, Problem, type Schemas } from "../api/client";
import { named, useT } from "../i18n";
import { Badge, Button, ErrorBanner, JsonView, ModalDialog } from "../ui/kit";
import { ValueFields } from "../values/ValueFields";
import { readTexts, type Texts, textOf } from "../values/values";
import { useShared } from "./context";
import type { Tried } from "./data";
import { useSubject } from "./field";
import { configOf } from "./model/document";
import { fieldsOf } from "./model/fields";
import { expressionOf, isObject, type Json, type JsonObject, secretOf } from "./model/json";
import { EffectBadge } from "./tiles";

/** Runs the action of this step alone: dry, or for good. */
export function StepTest({ contract }: { contract: ActionContract }) {
  const t = useT();
  const { canEdit } = useShared();
  const [isOpen, setIsOpen] = useState(false);
  const { prepare, prepared } = usePrepared(contract);
  if (!canEdit || !contract.available) {
    return null;
  }
  return (
    <>
      <Button
        isDisabled={prepare.isPending}
        onPress={() => prepare.mutate(undefined, { onSuccess: () => setIsOpen(true) })}
      >
        <FlaskConical size={16} aria-hidden /> {t("editor.test")}
      </Button>
      <ModalDialog
        title={t("editor.test.title", { action: contract.label })}
        isOpen={isOpen}
        onClose={() => setIsOpen(false)}
      >
        {prepared ? <Test contract={contract} prepared={prepared} onClose={() => setIsOpen(false)} /> : null}
      </ModalDialog>
    </>
  );
}

/** The input of the step as values: expressions as they are on sample data, secrets as they are named. */
interface Prepared {
  texts: Texts;
  secrets: JsonObject;
}

function usePrepared(contract: ActionContract) {
  const { own, scope } = useSubject();
  const prepare = useMutation({
    mutationFn: async (): Promise<Prepared> => {
      const mapping = configOf(own).inputMapping;
      const texts: Record<string, string> = {};
      const secrets: JsonObject = {};
      for (const field of fieldsOf(contract.inputSchema)) {
        const given = isObject(mapping) ? mapping[field.name] : undefined;
        if (given !== undefined && secretOf(given) !== undefined) {
          secrets[field.name] = given;
        } else {
          texts[field.name] = textOf(field, await valueOf(given, scope.values));
        }
      }
      return { texts, secrets };
    },
  });
  return { prepare, prepared: prepare.data };
}

async function valueOf(given: Json | undefined, scope: JsonObject): Promise<Json | undefined> {
  const expression = expressionOf(given);
  if (expression === undefined) {
    return given;
  }
  const tried = await post<Tried>("/api/workflow/expressions/try", { expression, scope });
  return tried.problem === null && !tried.missing ? tried.value : undefined;
}

function Test({
  contract,
  prepared,
  onClose,
}: {
  contract: ActionContract;
  prepared: Prepared;
  onClose: () => void;
}) {
  const t = useT();
  const { workflowId, canRun } = useShared();
  const [texts, setTexts] = useState(prepared.texts);
  const [wrong, setWrong] = useState<readonly string[]>([]);
  const [isLive, setLive] = useState(false);
  const fields = fieldsOf(contract.inputSchema).filter((field) => !(field.name in prepared.secrets));
  const path = `/api/workflow/registry/actions/${encodeURIComponent(contract.id)}/${contract.version}/test`;
  const start = useMutation({
    mutationFn: (input: JsonObject) =>
      post<Schemas["StartedTrialAnswer"]>(path, { input: { ...input, ...prepared.secrets }, live: isLive, workflowId }),
  });
  const run = useTrial(start.data?.runId);
  const isUnderWay = start.isPending || (start.data !== undefined && !run.isOver);
  const send = () => {
    const read = readTexts(fields, texts);
    setWrong(read.wrong);
    if (read.wrong.length === 0) {
      const given = Object.entries(read.values).filter(([, value]) => value !== null);
      start.mutate(Object.fromEntries(given));
    }
  };
  const problems = start.error instanceof Problem ? start.error.errors : [];
  return (
    <>
      <p className="ed-test-what">
        <EffectBadge effect={contract.effect} /> {contract.description}
      </p>
      {start.error ? (
        <ErrorBanner>
          {detailOf(start.error)}
          <ul>
            {problems.map((problem, index) => (
              <li key={index}>{problem.message}</li>
            ))}
          </ul>
        </ErrorBanner>
      ) : null}
      <ValueFields
        fields={fields}
        texts={texts}
        wrong={wrong}
        onChange={(name, text) => setTexts({ ...texts, [name]: text })}
      />
      {contract.effect !== "READ" && canRun ? (
        <Checkbox className="choice" isSelected={isLive} onChange={setLive}>
          <span className="choice-mark box" aria-hidden />
          <span>
            <strong>{t("editor.test.live")}</strong>
            <small className="muted">{t("editor.test.live.hint")}</small>
          </span>
        </Checkbox>
      ) : null}
      <div role="status" aria-live="polite">
        {isUnderWay ? <p className="muted">{t("editor.test.pending")}</p> : null}
        {run.isOver && run.status ? (
          <p>
            <Badge tone={run.status === "SUCCEEDED" ? "success" : "danger"}>
              {named(t, "workflows.run", run.status)}
            </Badge>{" "}
            {run.wouldDo ? <Badge tone="warning">{t("runs.wouldDo")}</Badge> : null}{" "}
            <Link to={`/runs/${start.data?.runId}`}>{t("editor.test.open")}</Link>
          </p>
        ) : null}
      </div>
      {run.isOver && run.error ? <ErrorBanner>{run.error}</ErrorBanner> : null}
      {run.isOver && run.output !== undefined ? <JsonView value={run.output} label={t("runs.output")} /> : null}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.close")}</Button>
        <Button kind={isLive ? "danger" : "primary"} isDisabled={isUnderWay} onPress={send}>
          {t(isLive ? "editor.test.doLive" : contract.effect === "READ" ? "editor.test.read" : "editor.test.dry")}
        </Button>
      </footer>
    </>
  );
}

/** How the run of a test goes, and what its one step gave. */
function useTrial(runId: string | undefined) {
  const run = useQuery({
    queryKey: ["run", runId],
    queryFn: ({ signal }) => get<Schemas["RunWithPayload"]>(`/api/workflow-runs/${runId}`, signal),
    enabled: runId !== undefined,
    refetchInterval: (query) => (query.state.data?.completedAt == null ? 500 : false),
  });
  const isOver = run.data?.completedAt != null;
  const steps = useQuery({
    queryKey: ["steps", runId],
    queryFn: ({ signal }) => get<Schemas["StepList"]>(`/api/workflow-runs/${runId}/steps`, signal),
    enabled: isOver,
  });
  const [step] = steps.data?.steps ?? [];
  const error = run.data?.error as { message?: string } | null | undefined;
  return {
    isOver: isOver && steps.data !== undefined,
    status: run.data?.status,
    error: error?.message,
    output: step?.output ?? undefined,
    wouldDo: step?.wouldDo ?? false,
  };
}
