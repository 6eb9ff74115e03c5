import { X } from "lucide-react";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";

import { detailOf } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import type { Session } from "../session/session";
import { Badge, Button, Chips, Empty, ErrorBanner, Loading, Table } from "../ui/kit";
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
      <Chips
        label={t("tasks.filter")}
        choices={FILTERS}
        chosen={filter}
        nameOf={(each) => t(`tasks.filter.${each}`)}
        onChoose={setFilter}
      >
        {runId === null ? null : (
          <button type="button" className="chip only" onClick={() => setQuery({})}>
            {t("tasks.ofRun")} <X size={14} aria-hidden />
            <span className="visually-hidden">{t("tasks.ofRun.end")}</span>
          </button>
        )}
      </Chips>
      {tasks.error && tasks.data === undefined ? (
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
        <Table columns={[t("tasks.task"), t("tasks.status"), t("tasks.assignee"), t("tasks.created")]}>
          {rows.map((task) => (
            <Row key={task.taskId} task={task} session={session} />
          ))}
        </Table>
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
