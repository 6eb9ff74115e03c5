import { X } from "lucide-react";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";

import { detailOf } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import { Badge, Button, Chips, Empty, ErrorBanner, Loading, Table } from "../ui/kit";
import { type Run, RUN_TONES, type RunStatus, useEffects, useRuns } from "./data";
import { duration, nameOf } from "./format";
import "./runs.css";

const STATUSES = ["all", "RUNNING", "WAITING", "FAILED", "SUCCEEDED", "CANCELED"] as const;

/** All runs of the tenant, the newest first. */
export default function RunsScreen() {
  const t = useT();
  const [query, setQuery] = useSearchParams();
  const workflowId = query.get("workflow");
  const [status, setStatus] = useState<RunStatus | "all">("all");
  const runs = useRuns(status, workflowId);
  const rows = runs.data?.pages.flatMap((page) => page.runs) ?? [];
  return (
    <div className="page">
      <title>{t("runs.title")}</title>
      <header className="page-head">
        <h1>{t("runs.title")}</h1>
      </header>
      <Undecided />
      <Chips
        label={t("runs.filter")}
        choices={STATUSES}
        chosen={status}
        nameOf={(each) => (each === "all" ? t("runs.all") : named(t, "workflows.run", each))}
        onChoose={setStatus}
      >
        {workflowId ? (
          <button type="button" className="chip only" onClick={() => setQuery({})}>
            {t("runs.onlyOne", { name: rows[0]?.workflowName ?? "" })} <X size={14} aria-hidden />
            <span className="visually-hidden">{t("runs.onlyOne.end")}</span>
          </button>
        ) : null}
      </Chips>
      {runs.error && runs.data === undefined ? (
        <ErrorBanner action={<Button onPress={() => void runs.refetch()}>{t("shell.again")}</Button>}>
          {t("runs.failed", { detail: detailOf(runs.error) })}
        </ErrorBanner>
      ) : runs.isPending ? (
        <Loading />
      ) : rows.length === 0 ? (
        <Empty title={t("runs.empty")}>
          <p>{t("runs.emptyHint")}</p>
        </Empty>
      ) : (
        <Table
          columns={[
            t("runs.workflow"),
            t("runs.status"),
            t("runs.cause"),
            t("runs.started"),
            t("runs.duration"),
          ]}
        >
          {rows.map((run) => (
            <Row key={run.runId} run={run} />
          ))}
        </Table>
      )}
      {runs.hasNextPage ? (
        <Button isDisabled={runs.isFetchingNextPage} onPress={() => void runs.fetchNextPage()}>
          {t("runs.more")}
        </Button>
      ) : null}
    </div>
  );
}

/** Leads to the effects that wait for a decision, where there are any. */
function Undecided() {
  const t = useT();
  const effects = useEffects();
  const count = effects.data?.pages.flatMap((page) => page.effects).length ?? 0;
  return count === 0 ? null : (
    <div className="banner warning" role="status">
      <span>{t("runs.effects.some", { count: effects.hasNextPage ? `${count}+` : count })}</span>
      <Link to="/runs/effects">{t("runs.effects.go")}</Link>
    </div>
  );
}

function Row({ run }: { run: Run }) {
  const t = useT();
  const { intl } = useLocale();
  const error = run.error as { message?: string } | null;
  return (
    <tr>
      <th scope="row">
        <Link to={`/runs/${run.runId}`} className="row-link">
          {nameOf(t, run)}
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
