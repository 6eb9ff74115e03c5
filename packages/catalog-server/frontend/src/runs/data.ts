import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { get, type Schemas, withQuery } from "../api/client";

export type Run = Schemas["RunAnswer"];
export type Step = Schemas["StepAnswer"];
export type RunStatus = Run["status"];

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

const isUnderWay = (status: RunStatus | undefined) => status === "RUNNING" || status === "WAITING";

/** Runs, the newest first; looked at again every few seconds. */
export function useRuns(status: RunStatus | "all") {
  return useInfiniteQuery({
    queryKey: ["runs", status],
    queryFn: ({ signal, pageParam }) =>
      get<Schemas["RunList"]>(
        withQuery("/api/workflow-runs", { limit: 50, cursor: pageParam, status: status === "all" ? undefined : status }),
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: 5_000,
    placeholderData: (before) => before,
  });
}

export function useRun(id: string) {
  return useQuery({
    queryKey: ["run", id],
    queryFn: ({ signal }) => get<Schemas["RunWithPayload"]>(`/api/workflow-runs/${id}`, signal),
    refetchInterval: (query) => (isUnderWay(query.state.data?.status) ? 1_000 : false),
  });
}

/** What its steps took and gave; looked at again while it is under way, and once after its end. */
export function useSteps(id: string, status: RunStatus | undefined) {
  return useQuery({
    queryKey: ["steps", id, status],
    queryFn: ({ signal }) => get<Schemas["StepList"]>(`/api/workflow-runs/${id}/steps`, signal),
    refetchInterval: isUnderWay(status) ? 1_000 : false,
    placeholderData: (before) => before,
  });
}

/** Names of workflows by their ids. */
export function useWorkflowName(id: string | undefined) {
  return useQuery({
    queryKey: ["workflow", id],
    queryFn: ({ signal }) => get<Schemas["WorkflowWithDraft"]>(`/api/workflow-definitions/${id}`, signal),
    enabled: id !== undefined,
    staleTime: 60_000,
  }).data?.name;
}
