import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { useLocale } from "../i18n";
import { get } from "./client";

export type Effect = "READ" | "LOCAL" | "REPEATABLE" | "ONCE";

/** JSON Schema as the server makes it. */
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  anyOf?: Schema[];
  allOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  format?: string;
  default?: unknown;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  $ref?: string;
  $defs?: Record<string, Schema>;
  [extension: `x-${string}`]: unknown;
}

export interface CatalogAction {
  id: string;
  version: number;
  label: string;
  description: string;
  inputFieldNames: string[];
  outputFieldNames: string[];
}

export interface CatalogModule {
  groupKey: string;
  label: string;
  description: string;
  iconToken?: string;
  tileKind: string;
  allowedActionIds: string[];
  defaultActionId: string | null;
  actions: CatalogAction[];
  available: boolean;
  reason?: string | null;
}

export interface ActionContract {
  id: string;
  version: number;
  label: string;
  description: string;
  effect: Effect;
  io: string;
  groupKey: string;
  /** The package that brings it. */
  distribution: string;
  inputSchema: Schema;
  outputSchema: Schema;
  /** The fields that have options to pick from, and the fields that narrow them. */
  pickers: { field: string; source: string; dependencies: Record<string, string | null> }[];
  examples: { name?: string; input: unknown; output: unknown }[];
  available: boolean;
  reason?: string | null;
}

export interface EventType {
  name: string;
  label: string;
  description: string;
  payloadSchemaRef: string;
  payloadSchema: Schema;
}

export interface Catalog {
  modules: CatalogModule[];
  moduleOf: (actionId: string) => CatalogModule | undefined;
  moduleByKey: Map<string, CatalogModule>;
}

/** All installed modules, also those that the tenant does not have; kept fresh, as connections come and go. */
export function useCatalog(): Catalog | undefined {
  const { locale } = useLocale();
  const { data } = useQuery({
    queryKey: ["catalog", locale],
    queryFn: ({ signal }) =>
      get<CatalogModule[]>("/api/workflow/registry/designer-catalog?include=unavailable", signal),
    refetchInterval: 15_000,
    refetchOnWindowFocus: true,
    // In the language before: nothing that is shown goes away while the words of another one come.
    placeholderData: keepPreviousData,
  });
  return useMemo(() => {
    if (!data) {
      return undefined;
    }
    const owners = new Map(data.flatMap((module) => module.allowedActionIds.map((id) => [id, module] as const)));
    return {
      modules: data,
      moduleOf: (actionId) => owners.get(actionId),
      moduleByKey: new Map(data.map((module) => [module.groupKey, module])),
    };
  }, [data]);
}

/** The contracts of all installed actions, by `id@version`. */
export function useActions(): Map<string, ActionContract> | undefined {
  const { locale } = useLocale();
  const { data } = useQuery({
    queryKey: ["actions", locale],
    queryFn: ({ signal }) => get<ActionContract[]>("/api/workflow/registry/actions?include=unavailable", signal),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });
  return useMemo(() => data && new Map(data.map((action) => [`${action.id}@${action.version}`, action])), [data]);
}

export function useEvents(): EventType[] | undefined {
  const { locale } = useLocale();
  return useQuery({
    queryKey: ["events", locale],
    queryFn: ({ signal }) => get<EventType[]>("/api/workflow/registry/events", signal),
    staleTime: 300_000,
    placeholderData: keepPreviousData,
  }).data;
}
