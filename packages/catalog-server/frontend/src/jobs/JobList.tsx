import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button as AriaButton, ProgressBar } from "react-aria-components";

import { detailOf, post } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import { Badge, Button, ErrorBanner, ModalDialog } from "../ui/kit";
import { tell } from "../ui/toasts";
import { type Job, JOB_TONES, type JobRun, useJobRuns, useJobs } from "./data";
import "./jobs.css";

/** What runs for the tenant in the background: how it went last, how far it is, and when it comes next. */
export function JobList({ provider, canRun }: { provider?: string; canRun: boolean }) {
  const t = useT();
  const jobs = useJobs(provider);
  const [shown, setShown] = useState<Job | null>(null);
  if (jobs.error && !jobs.data) {
    return <ErrorBanner>{detailOf(jobs.error)}</ErrorBanner>;
  }
  if (jobs.data?.length === 0) {
    return <p className="muted">{t("jobs.none")}</p>;
  }
  return (
    <>
      <ul className="jobs">
        {jobs.data?.map((job) => (
          <li key={job.id}>
            <JobRow job={job} canRun={canRun} onShow={() => setShown(job)} />
          </li>
        ))}
      </ul>
      <ModalDialog title={shown?.label ?? ""} isOpen={shown !== null} onClose={() => setShown(null)}>
        {shown ? <JobRuns job={shown} /> : null}
      </ModalDialog>
    </>
  );
}

function JobRow({ job, canRun, onShow }: { job: Job; canRun: boolean; onShow: () => void }) {
  const t = useT();
  const queries = useQueryClient();
  const again = () => queries.invalidateQueries({ queryKey: ["jobs"] });
  const run = useMutation({
    mutationFn: () => post(`/api/jobs/${encodeURIComponent(job.id)}/run`),
    onError: (error) => tell(detailOf(error)),
    onSettled: again,
  });
  const cancel = useMutation({
    mutationFn: (runId: string) => post(`/api/jobs/runs/${runId}/cancel`),
    onError: (error) => tell(detailOf(error)),
    onSettled: again,
  });
  const { underWay, last } = job;
  const problem = job.scheduleError ?? (last?.status === "failed" ? last.error : null);
  return (
    <article className="job">
      <div className="job-words">
        <h3>
          <AriaButton className="link" onPress={onShow}>
            {job.label}
          </AriaButton>
          {last ? <Badge tone={JOB_TONES[last.status]}>{named(t, "jobs.status", last.status)}</Badge> : null}
        </h3>
        <p className="muted">{job.description}</p>
        {problem && underWay === null ? <p className="job-problem">{problem.message}</p> : null}
      </div>
      <div className="job-state" aria-live="polite">
        {underWay ? <Progress run={underWay} label={job.label} /> : <Times job={job} />}
      </div>
      {canRun ? (
        underWay ? (
          <Button
            isDisabled={cancel.isPending || underWay.stopRequested !== null}
            aria-label={t("jobs.cancelOf", { job: job.label })}
            onPress={() => cancel.mutate(underWay.runId)}
          >
            {t(underWay.stopRequested ? "jobs.stopping" : "jobs.cancel")}
          </Button>
        ) : (
          <Button
            isDisabled={!job.isActive || run.isPending}
            aria-label={t("jobs.runOf", { job: job.label })}
            onPress={() => run.mutate()}
          >
            {t("jobs.run")}
          </Button>
        )
      ) : null}
    </article>
  );
}

function Progress({ run, label }: { run: JobRun; label: string }) {
  const t = useT();
  const done = run.progress?.done ?? 0;
  const total = run.progress?.total ?? null;
  return (
    <ProgressBar
      aria-label={t("jobs.progress", { job: label })}
      value={total ? Math.min(done, total) : undefined}
      maxValue={total ?? undefined}
      isIndeterminate={total === null}
      className="progress"
    >
      {({ percentage }) => (
        <>
          <span>
            {run.progress === null
              ? named(t, "jobs.status", run.status)
              : t(total === null ? "jobs.doneOf" : "jobs.done", { what: run.progress.message, done, total })}
          </span>
          <span className="progress-track">
            <span className={total === null ? "indeterminate" : ""} style={{ width: `${percentage ?? 30}%` }} />
          </span>
        </>
      )}
    </ProgressBar>
  );
}

function Times({ job }: { job: Job }) {
  const t = useT();
  const { intl } = useLocale();
  const moment = (at: string) => intl.formatDate(at, { dateStyle: "short", timeStyle: "short" });
  const finished = job.last?.finishedAt;
  return (
    <p className="muted">
      {finished ? t("jobs.last", { at: moment(finished) }) : t("jobs.never")}
      {job.nextAt ? <br /> : null}
      {job.nextAt ? t("jobs.next", { at: moment(job.nextAt) }) : null}
    </p>
  );
}

function JobRuns({ job }: { job: Job }) {
  const t = useT();
  const { intl } = useLocale();
  const runs = useJobRuns(job.id);
  if (runs.error && !runs.data) {
    return <ErrorBanner>{detailOf(runs.error)}</ErrorBanner>;
  }
  if (runs.data?.length === 0) {
    return <p className="muted">{t("jobs.never")}</p>;
  }
  return (
    <ol className="job-runs" aria-label={t("jobs.runs")}>
      {runs.data?.map((run) => (
        <li key={run.runId}>
          <Badge tone={JOB_TONES[run.status]}>{named(t, "jobs.status", run.status)}</Badge>
          <time dateTime={run.createdAt}>
            {intl.formatDate(run.createdAt, { dateStyle: "medium", timeStyle: "medium" })}
          </time>
          <span className="muted">{named(t, "jobs.cause", run.cause)}</span>
          <p className="muted">{run.error?.message ?? resultOf(run)}</p>
        </li>
      ))}
    </ol>
  );
}

/** What it gave, as the integration names it. */
function resultOf(run: JobRun): string {
  return Object.entries(run.result ?? {})
    .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(" · ");
}
