import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { get, type Schemas, withQuery } from "../api/client";

export type WorkflowRow = Schemas["WorkflowAnswer"];
export type RunRow = Schemas["RunAnswer"];

/** Workflows by name, page by page. */
export function useWorkflows(search: string) {
  return useInfiniteQuery({
    queryKey: ["workflows", search],
    queryFn: ({ signal, pageParam }) =>
      get<Schemas["WorkflowList"]>(
        withQuery("/api/workflow-definitions", { search, limit: 50, cursor: pageParam }),
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    placeholderData: (before) => before,
  });
}

/** The newest run of a workflow; null: it has never run. */
export function useLastRun(workflowId: string, isPublished: boolean) {
  return useQuery({
    queryKey: ["last run", workflowId],
    queryFn: async ({ signal }) => {
      const found = await get<Schemas["RunList"]>(
        withQuery("/api/workflow-runs", { workflowId, limit: 1, dryRun: false }),
        signal,
      );
      return found.runs[0] ?? null;
    },
    enabled: isPublished,
    staleTime: 10_000,
    refetchInterval: (query) =>
      query.state.data?.status === "RUNNING" || query.state.data?.status === "WAITING" ? 5_000 : 30_000,
  });
}
