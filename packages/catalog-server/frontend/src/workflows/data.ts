import { useInfiniteQuery } from "@tanstack/react-query";

import { get, type Schemas, withQuery } from "../api/client";

export type WorkflowRow = Schemas["ListedWorkflow"];

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
    refetchInterval: 10_000,
  });
}
