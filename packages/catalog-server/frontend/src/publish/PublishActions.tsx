import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Activity, FlaskConical, History, MoreHorizontal, Play, Rocket } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { detailOf, get, post, Problem, type Schemas } from "../api/client";
import { useStarting } from "../api/starting";
import type { EditorHandle } from "../editor/Editor";
import { useT } from "../i18n";
import { may, type Session } from "../session/session";
import { Button, ErrorBanner, IconButton, MenuButton, ModalDialog } from "../ui/kit";
import { tell } from "../ui/toasts";
import { Difference } from "../versions/Difference";
import { FindingList, type PublishFinding } from "./FindingList";
import { StartDialog } from "./StartDialog";

type Workflow = Schemas["WorkflowWithDraft"];
type Shown = "publish" | "try" | "run";

/** Tries the draft out, runs what is published, and publishes what is drafted. */
export function PublishActions({ editor, session }: { editor: EditorHandle; session: Session }) {
  const t = useT();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [shown, setShown] = useState<Shown | null>(null);
  const workflow = useQuery({
    queryKey: ["workflow", editor.workflowId],
    queryFn: ({ signal }) => get<Workflow>(`/api/workflow-definitions/${editor.workflowId}`, signal),
  });
  const startRun = useStarting<Schemas["StartedRunAnswer"]>();
  const run = useMutation({
    mutationFn: () => startRun("/api/workflow-runs", { workflowId: editor.workflowId }),
    onSuccess: (started) => navigate(`/runs/${started.runId}`),
    onError: (error) => tell(t("runs.failed", { detail: detailOf(error) })),
  });
  const open = async (what: Shown) => {
    if (await editor.flush()) {
      await queries.invalidateQueries({ queryKey: ["workflow", editor.workflowId] });
      setShown(what);
    }
  };
  const found = workflow.data;
  const published = found?.publishedVersion ?? null;
  // What begins by hand needs no payload.
  const start = () => (found?.payloadSchemaRef && takesPayload(found) ? void open("run") : run.mutate());
  const choices = [
    { id: "versions", label: t("versions.title"), icon: <History size={16} aria-hidden /> },
    { id: "runs", label: t("runs.title"), icon: <Activity size={16} aria-hidden /> },
  ];
  const close = () => setShown(null);
  return (
    <>
      {may(session, "workflow:manage") ? (
        <IconButton label={t("publish.try")} onPress={() => void open("try")}>
          <FlaskConical size={16} aria-hidden />
        </IconButton>
      ) : null}
      {may(session, "workflow:run") && published !== null ? (
        <Button isDisabled={run.isPending} onPress={start}>
          <Play size={16} aria-hidden />
          {t("publish.run")}
        </Button>
      ) : null}
      {may(session, "workflow:publish") ? (
        <Button kind="primary" onPress={() => void open("publish")}>
          <Rocket size={16} aria-hidden />
          {t("publish.button")}
        </Button>
      ) : null}
      <MenuButton
        label={t("publish.more")}
        button={
          <IconButton label={t("publish.more")}>
            <MoreHorizontal size={16} aria-hidden />
          </IconButton>
        }
        choices={choices}
        onChoose={(where) =>
          void navigate(
            where === "versions" ? `/workflows/${editor.workflowId}/versions` : `/runs?workflow=${editor.workflowId}`,
          )
        }
      />
      {found ? (
        <>
          <ModalDialog title={t("publish.title")} isOpen={shown === "publish"} onClose={close}>
            <PublishDialog editor={editor} workflow={found} onClose={close} />
          </ModalDialog>
          <ModalDialog title={t("publish.try")} isOpen={shown === "try"} onClose={close}>
            <StartDialog editor={editor} workflow={found} isDry onClose={close} />
          </ModalDialog>
          <ModalDialog title={t("publish.run")} isOpen={shown === "run"} onClose={close}>
            <StartDialog editor={editor} workflow={found} isDry={false} onClose={close} />
          </ModalDialog>
        </>
      ) : null}
    </>
  );
}

function takesPayload(workflow: Workflow): boolean {
  return (workflow.trigger as { type?: string } | null)?.type === "event";
}

function PublishDialog({
  editor,
  workflow,
  onClose,
}: {
  editor: EditorHandle;
  workflow: Workflow;
  onClose: () => void;
}) {
  const t = useT();
  const queries = useQueryClient();
  const published = workflow.publishedVersion;
  const [refused, setRefused] = useState<readonly PublishFinding[]>([]);
  const publish = useMutation({
    mutationFn: () =>
      post<Schemas["PublishAnswer"]>(
        `/api/workflow-definitions/${workflow.workflowId}/${workflow.draftVersion}/publish`,
        {},
        { "If-Match": `"${workflow.draft.definitionSha256}"` }, // what is shown, and nothing that came after it
      ),
    onSuccess: async (answer) => {
      tell(t("publish.done", { version: answer.publishedVersion }));
      onClose();
      await Promise.all(
        [["workflow", workflow.workflowId], ["versions", workflow.workflowId], ["workflows"]].map((queryKey) =>
          queries.invalidateQueries({ queryKey }),
        ),
      );
    },
    onError: (error) => {
      if (error instanceof Problem && error.code === "PUBLISH_REFUSED") {
        setRefused(error.errors as unknown as PublishFinding[]);
      }
    },
  });
  const errors = refused.length > 0 ? refused : editor.findings.filter((finding) => finding.severity === "error");
  const warnings = editor.findings.filter((finding) => finding.severity === "warning");
  return (
    <>
      {publish.error ? <ErrorBanner>{t("publish.failed", { detail: detailOf(publish.error) })}</ErrorBanner> : null}
      {errors.length > 0 ? (
        <FindingList title={t("publish.findings")} findings={errors} editor={editor} onClose={onClose} />
      ) : null}
      {published === null ? (
        <p>{t("publish.first", { count: stepCount(workflow) })}</p>
      ) : (
        <section>
          <h3>{t("publish.changes")}</h3>
          <Difference workflowId={workflow.workflowId} from={published} to="draft" stamp={workflow.updatedAt} />
        </section>
      )}
      {warnings.length > 0 ? (
        <FindingList title={t("publish.warnings")} findings={warnings} editor={editor} onClose={onClose} />
      ) : null}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="primary" isDisabled={publish.isPending} onPress={() => publish.mutate()}>
          {t("publish.do", { version: workflow.draftVersion })}
        </Button>
      </footer>
    </>
  );
}

function stepCount(workflow: Workflow): number {
  const steps = (workflow.draft as { definition?: { steps?: unknown[] } } | null)?.definition?.steps;
  return steps?.length ?? 0;
}
