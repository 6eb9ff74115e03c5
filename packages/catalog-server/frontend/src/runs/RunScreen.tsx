import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft, MoreHorizontal } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { useActions, useCatalog } from "../api/catalog";
import { detailOf, post, Problem } from "../api/client";
import { useStarting } from "../api/starting";
import { useStepTypes } from "../editor/data";
import type { Json } from "../editor/model/json";
import { titleOf } from "../editor/tiles";
import { named, useLocale, useT } from "../i18n";
import { may, type Session } from "../session/session";
import { Badge, Button, type Choice, Empty, ErrorBanner, Facts, IconButton, MenuButton, ModalDialog } from "../ui/kit";
import { tell } from "../ui/toasts";
import { type Effect, forgetRun, isUnderWay, RUN_TONES, type RunDetail, useEffects } from "./data";
import { Failure } from "./Failure";
import { duration, nameOf } from "./format";
import { useLiveRun } from "./live";
import { Resume } from "./Resume";
import { RunData } from "./RunData";
import { SettleDialog } from "./Settle";
import { type RunContent, StepTree } from "./StepTree";
import { type StepNode, treeOf } from "./tree";
import "./runs.css";

/** One run: its steps as they go on, and what can be done about it. */
export default function RunScreen({ session }: { session: Session }) {
  const { id = "" } = useParams();
  return <OneRun key={id} id={id} session={session} />;
}

function OneRun({ id, session }: { id: string; session: Session }) {
  const t = useT();
  const { run, steps, error, again } = useLiveRun(id);
  const catalog = useCatalog();
  const actions = useActions();
  const stepTypes = useStepTypes();
  const definition = run.data?.definition;
  const nodes = useMemo(() => (definition && steps ? treeOf(definition, steps) : undefined), [definition, steps]);
  const content = useMemo(
    () => (catalog && actions && stepTypes ? { catalog, actions, stepTypes } : undefined),
    [catalog, actions, stepTypes],
  );
  if (error instanceof Problem && error.status === 404) {
    return (
      <Empty title={t("runs.gone")}>
        <Link to="/runs">{t("runs.back")}</Link>
      </Empty>
    );
  }
  if (error) {
    return (
      <div className="page">
        <ErrorBanner action={<Button onPress={again}>{t("shell.again")}</Button>}>
          {t("runs.failed", { detail: detailOf(error) })}
        </ErrorBanner>
      </div>
    );
  }
  if (!run.data || !nodes || !content) {
    return <div className="page" role="status" aria-label={t("shell.loading")} />;
  }
  return (
    <Shown
      run={run.data}
      nodes={nodes}
      content={content}
      session={session}
    />
  );
}

function Shown({
  run,
  nodes,
  content,
  session,
}: {
  run: RunDetail;
  nodes: readonly StepNode[];
  content: Pick<RunContent, "catalog" | "actions" | "stepTypes">;
  session: Session;
}) {
  const t = useT();
  const id = run.runId;
  const canRun = may(session, "workflow:run");
  const [resumes, setResumes] = useState(false);
  const [settled, setSettled] = useState<Effect | null>(null);
  const effects = useEffects(id, run.status === "WAITING").data?.pages.flatMap((page) => page.effects);
  const navigate = useNavigate();
  const onSettle = useCallback(
    (invocationId: string) => {
      const effect = effects?.find((each) => each.invocationId === invocationId);
      if (effect) {
        setSettled(effect);
      } else {
        void navigate("/runs/effects"); // never another one than the step waits for
      }
    },
    [effects, navigate],
  );
  const isOver = !isUnderWay(run.status);
  const shown = useMemo<RunContent>(
    () => ({ ...content, runId: id, workflowId: run.workflowId, canRun, isOver, onSettle }),
    [content, id, run.workflowId, canRun, isOver, onSettle],
  );
  const titles = useMemo(() => titlesOf(nodes, (own) => titleOf(t, content, own)), [nodes, t, content]);
  return (
    <div className="page">
      <title>{t("runs.run", { name: nameOf(t, run) })}</title>
      <header className="page-head">
        <div className="page-title">
          <Link to="/runs" aria-label={t("runs.back")} className="page-back">
            <ChevronLeft size={18} aria-hidden />
          </Link>
          <h1>{nameOf(t, run)}</h1>
          <span role="status">
            <Badge tone={RUN_TONES[run.status]}>
              {run.queued ? t("runs.queued") : named(t, "workflows.run", run.status)}
            </Badge>
          </span>
          {run.dryRun ? <Badge tone="warning">{t("runs.dry")}</Badge> : null}
        </div>
        <Tools run={run} canRun={canRun} onResume={() => setResumes(true)} />
      </header>
      {run.error ? <Failure error={run.error} workflowId={run.workflowId} /> : null}
      {run.dryRun ? <p className="muted">{t("runs.dry.hint")}</p> : null}
      <RunFacts run={run} />
      <section aria-label={t("runs.steps")}>
        <h2 className="section-title">{t("runs.steps")}</h2>
        <StepTree nodes={nodes} content={shown} />
      </section>
      <RunData run={run} />
      <ModalDialog title={t("runs.resume.title")} isOpen={resumes} onClose={() => setResumes(false)}>
        <Resume id={id} titleOfStep={(path, fallback) => titles.get(path) ?? fallback} onClose={() => setResumes(false)} />
      </ModalDialog>
      <SettleDialog effect={settled} onClose={() => setSettled(null)} />
    </div>
  );
}

