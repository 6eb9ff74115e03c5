import { memo, useMemo } from "react";

import { useT } from "../i18n";
import { useEnvironment, useShared } from "./context";
import { Choice, EventChoice } from "./EventChoice";
import { type Subject, SubjectContext } from "./field";
import { FieldFrame, FindingLine } from "./FieldFrame";
import { anyField, MapInput } from "./FixedInput";
import { fieldsOf } from "./model/fields";
import type { WorkflowDocument } from "./model/document";
import type { Findings } from "./model/findings";
import { isObject, type Json } from "./model/json";
import { eventScope } from "./model/scope";
import { PlainChoice, PlainText } from "./plain";
import { ScheduleFields } from "./ScheduleFields";
import { ValueField } from "./ValueField";

type TriggerType = "manual" | "event" | "schedule" | "recurring";

/** The workflow itself: its name, and what starts it. */
export const WorkflowInspector = memo(function WorkflowInspector({
  document,
  findings,
}: {
  document: WorkflowDocument;
  findings: Findings;
}) {
  const t = useT();
  const { dispatch } = useShared();
  const environment = useEnvironment();
  const { head } = document;
  const subject = useMemo<Subject>(
    () => ({
      key: null,
      own: head,
      scope: eventScope(environment),
      findings: findings.byStep.get(null) ?? [],
      set: (place, value) => dispatch({ type: "setHead", place, value, at: Date.now() }),
    }),
    [head, environment, findings, dispatch],
  );
  const stray = subject.findings.filter((finding) => !INLINE.test(finding.field));
  return (
    <SubjectContext value={subject}>
      <header className="ed-inspector-head">
        <div>
          <h2>{t("editor.workflow.title")}</h2>
          <p>{t("editor.workflow.hint")}</p>
        </div>
      </header>
      {stray.length > 0 ? (
        <div className="ed-stray" data-field="">
          {stray.map((finding, index) => (
            <FindingLine key={`${finding.code} ${index}`} finding={finding} />
          ))}
        </div>
      ) : null}
      <PlainText place={["name"]} label={t("editor.workflow.name")} isRequired />
      <PlainText place={["description"]} label={t("editor.workflow.description")} isLong />
      <TriggerFields />
    </SubjectContext>
  );
});

const INLINE = /^(name|description|payloadSchemaRef|trigger\b.*)$/;

function TriggerFields() {
  const t = useT();
  const { events, dispatch, canEdit } = useShared();
  return (
    <SubjectContext.Consumer>
      {(subject) => {
        if (!subject || !isObject(subject.own)) {
          return null;
        }
        const head = subject.own;
        const trigger = isObject(head.trigger) ? head.trigger : undefined;
        const type = (trigger?.type ?? "manual") as TriggerType;
        const event = events.find((each) => each.name === trigger?.eventName);
        const ref = typeof head.payloadSchemaRef === "string" ? head.payloadSchemaRef : "";
        const setHead = (changes: Record<string, Json | undefined>) => {
          const next = { ...head };
          for (const [name, value] of Object.entries(changes)) {
            if (value === undefined) {
              delete next[name];
            } else {
              next[name] = value;
            }
          }
          dispatch({ type: "head", head: next });
        };
        const isMapped =
          type === "event" &&
          (trigger?.payloadMapping !== undefined ||
            (event !== undefined && ref !== "" && ref !== event.payloadSchemaRef));
        const own = events.find((each) => each.payloadSchemaRef === ref)?.payloadSchema;
        const refs = [...new Set(events.map((each) => each.payloadSchemaRef))];
        return (
          <section className="ed-section" data-field="trigger">
            <h3>{t("editor.trigger.title")}</h3>
            <PlainChoice<TriggerType>
              place={["trigger", "type"]}
              label={t("editor.trigger.type")}
              fallback="manual"
              options={(["manual", "event", "schedule", "recurring"] as const).map((each) => ({
                value: each,
                label: t(`editor.trigger.${each}`),
                description: t(`editor.trigger.${each}.hint`),
              }))}
              onChange={(next) =>
                setHead({
                  trigger: TRIGGERS[next],
                  ...(next === "event" ? {} : { payloadSchemaRef: next === "manual" ? head.payloadSchemaRef : CLOCK }),
                })
              }
            />
            {type === "event" ? (
              <EventChoice
                place={["trigger", "eventName"]}
                value={typeof trigger?.eventName === "string" ? trigger.eventName : ""}
                onChange={(name) => {
                  const chosen = events.find((each) => each.name === name);
                  const isFollowing = ref === "" || ref === event?.payloadSchemaRef || ref === CLOCK;
                  setHead({
                    trigger: {
                      ...trigger,
                      type: "event",
                      eventName: name,
                      ...(chosen && trigger?.sourcePayloadSchemaRef !== undefined
                        ? { sourcePayloadSchemaRef: chosen.payloadSchemaRef }
                        : {}),
                    },
                    ...(chosen && isFollowing ? { payloadSchemaRef: chosen.payloadSchemaRef } : {}),
                  });
                }}
              />
            ) : null}
            {type === "schedule" || type === "recurring" ? <ScheduleFields type={type} /> : null}
            {type === "schedule" || type === "recurring" ? null : (
              <FieldFrame
                place={["payloadSchemaRef"]}
                label={t("editor.trigger.payload")}
                description={t("editor.trigger.payload.hint")}
              >
                {(ids) => (
                  <Choice
                    {...ids}
                    label={t("editor.trigger.payload")}
                    value={ref}
                    isDisabled={!canEdit}
                    placeholder={t("editor.trigger.payload.none")}
                    items={refs.map((each) => ({ id: each, label: each }))}
                    onChange={(chosen) => setHead({ payloadSchemaRef: chosen === "" ? undefined : chosen })}
                  />
                )}
              </FieldFrame>
            )}
            {isMapped ? (
              <section className="ed-section" data-field="trigger.payloadMapping">
                <h3>{t("editor.trigger.mapping")}</h3>
                <p className="ed-muted">{t("editor.trigger.mapping.hint")}</p>
                {subject.findings
                  .filter((finding) => finding.field === "trigger.payloadMapping")
                  .map((finding, index) => (
                    <FindingLine key={`${finding.code} ${index}`} finding={finding} />
                  ))}
                {own ? (
                  fieldsOf(own).map((field) => (
                    <ValueField
                      key={field.name}
                      place={["trigger", "payloadMapping", field.name]}
                      field={field}
                      modes={["fixed", "reference", "expression"]}
                    />
                  ))
                ) : (
                  <MapInput
                    place={["trigger", "payloadMapping"]}
                    field={anyField("payloadMapping", { label: t("editor.trigger.mapping") })}
                    value={trigger?.payloadMapping}
                    label={t("editor.trigger.mapping")}
                    labelId=""
                    describedBy={undefined}
                    isInvalid={false}
                    isDisabled={!canEdit}
                    onChange={(value) => subject.set(["trigger", "payloadMapping"], value)}
                  />
                )}
              </section>
            ) : null}
          </section>
        );
      }}
    </SubjectContext.Consumer>
  );
}

const CLOCK = "payload.WorkflowClockTrigger.v1";

const TRIGGERS: Record<TriggerType, Json | undefined> = {
  manual: undefined,
  event: { type: "event", eventName: "" },
  schedule: { type: "schedule", runAt: "" },
  recurring: { type: "recurring", cron: "0 9 * * MON-FRI", timezone: Intl.DateTimeFormat().resolvedOptions().timeZone },
};
