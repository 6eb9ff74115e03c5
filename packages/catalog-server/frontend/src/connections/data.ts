import { type QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { get, type Schemas, withQuery } from "../api/client";
import { useLocale } from "../i18n";

export type Integration = Schemas["IntegrationAnswer"];
export type Detail = Schemas["IntegrationDetail"];
export type Method = Schemas["MethodAnswer"];
export type FormField = Schemas["FieldAnswer"];
export type MappingRow = Schemas["MappingAnswer"];
export type MappingState = "all" | "mapped" | "unmapped";

/** What a record over there is from now on: one of those here, a new one, or nothing. */
export interface Wanted {
  externalId: string;
  id?: string;
  create?: string;
}

export const STATUS_TONES = {
  connected: "success",
  not_connected: "plain",
  reconnect_required: "danger",
  error: "warning",
} as const;

/** The installed integrations; a connection that breaks is seen soon. */
export function useIntegrations() {
  const { locale } = useLocale();
  return useQuery({
    queryKey: ["integrations", locale],
    queryFn: ({ signal }) => get<Schemas["IntegrationList"]>("/api/integrations", signal),
    select: ({ integrations }) => integrations,
    refetchInterval: 15_000,
  });
}

export function useIntegration(provider: string) {
  const { locale } = useLocale();
  return useQuery({
    queryKey: ["integration", provider, locale],
    queryFn: ({ signal }) => get<Detail>(pathOf(provider), signal),
    refetchInterval: 15_000,
  });
}

/** Records over there, page by page. */
export function useMappings(provider: string, kind: string, q: string, state: MappingState) {
  return useInfiniteQuery({
    queryKey: ["mappings", provider, kind, q, state],
    queryFn: ({ signal, pageParam }) =>
      get<Schemas["MappingList"]>(
        withQuery(`${pathOf(provider)}/mappings/${encodeURIComponent(kind)}`, {
          q,
          state,
          limit: 25,
          cursor: pageParam,
        }),
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    placeholderData: (before) => before,
  });
}

/** Targets that are shown at once. */
export const TARGETS = 20;

/** What a record over there can be here. */
export function useTargets(provider: string, kind: string, q: string, enabled: boolean) {
  return useQuery({
    queryKey: ["targets", provider, kind, q],
    queryFn: ({ signal }) =>
      get<Schemas["TargetList"]>(
        withQuery(`${pathOf(provider)}/mappings/${encodeURIComponent(kind)}/targets`, { q, limit: TARGETS }),
        signal,
      ),
    select: ({ targets }) => targets,
    enabled,
    placeholderData: (before) => before,
  });
}

export function pathOf(provider: string): string {
  return `/api/integrations/${encodeURIComponent(provider)}`;
}

/** The connection is another one: what the tenant can do has changed as well. */
export async function forgetConnection(queries: QueryClient): Promise<void> {
  await Promise.all(
    ["integrations", "integration", "catalog", "actions", "mappings", "jobs", "workflows"].map((name) =>
      queries.invalidateQueries({ queryKey: [name] }),
    ),
  );
}
