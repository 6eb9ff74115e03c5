import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { useActions, useCatalog, useEvents } from "../api/catalog";
import { Problem } from "../api/client";
import { useT } from "../i18n";
import { Button, Empty } from "../ui/kit";
import { loadWorkflow, useSecretNames, useStepTypes } from "./data";
import { Editor, type EditorHandle } from "./Editor";
import "./styles/frame.css";
import "./styles/widgets.css";
import "./styles/palette.css";
import "./styles/steps.css";
import "./styles/inspector.css";
import "./styles/dialogs.css";

/** The editor of one workflow, when all that it needs is there. */
export function EditorScreen({
  permissions,
  renderActions,
}: {
  permissions: readonly string[];
  renderActions?: (editor: EditorHandle) => ReactNode;
}) {
  const t = useT();
  const { id = "" } = useParams();
  const isAdmin = permissions.includes("workflow:admin");
  const workflow = useQuery({
    queryKey: ["editor", id],
    queryFn: ({ signal }) => loadWorkflow(id, signal),
    // The editor has its own copy from here on: nothing may replace it behind its back.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: (count, error) => count < 2 && !(error instanceof Problem && error.status < 500 && error.status > 0),
  });
  const catalog = useCatalog();
  const actions = useActions();
  const events = useEvents();
  const stepTypes = useStepTypes();
  const secretNames = useSecretNames(isAdmin);
  if (workflow.error) {
    const isGone = workflow.error instanceof Problem && workflow.error.status === 404;
    return (
      <Empty title={t(isGone ? "editor.load.gone" : "editor.load.failed")}>
        <p>{workflow.error instanceof Problem ? workflow.error.detail : ""}</p>
        {isGone ? (
          <Link to="/workflows">{t("editor.back")}</Link>
        ) : (
          <Button onPress={() => void workflow.refetch()}>{t("editor.saving.again")}</Button>
        )}
      </Empty>
    );
  }
  if (!workflow.data || !catalog || !actions || !events || !stepTypes) {
    return (
      <div className="ed ed-loading" aria-busy="true" role="status" aria-label={t("editor.load.loading")}>
        <div className="ed-header" />
        <div className="ed-palette" />
        <div className="ed-canvas">
          {[0, 1, 2, 3].map((each) => (
            <div key={each} className="ed-skeleton" />
          ))}
        </div>
        <div className="ed-inspector" />
      </div>
    );
  }
  return (
    <Editor
      key={id}
      loaded={workflow.data}
      catalog={catalog}
      actions={actions}
      events={events}
      stepTypes={stepTypes}
      secretNames={secretNames}
      canEdit={permissions.includes("workflow:manage")}
      canRun={permissions.includes("workflow:run")}
      isAdmin={isAdmin}
      renderActions={renderActions}
    />
  );
}
