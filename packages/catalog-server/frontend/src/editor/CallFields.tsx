import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { get, withQuery } from "../api/client";
import { useT } from "../i18n";
import { AssignFields } from "./AssignFields";
import { useShared } from "./context";
import { DEFINITIONS } from "./data";
import { ErrorHandling } from "./ErrorHandling";
import { Choice } from "./EventChoice";
import { useSubject } from "./field";
import { FieldFrame } from "./FieldFrame";
import { anyField, MapInput } from "./FixedInput";
import { Select } from "./kit";
import { fieldsOf } from "./model/fields";
import { getAt, isObject, type Json } from "./model/json";
import type { Scope } from "./model/scope";
import { ValueField } from "./ValueField";

interface Called {
  workflowId: string;
  name: string;
  payloadSchemaRef: string | null;
  publishedVersion: number | null;
}

/** A call of another workflow: which one, what it is given, and what of its end is kept. */
export function CallFields() {
  const t = useT();
  const { canEdit, events, workflowId: own } = useShared();
  const { own: step, set, scope } = useSubject();
  const workflowId = isObject(step) ? String(step.workflowId ?? "") : "";
  const version = isObject(step) ? Number(step.workflowVersion ?? 1) : 1;
  const workflows =
    useQuery({
      queryKey: ["callable"],
      queryFn: async ({ signal }) =>
        (await get<{ workflows: Called[] }>(withQuery(DEFINITIONS, { limit: 200 }), signal)).workflows,
      staleTime: 30_000,
    }).data ?? [];
  const versions =
    useQuery({
      queryKey: ["versions", workflowId],
      queryFn: async ({ signal }) =>
        (await get<{ versions: { version: number }[] }>(`${DEFINITIONS}/${workflowId}/versions`, signal)).versions,
      enabled: workflows.some((each) => each.workflowId === workflowId),
      staleTime: 30_000,
    }).data ?? [];
  const called = workflows.find((each) => each.workflowId === workflowId);
  const payload = events.find((event) => event.payloadSchemaRef === called?.payloadSchemaRef)?.payloadSchema;
  const mapping = getAt(step, ["inputMapping"]);
  const outputScope = useMemo<Scope>(() => withChild(scope), [scope]);
  return (
    <>
      <FieldFrame place={["workflowId"]} label={t("editor.call.workflow")} isRequired>
        {(ids) => (
          <Choice
            {...ids}
            label={t("editor.call.workflow")}
            value={workflowId}
            isDisabled={!canEdit}
            placeholder={t("editor.call.choose")}
            items={workflows
              .filter((each) => each.workflowId !== own)
              .map((each) => ({
                id: each.workflowId,
                label: each.name,
                description: each.publishedVersion === null ? t("editor.call.unpublished") : undefined,
              }))}
            onChange={(id) => {
              set(["workflowId"], id);
              const newest = workflows.find((each) => each.workflowId === id)?.publishedVersion;
              if (newest) {
                set(["workflowVersion"], newest);
              }
            }}
          />
        )}
      </FieldFrame>
      <FieldFrame place={["workflowVersion"]} label={t("editor.call.version")}>
        {() => (
          <Select
            label={t("editor.call.version")}
            value={String(version)}
            options={[...new Set([...versions.map((each) => each.version), version])].map((each) => ({
              value: String(each),
              label: String(each),
            }))}
            isDisabled={!canEdit}
            onChange={(chosen) => set(["workflowVersion"], Number(chosen))}
          />
        )}
      </FieldFrame>
      <section className="ed-section" data-field="inputMapping">
        <h3>{t("editor.call.input")}</h3>
        {payload ? (
          fieldsOf(payload).map((field) => (
            <ValueField key={field.name} place={["inputMapping", field.name]} field={field} />
          ))
        ) : (
          <MapInput
            place={["inputMapping"]}
            field={anyField("inputMapping", { label: t("editor.call.input") })}
            value={mapping}
            label={t("editor.call.input")}
            labelId=""
            describedBy={undefined}
            isInvalid={false}
            isDisabled={!canEdit}
            onChange={(value: Json | undefined) => set(["inputMapping"], value)}
          />
        )}
      </section>
      <AssignFields
        place={["outputMapping"]}
        label={t("editor.call.output")}
        hint={t("editor.call.output.hint")}
        scope={outputScope}
      />
      <ErrorHandling />
    </>
  );
}

/** What can be read where the end of a called workflow is kept. */
function withChild(scope: Scope): Scope {
  const childRun = { payload: {}, vars: {}, local: {}, meta: {}, system: {} };
  const schema = {
    type: "object",
    properties: Object.fromEntries(Object.keys(childRun).map((name) => [name, { type: "object" }])),
  };
  return {
    ...scope,
    groups: [
      {
        kind: "child",
        variables: [
          { names: ["childRun"], typed: { schema, root: schema }, sample: childRun, isReal: false, isPerhaps: false },
        ],
      },
      ...scope.groups,
    ],
    values: { ...scope.values, childRun },
  };
}
