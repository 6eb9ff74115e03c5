import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Play, Rocket } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { get, post, Problem, type Schemas } from "../api/client";
import type { EditorHandle } from "../editor/Editor";
import { useT } from "../i18n";
import { may, type Session } from "../session/session";
import { Badge, Button, ErrorBanner, ModalDialog } from "../ui/kit";
import { tell } from "../ui/toasts";

type Finding = Schemas["FindingAnswer"];

interface Difference {
  changes: { kind: "added" | "removed" | "moved" | "changed"; stepId: string | null }[];
}

const TONES = { added: "success", removed: "danger", moved: "plain", changed: "accent" } as const;

/** Runs what is published, and publishes what is drafted. */
export function PublishActions({ editor, session }: { editor: EditorHandle; session: Session }) {
  const t = useT();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [isOpen, setIsOpen] = useState(false);
  const workflow = useQuery({
    queryKey: ["workflow", editor.workflowId],
    queryFn: ({ signal }) => get<Schemas["WorkflowWithDraft"]>(`/api/workflow-definitions/${editor.workflowId}`, signal),
  });
  const run = useMutation({
    mutationFn: () => post<Schemas["StartedRunAnswer"]>("/api/workflow-runs", { workflowId: editor.workflowId }),
    onSuccess: (started) => navigate(`/runs/${started.runId}`),
    onError: (error) => tell(t("runs.failed", { detail: error instanceof Problem ? error.detail : String(error) })),
  });
  const open = async () => {
    if (await editor.flush()) {
      await queries.invalidateQueries({ queryKey: ["workflow", editor.workflowId] });
      setIsOpen(true);
    }
  };
  const published = workflow.data?.publishedVersion ?? null;
  return (
    <>
      {may(session, "workflow:run") && published !== null ? (
        <Button isDisabled={run.isPending} onPress={() => run.mutate()}>
          <Play size={16} aria-hidden />
          {t("publish.run")}
        </Button>
      ) : null}
      {may(session, "workflow:publish") ? (
        <Button kind="primary" onPress={() => void open()}>
          <Rocket size={16} aria-hidden />
          {t("publish.button")}
        </Button>
      ) : null}
      {workflow.data ? (
        <ModalDialog title={t("publish.title")} isOpen={isOpen} onClose={() => setIsOpen(false)}>
          <PublishDialog editor={editor} workflow={workflow.data} onClose={() => setIsOpen(false)} />
        </ModalDialog>
      ) : null}
    </>
  );
}

function PublishDialog({
  editor,
  workflow,
  onClose,
}: {
  editor: EditorHandle;
  workflow: Schemas["WorkflowWithDraft"];
  onClose: () => void;
}) {
  const t = useT();
  const queries = useQueryClient();
  const published = workflow.publishedVersion;
  const [refused, setRefused] = useState<readonly Finding[]>([]);
  const difference = useQuery({
    queryKey: ["difference", workflow.workflowId, published, workflow.updatedAt],
    queryFn: ({ signal }) =>
      get<Difference>(`/api/workflow-definitions/${workflow.workflowId}/diff?from=${published}&to=draft`, signal),
    enabled: published !== null,
  });
  const publish = useMutation({
    mutationFn: () =>
      post<Schemas["PublishAnswer"]>(`/api/workflow-definitions/${workflow.workflowId}/${workflow.draftVersion}/publish`),
    onSuccess: async (answer) => {
      tell(t("publish.done", { version: answer.publishedVersion }));
      onClose();
      await Promise.all(
        [["workflow", workflow.workflowId], ["workflows"]].map((queryKey) => queries.invalidateQueries({ queryKey })),
      );
    },
    onError: (error) => {
      if (error instanceof Problem && error.code === "PUBLISH_REFUSED") {
        setRefused((error.document as { errors?: Finding[] }).errors ?? []);
      }
    },
  });
  const changes = difference.data?.changes ?? [];
  const show = (finding: Finding) => {
    onClose();
    editor.show({ stepPath: finding.stepPath, path: finding.path ?? undefined });
  };
  return (
    <>
      {publish.error ? (
        <ErrorBanner>
          {t("publish.failed", { detail: publish.error instanceof Problem ? publish.error.detail : "" })}
        </ErrorBanner>
      ) : null}
      {refused.length > 0 ? (
        <section>
          <h3>{t("publish.findings")}</h3>
          <ul className="plain-list">
            {refused.map((finding) => (
              <li key={`${finding.stepPath} ${finding.path} ${finding.code}`}>
                <span>{finding.message}</span>
                <Button kind="quiet" onPress={() => show(finding)}>
                  {t("publish.show")}
                </Button>
              </li>
            ))}
          </ul>
        </section>
      ) : published === null ? (
        <p>{t("publish.first", { count: stepCount(workflow) })}</p>
      ) : changes.length === 0 ? (
        <p>{difference.isPending ? "" : t("publish.same", { version: published })}</p>
      ) : (
        <section>
          <h3>{t("publish.changes")}</h3>
          <ul className="plain-list">
            {changes.map((change, index) => (
              <li key={index}>
                <Badge tone={TONES[change.kind]}>{t(`publish.change.${change.kind}`)}</Badge>
                <span>{change.stepId ?? t("publish.definition")}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="primary" isDisabled={publish.isPending} onPress={() => publish.mutate()}>
          {t("publish.do", { version: workflow.draftVersion })}
        </Button>
      </footer>
    </>
  );
}

function stepCount(workflow: Schemas["WorkflowWithDraft"]): number {
  const steps = (workflow.draft as { definition?: { steps?: unknown[] } } | null)?.definition?.steps;
  return steps?.length ?? 0;
}
