import { useT } from "../i18n";
import type { Session } from "../session/session";
import type { Task } from "./data";

/** Who has a task, or has completed it. */
export function Assignee({ task, session }: { task: Task; session: Session }) {
  const t = useT();
  const [user, name] =
    task.completedBy === null ? [task.assignedTo, task.assignedToName] : [task.completedBy, task.completedByName];
  if (user === null) {
    return t("tasks.assignee.none");
  }
  return user === session.user ? t("tasks.assignee.you") : (name ?? t("tasks.assignee.other"));
}
