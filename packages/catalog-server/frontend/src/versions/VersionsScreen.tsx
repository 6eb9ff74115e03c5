import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft } from "lucide-react";
import { useState } from "react";
import { Link, useParams } from "react-router";

import { detailOf, get, post, Problem, type Schemas } from "../api/client";
import { useLocale, useT } from "../i18n";
import { may, type Session } from "../session/session";
import { Badge, Button, Empty, ErrorBanner, ModalDialog, Table } from "../ui/kit";
import { tell } from "../ui/toasts";
import { Difference, type VersionName } from "./Difference";

type Version = Schemas["VersionAnswer"];

/** The published versions of a workflow: what differs between them, and going back to one. */
export default function VersionsScreen({ session }: { session: Session }) {
  const t = useT();
  const { intl } = useLocale();
  const { id = "" } = useParams();
  const path = `/api/workflow-definitions/${id}`;
  const workflow = useQuery({
    queryKey: ["workflow", id],
    queryFn: ({ signal }) => get<Schemas["WorkflowWithDraft"]>(path, signal),
  });
  const list = useQuery({
    queryKey: ["versions", id],
    queryFn: ({ signal }) => get<Schemas["VersionList"]>(`${path}/versions`, signal),
  });
  const [wanted, setWanted] = useState<number | null>(null);
  if ((workflow.error && !workflow.data) || (list.error && !list.data)) {
    return (
      <Empty title={t("editor.load.gone")}>
        <Link to="/workflows">{t("editor.back")}</Link>
      </Empty>
    );
  }
  if (!workflow.data || !list.data) {
    return <div className="page" role="status" aria-label={t("shell.loading")} />;
  }
  const { versions, held } = list.data;
  const newest = versions[0]?.version;
  const canPublish = may(session, "workflow:publish");
  return (
    <div className="page">
      <title>{t("versions.of", { name: workflow.data.name })}</title>
      <header className="page-head">
        <div className="page-title">
          <Link to={`/workflows/${id}`} aria-label={t("runs.open")} className="page-back">
            <ChevronLeft size={18} aria-hidden />
          </Link>
          <h1>{t("versions.of", { name: workflow.data.name })}</h1>
        </div>
      </header>
      {newest === undefined ? (
        <Empty title={t("versions.none")}>
          <p>{t("versions.noneHint")}</p>
        </Empty>
      ) : (
        <>
          <Table columns={[t("runs.version"), t("versions.publishedAt"), t("versions.publishedBy"), null]}>
            {versions.map((version) => (
              <tr key={version.version}>
                <th scope="row">
                  {t("versions.version", { version: version.version })}{" "}
                  {version.version === newest ? <Badge tone="success">{t("versions.current")}</Badge> : null}
                </th>
                <td className="muted">
                  {intl.formatDate(version.publishedAt, { dateStyle: "medium", timeStyle: "short" })}
                </td>
                <td className="muted">{version.publishedByName ?? "–"}</td>
                <td className="table-tools">
                  {canPublish && version.version !== newest ? (
                    <RollBackButton version={version.version} onPress={setWanted} />
                  ) : null}
                </td>
              </tr>
            ))}
            {held.map((version) => (
              <tr key={version}>
                <th scope="row">
                  {t("versions.version", { version })} <Badge tone="warning">{t("versions.held")}</Badge>
                </th>
                <td className="muted" colSpan={2}>
                  {t("versions.heldHint")}
                </td>
                <td className="table-tools">
                  {canPublish ? <RollBackButton version={version} onPress={setWanted} /> : null}
                </td>
              </tr>
            ))}
          </Table>
          <Compare workflowId={id} versions={versions} stamp={workflow.data.updatedAt} />
        </>
      )}
      <ModalDialog
        title={t("versions.rollBack.title", { version: wanted ?? "" })}
        isOpen={wanted !== null}
        onClose={() => setWanted(null)}
      >
        {wanted !== null ? (
          <RollBack workflowId={id} version={wanted} newest={newest} onClose={() => setWanted(null)} />
        ) : null}
      </ModalDialog>
    </div>
  );
}

function RollBackButton({ version, onPress }: { version: number; onPress: (version: number) => void }) {
  const t = useT();
  return (
    <Button aria-label={t("versions.rollBack.to", { version })} onPress={() => onPress(version)}>
      {t("versions.rollBack")}
    </Button>
  );
}

/** Two versions beside each other; at first what is published and what is drafted. */
function Compare({ workflowId, versions, stamp }: { workflowId: string; versions: readonly Version[]; stamp: string }) {
  const t = useT();
  const [from, setFrom] = useState<VersionName>(versions[0]?.version ?? "draft");
  const [to, setTo] = useState<VersionName>("draft");
  const choice = (label: string, value: VersionName, choose: (name: VersionName) => void) => (
    <select
      className="input"
      aria-label={label}
      value={value}
      onChange={(event) => choose(event.target.value === "draft" ? "draft" : Number(event.target.value))}
    >
      <option value="draft">{t("runs.version.draft")}</option>
      {versions.map(({ version }) => (
        <option key={version} value={version}>
          {t("versions.version", { version })}
        </option>
      ))}
    </select>
  );
  return (
    <section aria-label={t("versions.compare")}>
      <h2 className="section-title">{t("versions.compare")}</h2>
      <div className="version-choice">
        {choice(t("versions.from"), from, setFrom)}
        <span aria-hidden>→</span>
        {choice(t("versions.to"), to, setTo)}
      </div>
      <Difference workflowId={workflowId} from={from} to={to} stamp={stamp} />
    </section>
  );
}

function RollBack({
  workflowId,
  version,
  newest,
  onClose,
}: {
  workflowId: string;
  version: number;
  newest: number | undefined;
  onClose: () => void;
}) {
  const t = useT();
  const queries = useQueryClient();
  const rollBack = useMutation({
    mutationFn: () =>
      post<Schemas["PublishAnswer"]>(`/api/workflow-definitions/${workflowId}/${version}/rollback`),
    onSuccess: async (answer) => {
      tell(t("versions.rolledBack", { version, now: answer.publishedVersion }));
      onClose();
      await Promise.all(
        [["workflow", workflowId], ["versions", workflowId], ["workflows"]].map((queryKey) =>
          queries.invalidateQueries({ queryKey }),
        ),
      );
    },
  });
  const findings = rollBack.error instanceof Problem ? rollBack.error.errors : [];
  return (
    <>
      {rollBack.error ? (
        <ErrorBanner>
          {detailOf(rollBack.error)}
          <ul>
            {findings.map((finding, index) => (
              <li key={index}>{finding.message}</li>
            ))}
          </ul>
        </ErrorBanner>
      ) : null}
      <p>{t("versions.rollBack.what", { version })}</p>
      {newest === undefined || newest < version ? null : (
        <Difference workflowId={workflowId} from={newest} to={version} />
      )}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="primary" isDisabled={rollBack.isPending} onPress={() => rollBack.mutate()}>
          {t("versions.rollBack.do", { version })}
        </Button>
      </footer>
    </>
  );
}