function titlesOf(nodes: readonly StepNode[], title: (own: Json) => string) {
  const found = new Map<string, string>();
  const walk = (inner: readonly StepNode[]) => {
    for (const { path, own, parts } of inner) {
      if (own !== undefined) {
        found.set(path, title(own));
      }
      parts.forEach((part) => walk(part.steps));
    }
  };
  walk(nodes);
  return found;
}

function RunFacts({ run }: { run: RunDetail }) {
  const t = useT();
  const { intl } = useLocale();
  return (
    <Facts
      facts={[
        [t("runs.started"), intl.formatDate(run.createdAt, { dateStyle: "medium", timeStyle: "medium" })],
        [t("runs.duration"), run.completedAt !== null && duration(run)],
        [t("runs.cause"), named(t, "runs.cause", run.cause)],
        [t("runs.version"), run.workflowVersion > 0 ? run.workflowVersion : t("runs.version.draft")],
        [t("runs.resumed"), run.execution > 1 && t("runs.resumed.times", { count: run.execution - 1 })],
      ]}
    />
  );
}

/** What can be done about the run. */
function Tools({ run, canRun, onResume }: { run: RunDetail; canRun: boolean; onResume: () => void }) {
  const t = useT();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const failed = (error: unknown) => tell(t("runs.failed", { detail: detailOf(error) }));
  const id = run.runId;
  const end = useMutation({
    mutationFn: (how: "cancel" | "terminate") => post(`/api/workflow-runs/${id}/${how}`),
    onSuccess: (_, how) => tell(t(how === "cancel" ? "runs.canceling" : "runs.terminated")),
    onError: failed,
    onSettled: () => forgetRun(queries, id),
  });
  const replay = useStarting<{ runId: string }>();
  const again = useMutation({
    mutationFn: () => replay(`/api/workflow-runs/${id}/replay`),
    onSuccess: ({ runId }) => navigate(`/runs/${runId}`),
    onError: failed,
  });
  const goesOn = isUnderWay(run.status);
  const isTrial = run.dryRun || run.cause === "test";
  const choices: Choice[] = [
    ...(isTrial ? [] : [{ id: "again", label: t("runs.again") }]),
    ...(goesOn ? [{ id: "terminate", label: t("runs.terminate"), isDangerous: true }] : []),
  ];
  return (
    <div className="page-tools">
      {run.workflowName === null ? null : (
        <Link to={`/workflows/${run.workflowId}`} className="button plain run-link">
          {t("runs.open")}
        </Link>
      )}
      {goesOn && canRun ? (
        <Button isDisabled={end.isPending} onPress={() => end.mutate("cancel")}>
          {t("runs.cancel")}
        </Button>
      ) : null}
      {run.status === "FAILED" && canRun && !isTrial ? (
        <Button kind="primary" onPress={onResume}>
          {t("runs.resume")}
        </Button>
      ) : null}
      {canRun && choices.length > 0 ? (
        <MenuButton
          label={t("runs.tools")}
          button={
            <IconButton label={t("runs.tools")} isDisabled={again.isPending}>
              <MoreHorizontal size={18} aria-hidden />
            </IconButton>
          }
          choices={choices}
          onChoose={(choice) => (choice === "again" ? again.mutate() : end.mutate("terminate"))}
        />
      ) : null}
    </div>
  );
}
