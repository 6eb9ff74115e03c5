/** What the editor asks the server for. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";

import type { ActionContract, EventType, Schema } from "../api/catalog";
import { get, post, type Schemas, send, withQuery } from "../api/client";
import { useLocale } from "../i18n";
import type { WorkflowDocument } from "./model/document";
import type { ServerFinding } from "./model/findings";
import type { Json, JsonObject } from "./model/json";
import type { Environment, Samples } from "./model/scope";

export const DEFINITIONS = "/api/workflow-definitions";

export interface StepType {
  type: string;
  kind: "node" | "control";
  label: string;
  description: string;
  blocks: string[];
}

export interface StoredWorkflow {
  workflowId: string;
  name: string;
  status: string;
  publishedVersion: number | null;
  isPaused: boolean;
  draft: { definition: JsonObject; version: number; definitionSha256: string };
}

export interface LoadedWorkflow extends StoredWorkflow {
  etag: string;
}

export async function loadWorkflow(workflowId: string, signal?: AbortSignal): Promise<LoadedWorkflow> {
  const { body, etag } = await send<StoredWorkflow>("GET", `${DEFINITIONS}/${workflowId}`, { signal });
  return { ...body, etag: etag ?? `"${body.draft.definitionSha256}"` };
}

/** Stores the draft, if it is still the one of the tag; answers its new tag. */
export async function saveDraft(workflowId: string, definition: JsonObject, etag: string): Promise<string> {
  const answer = await send<{ definitionSha256: string }>("PUT", `${DEFINITIONS}/${workflowId}/draft`, {
    body: { definition },
    headers: { "If-Match": etag },
  });
  return answer.etag ?? `"${answer.body.definitionSha256}"`;
}

export interface Verdict {
  ok: boolean;
  errors: ServerFinding[];
  warnings: ServerFinding[];
}

export async function validate(definition: JsonObject, signal: AbortSignal): Promise<Verdict> {
  return (await send<Verdict>("POST", `${DEFINITIONS}/validate`, { body: { definition }, signal })).body;
}

