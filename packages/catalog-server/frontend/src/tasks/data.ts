import { type QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { get, type Schemas, withQuery } from "../api/client";
import type { JsonObject } from "../editor/model/json";

export type Task = Omit<Schemas["TaskAnswer"], "response"> & { response: JsonObject | null };
export type TaskStatus = Task["status"];

export const TASK_TONES = { OPEN: "warning", COMPLETED: "success", CANCELED: "plain" } as const;

/** Tasks, the newest first; looked at again every few seconds. */
export function useTasks(query: { status?: TaskStatus; assignedTo?: string; runId?: string | null }) {
  return useInfiniteQuery({
    queryKey: ["tasks", query],
    queryFn: ({ signal, pageParam }) =>
      get<Schemas["TaskList"]>(withQuery("/api/workflow-tasks", { ...query, limit: 50, cursor: pageParam }), signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: 5_000,
    placeholderData: (before) => before,
  });
}

/** One task; as long as it is open, somebody else may take it over. */
export function useTask(id: string) {
  return useQuery({
    queryKey: ["task", id],
    queryFn: ({ signal }) => get<Task>(pathOf(id), signal),
    refetchInterval: (query) => (query.state.data?.status === "OPEN" ? 5_000 : false),
  });
}

export function pathOf(id: string): string {
  return `/api/workflow-tasks/${encodeURIComponent(id)}`;
}

/** Something was done about a task: its run goes on, and lists of tasks are old. */
export async function forgetTask(queries: QueryClient, task: Task): Promise<void> {
  await Promise.all(
    [["task", task.taskId], ["tasks"], ["run", task.runId], ["runs"]].map((queryKey) =>
      queries.invalidateQueries({ queryKey }),
    ),
  );
}
