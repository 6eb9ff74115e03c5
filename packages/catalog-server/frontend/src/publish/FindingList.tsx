import type { Schemas } from "../api/client";
import type { EditorHandle } from "../editor/Editor";
import { useT } from "../i18n";
import { Button } from "../ui/kit";

export type PublishFinding = Pick<Schemas["FindingAnswer"], "message" | "stepPath" | "code"> & {
  path?: string | null;
  suggestion?: string | null;
};

/** What is wrong with the draft, or doubtful; each leads to its field. */
export function FindingList({
  title,
  findings,
  editor,
  onClose,
}: {
  title: string;
  findings: readonly PublishFinding[];
  editor: EditorHandle;
  onClose: () => void;
}) {
  const t = useT();
  const show = (finding: PublishFinding) => {
    onClose();
    editor.show({ stepPath: finding.stepPath, path: finding.path ?? undefined });
  };
  return (
    <section>
      <h3>{title}</h3>
      <ul className="plain-list">
        {findings.map((finding, index) => (
          <li key={index}>
            <span>
              {finding.message}
              {finding.suggestion ? <small className="muted finding-suggestion">{finding.suggestion}</small> : null}
            </span>
            <Button kind="quiet" onPress={() => show(finding)}>
              {t("publish.show")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
