import { useMutation, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useNavigate } from "react-router";

import type { Schema } from "../api/catalog";
import { detailOf, get, post, Problem, type Schemas } from "../api/client";
import { useStarting } from "../api/starting";
import { useSamples } from "../editor/data";
import type { EditorHandle } from "../editor/Editor";
import { exampleOf } from "../editor/model/fields";
import { useT } from "../i18n";
import { Button, ErrorBanner } from "../ui/kit";
import { FindingList, type PublishFinding } from "./FindingList";

/** Runs a workflow with a payload: its draft, dry; or what is published, for good. */
export function StartDialog({
  editor,
  workflow,
  isDry,
  onClose,
}: {
  editor: EditorHandle;
  workflow: Schemas["WorkflowWithDraft"];
  isDry: boolean;
  onClose: () => void;
}) {
  const t = useT();
  const example = useExample(workflow);
  const [typed, setTyped] = useState<string | null>(null);
  const id = useId();
  const navigate = useNavigate();
  const text = typed ?? (example === undefined ? "" : JSON.stringify(example, null, 2));
  const payload = parsed(text);
  const startRun = useStarting<Schemas["StartedRunAnswer"]>();
  const start = useMutation({
    mutationFn: () =>
      isDry
        ? post<Schemas["StartedTrialAnswer"]>(
            `/api/workflow-definitions/${workflow.workflowId}/${workflow.draftVersion}/simulate`,
            { payload },
          )
        : startRun("/api/workflow-runs", { workflowId: workflow.workflowId, payload }),
    onSuccess: ({ runId }) => navigate(`/runs/${runId}`),
  });
  const findings = start.error instanceof Problem ? (start.error.errors as unknown as PublishFinding[]) : [];
  const isRefused = start.error instanceof Problem && start.error.code === "TRIAL_REFUSED";
  return (
    <>
      {start.error ? <ErrorBanner>{t("publish.failed", { detail: detailOf(start.error) })}</ErrorBanner> : null}
      {isRefused ? (
        <FindingList title={t("publish.findings")} findings={findings} editor={editor} onClose={onClose} />
      ) : null}
      <p>{t(isDry ? "publish.try.what" : "publish.run.what")}</p>
      <div className="field">
        <label htmlFor={id}>{t("publish.payload")}</label>
        <textarea
          id={id}
          className="input"
          rows={12}
          spellCheck={false}
          value={text}
          aria-invalid={payload === undefined}
          aria-describedby={`${id}-help`}
          onChange={(event) => setTyped(event.target.value)}
        />
        <p id={`${id}-help`} className={payload === undefined ? "field-error" : "field-help"}>
          {t(payload === undefined ? "publish.payload.wrong" : "publish.payload.hint")}
        </p>
      </div>
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button
          kind="primary"
          isDisabled={payload === undefined || start.isPending}
          onPress={() => start.mutate()}
        >
          {t(isDry ? "publish.try.do" : "publish.run.do")}
        </Button>
      </footer>
    </>
  );
}

/** What the workflow was started with last; else an example of what starts it. */
function useExample(workflow: Schemas["WorkflowWithDraft"]): unknown {
  const samples = useSamples(workflow.workflowId);
  const ref = workflow.payloadSchemaRef;
  const schema = useQuery({
    queryKey: ["schema", ref],
    queryFn: ({ signal }) => get<Schema>(`/api/workflow/registry/schemas/${encodeURIComponent(ref ?? "")}`, signal),
    enabled: ref !== null,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (samples === undefined && schema.isLoading) {
    return undefined;
  }
  return samples?.payload ?? (schema.data ? exampleOf(schema.data) : {});
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value = (text.trim() === "" ? {} : JSON.parse(text)) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
