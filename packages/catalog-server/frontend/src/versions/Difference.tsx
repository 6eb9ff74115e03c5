import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { type ActionContract, useActions } from "../api/catalog";
import { detailOf, get, type Schemas, withQuery } from "../api/client";
import { type StepType, useStepTypes } from "../editor/data";
import { idOf, openDefinition } from "../editor/model/document";
import type { Json, JsonObject } from "../editor/model/json";
import { sampleText } from "../editor/samples";
import { titleOf } from "../editor/tiles";
import { useT } from "../i18n";
import { Badge, ErrorBanner } from "../ui/kit";
import "./versions.css";

export type VersionName = number | "draft";

interface Change {
  kind: "added" | "removed" | "moved" | "changed";
  stepId: string | null;
  changes?: { path: string; old?: Json; new?: Json; tooLarge?: boolean }[];
}

const TONES = { added: "success", removed: "danger", moved: "plain", changed: "accent" } as const;

/** What differs between two versions of a workflow, step by step. */
export function Difference({
  workflowId,
  from,
  to,
  stamp,
}: {
  workflowId: string;
  from: VersionName;
  to: VersionName;
  /** Another one when the draft is another one. */
  stamp?: string;
}) {
  const t = useT();
  const path = `/api/workflow-definitions/${workflowId}`;
  const difference = useQuery({
    queryKey: ["difference", workflowId, from, to, stamp],
    queryFn: ({ signal }) => get<{ changes: Change[]; truncated: boolean }>(withQuery(`${path}/diff`, { from, to }), signal),
  });
  const titles = useTitles(workflowId, from, to, stamp);
  if (difference.error) {
    return <ErrorBanner>{detailOf(difference.error)}</ErrorBanner>;
  }
  if (!difference.data) {
    return <p role="status" aria-label={t("shell.loading")} />;
  }
  const { changes, truncated } = difference.data;
  if (changes.length === 0) {
    return <p>{from === "draft" ? t("versions.same") : t("publish.same", { version: from })}</p>;
  }
  return (
    <>
      <ul className="difference">
        {changes.map((change, index) => (
          <li key={index}>
            <Badge tone={TONES[change.kind]}>{t(`publish.change.${change.kind}`)}</Badge>
            <div>
              <strong>
                {change.stepId === null ? t("publish.definition") : (titles.get(change.stepId) ?? change.stepId)}
              </strong>
              <ul>
                {change.changes?.map((value) => (
                  <li key={value.path}>
                    <span className="muted">{value.path}</span>{" "}
                    {value.tooLarge ? (
                      t("versions.tooLarge")
                    ) : (
                      <>
                        {value.old === undefined ? null : <del>{sampleText(value.old)}</del>}{" "}
                        {value.new === undefined ? null : <ins>{sampleText(value.new)}</ins>}
                      </>
                    )}
                  </li>
                ))}
              </ul>
            </div>
          </li>
        ))}
      </ul>
      {truncated ? <p className="muted">{t("versions.truncated")}</p> : null}
    </>
  );
}

/** How the steps of both versions are called, by their ids. */
function useTitles(workflowId: string, from: VersionName, to: VersionName, stamp: string | undefined) {
  const t = useT();
  const old = useDefinition(workflowId, from, stamp);
  const now = useDefinition(workflowId, to, stamp);
  const actions = useActions();
  const stepTypes = useStepTypes();
  return useMemo(
    () => new Map([old, now].flatMap((definition) => titlesOf(t, definition, actions, stepTypes))),
    [t, old, now, actions, stepTypes],
  );
}

function useDefinition(workflowId: string, version: VersionName, stamp: string | undefined): JsonObject | undefined {
  return useQuery({
    queryKey: ["definition", workflowId, version, stamp],
    queryFn: ({ signal }) =>
      get<Schemas["DefinitionAnswer"]>(`/api/workflow-definitions/${workflowId}/${version}`, signal),
    staleTime: version === "draft" ? 0 : Number.POSITIVE_INFINITY,
  }).data?.definition as JsonObject | undefined;
}

function titlesOf(
  t: ReturnType<typeof useT>,
  definition: JsonObject | undefined,
  actions: ReadonlyMap<string, ActionContract> | undefined,
  stepTypes: ReadonlyMap<string, StepType> | undefined,
): [string, string][] {
  if (!definition || !actions || !stepTypes) {
    return [];
  }
  const { nodes } = openDefinition(definition);
  return Object.values(nodes).map(({ own }) => [idOf(own), titleOf(t, { actions, stepTypes }, own)]);
}
