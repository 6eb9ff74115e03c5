import { useState } from "react";
import { Link } from "react-router";

import { Problem } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import { Badge, Button, Empty, ErrorBanner } from "../ui/kit";
import { type Run, RUN_TONES, type RunStatus, useRuns, useWorkflowName } from "./data";
import "../workflows/workflows.css";
import "./runs.css";

const STATUSES = ["all", "RUNNING", "WAITING", "FAILED", "SUCCEEDED", "CANCELED"] as const;

/** All runs of the tenant, the newest first. */
export default function RunsScreen() {
  const t = useT();
  const [status, setStatus] = useState<RunStatus | "all">("all");
  const runs = useRuns(status);
  const rows = runs.data?.pages.flatMap((page) => page.runs) ?? [];
  return (
    <div className="page">
      <title>{t("runs.title")}</title>
      <header className="page-head">
        <h1>{t("runs.title")}</h1>
      </header>
      <div className="runs-filter" role="group" aria-label={t("runs.filter")}>
        {STATUSES.map((each) => (
          <button
            key={each}
            type="button"
            className="runs-chip"
            aria-pressed={status === each}
            onClick={() => setStatus(each)}
          >
            {each === "all" ? t("runs.all") : named(t, "workflows.run", each)}
          </button>
        ))}
      </div>
      {runs.error ? (
        <ErrorBanner action={<Button onPress={() => void runs.refetch()}>{t("shell.again")}</Button>}>
          {t("runs.failed", { detail: runs.error instanceof Problem ? runs.error.detail : "" })}
        </ErrorBanner>
      ) : runs.isPending ? (
        <div className="workflows-loading" role="status" aria-label={t("shell.loading")}>
          {[0, 1, 2, 3].map((each) => (
            <div key={each} className="skeleton" />
          ))}
        </div>
      ) : rows.length === 0 ? (
        <Empty title={t("runs.empty")}>
          <p>{t("runs.emptyHint")}</p>
        </Empty>
      ) : (
        <div className="table-box">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t("runs.workflow")}</th>
                <th scope="col">{t("runs.status")}</th>
                <th scope="col">{t("runs.cause")}</th>
                <th scope="col">{t("runs.started")}</th>
                <th scope="col">{t("runs.duration")}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((run) => (
                <Row key={run.runId} run={run} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {runs.hasNextPage ? (
        <Button isDisabled={runs.isFetchingNextPage} onPress={() => void runs.fetchNextPage()}>
          {t("runs.more")}
        </Button>
      ) : null}
    </div>
  );
}

function Row({ run }: { run: Run }) {
  const t = useT();
  const { intl } = useLocale();
  const name = useWorkflowName(run.workflowId);
  const error = run.error as { code?: string; message?: string } | null;
  return (
    <tr>
      <th scope="row">
        <Link to={`/runs/${run.runId}`} className="workflow-name">
          {name ?? run.workflowId}
        </Link>
        {error ? <small>{error.message}</small> : null}
      </th>
      <td>
        <Badge tone={RUN_TONES[run.status]}>
          {run.queued ? t("runs.queued") : named(t, "workflows.run", run.status)}
        </Badge>{" "}
        {run.dryRun ? <Badge>{t("runs.dry")}</Badge> : null}
      </td>
      <td className="muted">{named(t, "runs.cause", run.cause)}</td>
      <td className="muted">
        <time dateTime={run.createdAt}>{intl.formatDate(run.createdAt, { dateStyle: "medium", timeStyle: "medium" })}</time>
      </td>
      <td className="muted">{duration(run)}</td>
    </tr>
  );
}

/** How long it took, or has taken so far. */
export function duration(run: Pick<Run, "startedAt" | "completedAt">): string {
  if (run.startedAt === null) {
    return "";
  }
  const end = run.completedAt === null ? Date.now() : Date.parse(run.completedAt);
  return milliseconds(end - Date.parse(run.startedAt));
}

export function milliseconds(taken: number): string {
  const seconds = Math.max(0, taken) / 1000;
  if (seconds < 1) {
    return `${Math.round(seconds * 1000)} ms`;
  }
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
