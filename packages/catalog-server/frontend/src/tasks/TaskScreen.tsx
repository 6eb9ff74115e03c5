import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft } from "lucide-react";
import { Link, useParams } from "react-router";

import { detailOf, post } from "../api/client";
import type { Json, JsonObject } from "../editor/model/json";
import { named, useLocale, useT } from "../i18n";
import { may, type Session } from "../session/session";
import { Badge, Button, Empty, ErrorBanner, Facts, JsonView } from "../ui/kit";
import { Assignee } from "./Assignee";
import { CompleteForm } from "./CompleteForm";
import { forgetTask, pathOf, type Task, TASK_TONES, useTask } from "./data";
import "./tasks.css";

/** One task: what is asked, who has it, and the answer. */
export default function TaskScreen({ session }: { session: Session }) {
  const t = useT();
  const { id = "" } = useParams();
  const task = useTask(id);
  // What somebody types outlives a look that fails.
  if (task.error && !task.data) {
    return (
      <Empty title={t("tasks.gone")}>
        <p>{detailOf(task.error)}</p>
        <Link to="/tasks">{t("tasks.back")}</Link>
      </Empty>
    );
  }
  if (!task.data) {
    return <div className="page" role="status" aria-label={t("shell.loading")} />;
  }
  return <Shown key={id} task={task.data} session={session} />;
}

function Shown({ task, session }: { task: Task; session: Session }) {
  const t = useT();
  const { intl } = useLocale();
  const queries = useQueryClient();
  const moment = (at: string) => intl.formatDate(at, { dateStyle: "medium", timeStyle: "short" });
  const assign = useMutation({
    mutationFn: (userId: string | null) => post(`${pathOf(task.taskId)}/reassign`, { userId }),
    onSettled: () => forgetTask(queries, task),
  });
  const claim = useMutation({
    mutationFn: () => post(`${pathOf(task.taskId)}/claim`),
    onSettled: () => forgetTask(queries, task),
  });
  const canAct = task.status === "OPEN" && may(session, "workflow:run");
  const isMine = task.assignedTo === session.user;
  const problem = claim.error ?? assign.error;
  return (
    <div className="page task">
      <title>{task.title}</title>
      <header className="page-head">
        <div className="page-title">
          <Link to="/tasks" aria-label={t("tasks.back")} className="page-back">
            <ChevronLeft size={18} aria-hidden />
          </Link>
          <h1>{task.title}</h1>
          <span role="status">
            <Badge tone={TASK_TONES[task.status]}>{named(t, "tasks.status", task.status)}</Badge>
          </span>
        </div>
        <div className="page-tools">
          {!canAct ? null : isMine ? (
            <Button isDisabled={assign.isPending} onPress={() => assign.mutate(null)}>
              {t("tasks.giveBack")}
            </Button>
          ) : task.assignedTo === null ? (
            <Button isDisabled={claim.isPending} onPress={() => claim.mutate()}>
              {t("tasks.claim")}
            </Button>
          ) : (
            <Button isDisabled={assign.isPending} onPress={() => assign.mutate(session.user)}>
              {t("tasks.takeOver")}
            </Button>
          )}
        </div>
      </header>
      {problem ? <ErrorBanner>{detailOf(problem)}</ErrorBanner> : null}
      <Facts
        facts={[
          [
            t("tasks.run"),
            <Link key={task.runId} to={`/runs/${task.runId}`}>
              {task.workflowName ?? t("tasks.run.unnamed")}
            </Link>,
          ],
          [
            t(task.completedBy === null ? "tasks.assignee" : "tasks.completedBy"),
            <Assignee key={task.taskId} task={task} session={session} />,
          ],
          [t("tasks.created"), moment(task.createdAt)],
          [t("tasks.ended"), task.endedAt && moment(task.endedAt)],
        ]}
      />
      {task.description ? <p className="task-description">{task.description}</p> : null}
      <Data title={t("tasks.context")} value={task.contextData as Json} />
      {task.response === null ? null : <Data title={t("tasks.response")} value={task.response} />}
      {canAct && (isMine || task.assignedTo === null) ? <CompleteForm task={task} /> : null}
    </div>
  );
}

/** Values with names, a line each, plain ones first; whatever else there is, as JSON. */
function Data({ title, value }: { title: string; value: Json }) {
  const entries = isObject(value) ? Object.entries(value).sort(([, one], [, other]) => depth(one) - depth(other)) : null;
  if (value === null || entries?.length === 0) {
    return null;
  }
  return (
    <section aria-label={title}>
      <h2 className="section-title">{title}</h2>
      {entries === null ? (
        <JsonView value={value} label={title} />
      ) : (
        <dl className="task-data">
          {entries.map(([name, each]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {typeof each === "object" && each !== null ? <JsonView value={each} label={name} /> : <Scalar value={each} />}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const depth = (value: Json) => (typeof value === "object" && value !== null ? 1 : 0);

function Scalar({ value }: { value: string | number | boolean | null }) {
  const t = useT();
  return value === null ? "–" : typeof value === "boolean" ? t(value ? "tasks.yes" : "tasks.no") : String(value);
}
