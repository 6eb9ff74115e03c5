import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import { Link, useParams } from "react-router";

import { get, post, Problem, type Schemas } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import { may, type Session } from "../session/session";
import { Badge, Button, Empty, ErrorBanner, JsonView, ModalDialog } from "../ui/kit";
import { tell } from "../ui/toasts";
import { RUN_TONES, STEP_TONES, type Step, useRun, useSteps, useWorkflowName } from "./data";
import { duration, milliseconds } from "./RunsScreen";
import "./runs.css";

/** One run: its steps as they go on, and what can be done about it. */
export default function RunScreen({ session }: { session: Session }) {
  const t = useT();
  const { intl } = useLocale();
  const { id = "" } = useParams();
  const queries = useQueryClient();
  const run = useRun(id);
  const steps = useSteps(id, run.data?.status).data?.steps ?? [];
  const name = useWorkflowName(run.data?.workflowId);
  const [resumes, setResumes] = useState(false);
  const cancel = useMutation({
    mutationFn: () => post(`/api/workflow-runs/${id}/cancel`),
    onSuccess: () => tell(t("runs.canceling")),
    onError: (error) => tell(t("runs.failed", { detail: error instanceof Problem ? error.detail : String(error) })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["run", id] }),
  });
  if (run.error) {
    return (
      <Empty title={t("runs.gone")}>
        <Link to="/runs">{t("runs.back")}</Link>
      </Empty>
    );
  }
  if (!run.data) {
    return <div className="page" role="status" aria-label={t("shell.loading")} />;
  }
  const error = run.data.error as { code?: string; message?: string } | null;
  const isUnderWay = run.data.status === "RUNNING" || run.data.status === "WAITING";
  return (
    <div className="page">
      <title>{t("runs.run", { name: name ?? "" })}</title>
      <header className="page-head">
        <div className="run-head">
          <Link to="/runs" aria-label={t("runs.back")} className="run-back">
            <ChevronLeft size={18} aria-hidden />
          </Link>
          <h1>{name ?? t("runs.title")}</h1>
          <span role="status">
            <Badge tone={RUN_TONES[run.data.status]}>
              {run.data.queued ? t("runs.queued") : named(t, "workflows.run", run.data.status)}
            </Badge>
          </span>
          {run.data.dryRun ? <Badge>{t("runs.dry")}</Badge> : null}
        </div>
        <div className="page-tools">
          <Link to={`/workflows/${run.data.workflowId}`} className="button plain run-link">
            {t("runs.open")}
          </Link>
          {isUnderWay && may(session, "workflow:run") ? (
            <Button isDisabled={cancel.isPending} onPress={() => cancel.mutate()}>
              {t("runs.cancel")}
            </Button>
          ) : null}
          {run.data.status === "FAILED" && may(session, "workflow:run") ? (
            <Button kind="primary" onPress={() => setResumes(true)}>
              {t("runs.resume")}
            </Button>
          ) : null}
        </div>
      </header>
      {error ? (
        <ErrorBanner>
          <strong>{error.code}</strong> {error.message}
        </ErrorBanner>
      ) : null}
      <dl className="run-facts">
        <div>
          <dt>{t("runs.started")}</dt>
          <dd>{intl.formatDate(run.data.createdAt, { dateStyle: "medium", timeStyle: "medium" })}</dd>
        </div>
        <div>
          <dt>{t("runs.duration")}</dt>
          <dd>{duration(run.data)}</dd>
        </div>
        <div>
          <dt>{t("runs.cause")}</dt>
          <dd>{named(t, "runs.cause", run.data.cause)}</dd>
        </div>
        <div>
          <dt>{t("workflows.status.published")}</dt>
          <dd>{t("workflows.version", { version: run.data.workflowVersion })}</dd>
        </div>
      </dl>
      <section className="run-steps" aria-label={t("runs.steps")}>
        {steps.length === 0 ? <p className="muted">{t("runs.noSteps")}</p> : null}
        {steps.map((step) => (
          <StepRow key={step.stepId} step={step} />
        ))}
      </section>
      <ModalDialog title={t("runs.resume.title")} isOpen={resumes} onClose={() => setResumes(false)}>
        <Resume id={id} onClose={() => setResumes(false)} />
      </ModalDialog>
    </div>
  );
}

