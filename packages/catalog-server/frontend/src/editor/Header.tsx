import { ArrowLeft, Check, CircleAlert, CloudOff, LoaderCircle, Redo2, TriangleAlert, Undo2 } from "lucide-react";
import type { ReactNode } from "react";
import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import { Link } from "react-router";

import { useT } from "../i18n";
import { IconButton } from "../ui/kit";
import { useShared } from "./context";
import type { WorkflowDocument } from "./model/document";
import type { Finding } from "./model/findings";
import type { Saving } from "./model/saving";
import { titleOf } from "./tiles";
import type { Validation } from "./validation";

interface Props {
  document: WorkflowDocument;
  name: string;
  publishedVersion: number | null;
  isPaused: boolean;
  saving: Saving;
  validation: Validation;
  canUndo: boolean;
  canRedo: boolean;
  onSave: () => void;
  onFinding: (finding: Finding) => void;
  onName: () => void;
  /** Testing and publishing. */
  actions: ReactNode;
}

export function EditorHeader(props: Props) {
  const t = useT();
  const { dispatch, canEdit } = useShared();
  return (
    <header className="ed-header">
      <Link to="/workflows" className="ed-icon-button" aria-label={t("editor.back")} title={t("editor.back")}>
        <ArrowLeft size={18} aria-hidden />
      </Link>
      <h1>
        <Button className="ed-name" onPress={props.onName} aria-label={t("editor.rename", { name: props.name })}>
          {props.name}
        </Button>
      </h1>
      <span className="ed-badge">
        {props.publishedVersion === null
          ? t("editor.status.draft")
          : t("editor.status.published", { version: props.publishedVersion })}
      </span>
      {props.isPaused ? <span className="ed-badge ed-badge-warning">{t("editor.status.paused")}</span> : null}
      {canEdit ? (
        <SaveState saving={props.saving} onSave={props.onSave} />
      ) : (
        <span className="ed-badge">{t("editor.readOnly")}</span>
      )}
      <span className="ed-spacer" />
      <FindingsButton {...props} />
      {canEdit ? (
        <div className="ed-group">
          <IconButton label={t("editor.undo")} isDisabled={!props.canUndo} onPress={() => dispatch({ type: "undo" })}>
            <Undo2 size={16} aria-hidden />
          </IconButton>
          <IconButton label={t("editor.redo")} isDisabled={!props.canRedo} onPress={() => dispatch({ type: "redo" })}>
            <Redo2 size={16} aria-hidden />
          </IconButton>
        </div>
      ) : null}
      {props.actions}
    </header>
  );
}

function SaveState({ saving, onSave }: { saving: Saving; onSave: () => void }) {
  const t = useT();
  const words = {
    saved: t("editor.saving.saved"),
    changed: t("editor.saving.changed"),
    saving: t("editor.saving.saving"),
    failed: t("editor.saving.failed"),
    conflict: t("editor.saving.conflict"),
  }[saving.status];
  const Icon = { saved: Check, changed: LoaderCircle, saving: LoaderCircle, failed: CloudOff, conflict: CircleAlert }[
    saving.status
  ];
  return (
    <div className={`ed-save ed-save-${saving.status}`}>
      <output aria-live={saving.status === "failed" || saving.status === "conflict" ? "assertive" : "off"}>
        <Icon size={14} className={saving.status === "saving" ? "ed-spin" : undefined} aria-hidden /> {words}
        {saving.status === "failed" && saving.message ? <span className="ed-save-why">{saving.message}</span> : null}
      </output>
      {saving.status === "failed" ? (
        <Button className="ed-link" onPress={onSave}>
          {t("editor.saving.again")}
        </Button>
      ) : null}
    </div>
  );
}

/** How many findings there are, and each of them as the way to its field. */
function FindingsButton({ document, validation, onFinding }: Props) {
  const t = useT();
  const shared = useShared();
  const { findings, isKnown, isCurrent, isFailed } = validation;
  const state = isFailed
    ? "failed"
    : !isKnown
      ? "unknown"
      : findings.errors > 0
        ? "error"
        : findings.warnings > 0
          ? "warning"
          : "ok";
  const words = isFailed
    ? t("editor.findings.failed")
    : !isKnown
      ? t("editor.findings.checking")
      : findings.all.length === 0
        ? t("editor.findings.none")
        : [
            findings.errors > 0 ? t("editor.findings.errors", { count: findings.errors }) : "",
            findings.warnings > 0 ? t("editor.findings.warnings", { count: findings.warnings }) : "",
          ]
            .filter(Boolean)
            .join(", ");
  return (
    <DialogTrigger>
      <Button className={`ed-findings ed-findings-${state}`} aria-busy={!isCurrent}>
        {state === "error" ? (
          <CircleAlert size={14} aria-hidden />
        ) : state === "ok" ? (
          <Check size={14} aria-hidden />
        ) : state === "unknown" ? (
          <LoaderCircle size={14} aria-hidden />
        ) : (
          <TriangleAlert size={14} aria-hidden />
        )}
        {words}
      </Button>
      <Popover
        className="ed-popover ed-findings-popover"
        placement="bottom end"
        // Within the page's landmarks, as what is in it is the page's.
        UNSTABLE_portalContainer={window.document.getElementById("screen") ?? undefined}
      >
        <Dialog className="ed-dialog" aria-label={t("editor.findings.title")}>
          {({ close }) =>
            findings.all.length === 0 ? (
              <p className="ed-empty">
                {isFailed
                  ? t("editor.findings.failed.hint")
                  : isKnown
                    ? t("editor.findings.none.hint")
                    : t("editor.findings.checking")}
              </p>
            ) : (
              <ul className="ed-findings-list">
                {findings.all.map((finding, index) => (
                  <li key={`${finding.stepPath} ${finding.code} ${index}`}>
                    <Button
                      className={`ed-finding-link ed-finding-${finding.severity}`}
                      onPress={() => {
                        close();
                        onFinding(finding);
                      }}
                    >
                      {finding.severity === "error" ? (
                        <CircleAlert size={14} aria-hidden />
                      ) : (
                        <TriangleAlert size={14} aria-hidden />
                      )}
                      <span>
                        <strong>
                          {finding.key === null
                            ? t("editor.workflow.title")
                            : titleOf(t, shared, document.nodes[finding.key]?.own)}
                        </strong>
                        <span>{finding.message}</span>
                        {finding.suggestion ? <em>{finding.suggestion}</em> : null}
                      </span>
                    </Button>
                  </li>
                ))}
              </ul>
            )
          }
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