export function useStepTypes(): ReadonlyMap<string, StepType> | undefined {
  const { data } = useQuery({
    queryKey: ["stepTypes"],
    queryFn: ({ signal }) => get<StepType[]>("/api/workflow/registry/nodes", signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return useMemo(() => data && new Map(data.map((each) => [each.type, each])), [data]);
}

export function useSecretNames(isAdmin: boolean): string[] | undefined {
  return useQuery({
    queryKey: ["secretNames"],
    queryFn: async ({ signal }) =>
      (await get<Schemas["SecretList"]>("/api/workflow/secrets", signal)).secrets.map(({ name }) => name),
    enabled: isAdmin,
  }).data;
}

// ── Samples ─────────────────────────────────────────────────────────────────────────────────────────────────────

interface RunStep {
  definitionStepId: string;
  status: string;
  output: Json;
}

/** What the last run of the workflow was given, and what its steps gave. */
export function useSamples(workflowId: string): Samples | undefined {
  return (
    useQuery({
      queryKey: ["samples", workflowId],
      queryFn: async ({ signal }) => {
        const { runs } = await get<{ runs: { runId: string }[] }>(
          withQuery("/api/workflow-runs", { workflowId, limit: 1 }),
          signal,
        );
        const [last] = runs;
        if (last === undefined) {
          return null;
        }
        const [run, { steps }] = await Promise.all([
          get<{ payload?: Json }>(`/api/workflow-runs/${last.runId}`, signal),
          get<{ steps: RunStep[] }>(`/api/workflow-runs/${last.runId}/steps`, signal),
        ]);
        const outputs = new Map<string, Json>();
        for (const step of steps) {
          if (step.status === "SUCCEEDED" && step.output !== null && !outputs.has(step.definitionStepId)) {
            outputs.set(step.definitionStepId, step.output);
          }
        }
        return { payload: run.payload, outputs };
      },
      staleTime: 30_000,
    }).data ?? undefined
  );
}

/** What the pickers and previews know beside the document. */
export function useEnvironmentOf(
  document: WorkflowDocument,
  events: readonly EventType[],
  actions: ReadonlyMap<string, ActionContract>,
  samples: Samples | undefined,
): Environment {
  const { payloadSchemaRef, trigger } = document.head;
  const eventName =
    typeof trigger === "object" && trigger !== null && !Array.isArray(trigger) && trigger.type === "event"
      ? trigger.eventName
      : undefined;
  const ref = typeof payloadSchemaRef === "string" ? payloadSchemaRef : undefined;
  const declared =
    ref === undefined ? undefined : events.find((event) => event.payloadSchemaRef === ref)?.payloadSchema;
  const { data: other } = useQuery({
    queryKey: ["schema", ref],
    queryFn: ({ signal }) => get<Schema>(`/api/workflow/registry/schemas/${encodeURIComponent(ref ?? "")}`, signal),
    enabled: ref !== undefined && declared === undefined,
    retry: false,
    refetchInterval: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return useMemo<Environment>(
    () => ({
      payload: declared ?? other,
      event: events.find((event) => event.name === eventName)?.payloadSchema,
      outputOf: (actionId, version) => actions.get(`${actionId}@${version}`)?.outputSchema,
      exampleOf: (actionId, version) => actions.get(`${actionId}@${version}`)?.examples[0]?.output as Json | undefined,
      eventPayload: (name) => events.find((event) => event.name === name)?.payloadSchema,
      samples,
    }),
    [declared, other, eventName, events, actions, samples],
  );
}

// ── Trying expressions ──────────────────────────────────────────────────────────────────────────────────────────

export interface Tried {
  value: Json;
  missing: boolean;
  problem: { code: string; message: string; position: number | null } | null;
}

export function useTriedExpression(
  expression: string,
  scope: JsonObject,
): { tried: Tried | undefined; isCurrent: boolean } {
  const settled = useSettled(expression, 250);
  const { data, isPlaceholderData } = useQuery({
    queryKey: ["tried", settled, scope],
    queryFn: () => post<Tried>("/api/workflow/expressions/try", { expression: settled, scope }),
    enabled: settled.trim() !== "",
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
    retry: false,
    refetchInterval: false,
  });
  return { tried: settled.trim() === "" ? undefined : data, isCurrent: settled === expression && !isPlaceholderData };
}

/** A value once it has stayed the same for some milliseconds. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

// ── Options ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Option {
  value: string | number;
  label: string;
  description: string | null;
}

export interface OptionsAnswer {
  options: Option[];
  nextCursor: string | null;
}

function optionsPath(actionId: string, version: number, field: string): string {
  return `/api/workflow/registry/actions/${encodeURIComponent(actionId)}/${version}/options/${encodeURIComponent(field)}`;
}

interface Asked {
  actionId: string;
  version: number;
  field: string;
  dependencies: Readonly<Record<string, string>>;
}

/** What there is to pick for a field. */
export function useOptions(asked: Asked, query: string, enabled: boolean) {
  const { locale } = useLocale();
  const settled = useSettled(query, 200);
  return useQuery({
    queryKey: ["options", locale, asked, settled],
    queryFn: ({ signal }) =>
      get<OptionsAnswer>(
        withQuery(optionsPath(asked.actionId, asked.version, asked.field), {
          ...asked.dependencies,
          q: settled,
          limit: 50,
        }),
        signal,
      ),
    enabled,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
    refetchInterval: false,
  });
}

/** The option of a value that a field has already. */
export function useOption(asked: Asked, value: string | number | undefined): Option | undefined {
  const { locale } = useLocale();
  return (
    useQuery({
      queryKey: ["option", locale, asked.actionId, asked.version, asked.field, value],
      queryFn: async ({ signal }) => {
        const path = withQuery(optionsPath(asked.actionId, asked.version, asked.field), { value });
        return (await get<OptionsAnswer>(path, signal)).options[0] ?? null;
      },
      enabled: value !== undefined && value !== "",
      staleTime: 300_000,
      retry: false,
      refetchInterval: false,
    }).data ?? undefined
  );
}