/** How deep a step stands: one level for each block around it. */
function depthOf(path: string): number {
  return path.split(".steps[").length + (path.match(/\.(then|else|body|try|catch)/g)?.length ?? 0) - 2;
}

function StepRow({ step }: { step: Step }) {
  const t = useT();
  const [isOpen, setIsOpen] = useState(step.status === "FAILED");
  const error = step.error as { code?: string; message?: string } | null;
  return (
    <article className="run-step" style={{ marginInlineStart: Math.min(8, Math.max(0, depthOf(step.stepPath))) * 20 }}>
      <button type="button" className="run-step-head" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
        <ChevronRight size={16} aria-hidden className={isOpen ? "turned" : ""} />
        <span className="run-step-name">
          <strong>{step.definitionStepId}</strong>
          <small>
            {step.actionId ?? step.type}
            {step.iteration ? ` · ${t("runs.iteration", { iteration: step.iteration })}` : ""}
          </small>
        </span>
        {step.wouldDo ? <Badge tone="warning">{t("runs.wouldDo")}</Badge> : null}
        {step.attempt > 1 ? <Badge>{t("runs.attempt", { number: step.attempt })}</Badge> : null}
        <Badge tone={STEP_TONES[step.status]}>{named(t, "runs.step", step.status)}</Badge>
        <span className="muted run-step-time">{step.durationMs === null ? "" : milliseconds(step.durationMs)}</span>
      </button>
      {isOpen ? (
        <div className="run-step-body">
          {error ? (
            <ErrorBanner>
              <strong>{error.code}</strong> {error.message}
            </ErrorBanner>
          ) : null}
          {step.notes.length > 0 ? <p className="muted">{step.notes.join(" · ")}</p> : null}
          {step.input !== null && step.input !== undefined ? (
            <>
              <h2>{t("runs.input")}</h2>
              <JsonView value={step.input} label={t("runs.input")} />
            </>
          ) : null}
          {step.output !== null && step.output !== undefined ? (
            <>
              <h2>{t("runs.output")}</h2>
              <JsonView value={step.output} label={t("runs.output")} />
            </>
          ) : null}
        </div>
      ) : null}
    </article>
  );
}

/** What resuming reuses and what it sends, before it is done. */
function Resume({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useT();
  const queries = useQueryClient();
  const preview = useQuery({
    queryKey: ["resume", id],
    queryFn: ({ signal }) => get<Schemas["ResumePreviewAnswer"]>(`/api/workflow-runs/${id}/resume`, signal),
    gcTime: 0,
  });
  const resume = useMutation({
    mutationFn: () => post(`/api/workflow-runs/${id}/resume`),
    onSuccess: async () => {
      tell(t("runs.resume.done"));
      onClose();
      await queries.invalidateQueries({ queryKey: ["run", id] });
    },
  });
  const problem = preview.error ?? resume.error;
  return (
    <>
      {problem ? (
        <ErrorBanner>
          {t("runs.failed", { detail: problem instanceof Problem ? problem.detail : String(problem) })}
        </ErrorBanner>
      ) : null}
      {preview.data ? (
        <>
          <h3>{t("runs.resume.reused", { count: preview.data.reusedCount })}</h3>
          <ul className="plain-list">
            {preview.data.reused.map((step) => (
              <li key={`${step.stepPath} ${step.iteration}`}>
                <span>{step.stepId}</span> <small className="muted">{step.actionId}</small>
              </li>
            ))}
          </ul>
          <h3>{t("runs.resume.sent")}</h3>
          <ul className="plain-list">
            {preview.data.sent.map((step) => (
              <li key={step.stepPath}>
                <span>{step.stepId}</span> <small className="muted">{step.actionId}</small>
              </li>
            ))}
          </ul>
        </>
      ) : null}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="primary" isDisabled={!preview.data || resume.isPending} onPress={() => resume.mutate()}>
          {preview.data?.failedStep
            ? t("runs.resume.do", { step: preview.data.failedStep.stepId })
            : t("runs.resume.doBeginning")}
        </Button>
      </footer>
    </>
  );
}
