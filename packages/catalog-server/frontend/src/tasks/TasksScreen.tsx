import { X } from "lucide-react";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";

import { detailOf } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import type { Session } from "../session/session";
import { Badge, Button, Empty, ErrorBanner, Loading } from "../ui/kit";
import { type Task, TASK_TONES, useTasks } from "./data";
import { Assignee } from "./Assignee";

const FILTERS = ["open", "mine", "completed", "all"] as const;
type Filter = (typeof FILTERS)[number];

/** What workflows ask people. */
export default function TasksScreen({ session }: { session: Session }) {
  const t = useT();
  const [query, setQuery] = useSearchParams();
  const runId = query.get("run");
  const [filter, setFilter] = useState<Filter>(runId === null ? "open" : "all");
  const tasks = useTasks({ ...queryOf(filter, session.user), runId });
  const rows = tasks.data?.pages.flatMap((page) => page.tasks as Task[]) ?? [];
  return (
    <div className="page">
      <title>{t("tasks.title")}</title>
      <header className="page-head">
        <h1>{t("tasks.title")}</h1>
      </header>
      <div className="chips" role="group" aria-label={t("tasks.filter")}>
        {FILTERS.map((each) => (
          <button
            key={each}
            type="button"
            className="chip"
            aria-pressed={filter === each}
            onClick={() => setFilter(each)}
          >
            {t(`tasks.filter.${each}`)}
          </button>
        ))}
        {runId === null ? null : (
          <button type="button" className="chip only" onClick={() => setQuery({})}>
            {t("tasks.ofRun")} <X size={14} aria-hidden />
            <span className="visually-hidden">{t("tasks.ofRun.end")}</span>
          </button>
        )}
      </div>
      {tasks.error ? (
        <ErrorBanner action={<Button onPress={() => void tasks.refetch()}>{t("shell.again")}</Button>}>
          {detailOf(tasks.error)}
        </ErrorBanner>
      ) : tasks.isPending ? (
        <Loading />
      ) : rows.length === 0 ? (
        <Empty title={t(filter === "open" || filter === "mine" ? "tasks.empty" : "tasks.emptyAll")}>
          <p>{t("tasks.emptyHint")}</p>
        </Empty>
      ) : (
        <div className="table-box">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t("tasks.task")}</th>
                <th scope="col">{t("tasks.status")}</th>
                <th scope="col">{t("tasks.assignee")}</th>
                <th scope="col">{t("tasks.created")}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((task) => (
                <Row key={task.taskId} task={task} session={session} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {tasks.hasNextPage ? (
        <Button isDisabled={tasks.isFetchingNextPage} onPress={() => void tasks.fetchNextPage()}>
          {t("tasks.more")}
        </Button>
      ) : null}
    </div>
  );
}

function queryOf(filter: Filter, user: string): Parameters<typeof useTasks>[0] {
  switch (filter) {
    case "open":
      return { status: "OPEN" };
    case "mine":
      return { status: "OPEN", assignedTo: user };
    case "completed":
      return { status: "COMPLETED" };
    case "all":
      return {};
  }
}

function Row({ task, session }: { task: Task; session: Session }) {
  const t = useT();
  const { intl } = useLocale();
  return (
    <tr>
      <th scope="row">
        <Link to={`/tasks/${task.taskId}`} className="row-link">
          {task.title}
        </Link>
        <small>{task.workflowName}</small>
      </th>
      <td>
        <Badge tone={TASK_TONES[task.status]}>{named(t, "tasks.status", task.status)}</Badge>
      </td>
      <td className="muted">
        <Assignee task={task} session={session} />
      </td>
      <td className="muted">
        <time dateTime={task.createdAt}>
          {intl.formatDate(task.createdAt, { dateStyle: "medium", timeStyle: "short" })}
        </time>
      </td>
    </tr>
  );
}
