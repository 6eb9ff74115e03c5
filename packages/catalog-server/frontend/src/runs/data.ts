import { type QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { get, type Schemas, withQuery } from "../api/client";
import type { Json, JsonObject } from "../editor/model/json";

export type Run = Schemas["RunAnswer"];
export type RunDetail = Omit<Schemas["RunWithPayload"], "definition" | "error"> & {
  definition: JsonObject;
  error: RunError | null;
};
export type Step = Omit<Schemas["StepAnswer"], "input" | "output" | "error"> & {
  input: Json;
  output: Json;
  error: RunError | null;
};
export type Effect = Schemas["EffectAnswer"];
export type RunStatus = Run["status"];

/** Why a run or a step failed. */
export interface RunError {
  category?: string;
  code: string;
  message: string;
  details?: Record<string, unknown>;
}

export const RUN_TONES = {
  SUCCEEDED: "success",
  FAILED: "danger",
  RUNNING: "accent",
  WAITING: "warning",
  CANCELED: "plain",
} as const;
export const STEP_TONES = {
  SUCCEEDED: "success",
  FAILED: "danger",
  RETRYING: "warning",
  STARTED: "accent",
  WAITING: "warning",
  CANCELED: "plain",
  SKIPPED: "plain",
} as const;

export const isUnderWay = (status: RunStatus | undefined) => status === "RUNNING" || status === "WAITING";

/** Runs, the newest first; looked at again every few seconds. */
export function useRuns(status: RunStatus | "all", workflowId: string | null) {
  return useInfiniteQuery({
    queryKey: ["runs", status, workflowId],
    queryFn: ({ signal, pageParam }) =>
      get<Schemas["RunList"]>(
        withQuery("/api/workflow-runs", {
          limit: 50,
          cursor: pageParam,
          status: status === "all" ? undefined : status,
          workflowId,
        }),
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    // All pages are read again: the more there are, the less often.
    refetchInterval: (query) => 3_000 * (query.state.data?.pages.length ?? 1),
    placeholderData: (before) => before,
  });
}

/** Effects that wait for a decision, of one run or of all; looked at again now and then. */
export function useEffects(runId?: string, enabled = true) {
  return useInfiniteQuery({
    queryKey: ["effects", runId],
    queryFn: ({ signal, pageParam }) =>
      get<Schemas["EffectList"]>(
        withQuery("/api/workflow-runs/effects", { runId, limit: 50, cursor: pageParam }),
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: (query) => 10_000 * (query.state.data?.pages.length ?? 1),
    enabled,
  });
}

/** What happened in a run, by time; its lines of the log alone. */
export function useLog(runId: string, status: RunStatus, enabled: boolean) {
  return useQuery({
    queryKey: ["log", runId, status],
    queryFn: async ({ signal }) => {
      const { timeline } = await get<Schemas["Timeline"]>(`/api/workflow-runs/${runId}/timeline`, signal);
      return timeline.filter((entry) => entry.kind === "log");
    },
    enabled,
    refetchInterval: isUnderWay(status) ? 3_000 : false,
    placeholderData: (before) => before,
  });
}

/** Something was done about a run: everything that is known of it may be old. */
export async function forgetRun(queries: QueryClient, runId: string): Promise<void> {
  await Promise.all(
    [["run", runId], ["steps", runId], ["effects"], ["runs"], ["last run"]].map((queryKey) =>
      queries.invalidateQueries({ queryKey }),
    ),
  );
}
