import { Plus, Trash2 } from "lucide-react";
import { Button } from "react-aria-components";

import { useT } from "../i18n";
import { IconButton } from "../ui/kit";
import { AssignFields } from "./AssignFields";
import { CallFields } from "./CallFields";
import { useShared } from "./context";
import { EventChoice } from "./EventChoice";
import { ErrorHandling } from "./ErrorHandling";
import { useSubject } from "./field";
import { anyField } from "./FixedInput";
import { configOf } from "./model/document";
import { isObject, type Json } from "./model/json";
import { CommittedText, DurationField, PlainChoice, PlainNumber, PlainText } from "./plain";
import { COMPUTED, ValueField } from "./ValueField";

/** What is configured of each step type but a called action. */
export function StepFields({ type }: { type: string }) {
  const t = useT();
  switch (type) {
    case "control.if":
      return (
        <ValueField
          place={["condition"]}
          field={anyField("condition", {
            label: t("editor.if.condition"),
            description: t("editor.if.condition.hint"),
            kind: "boolean",
            schema: { type: "boolean" },
            isRequired: true,
          })}
          modes={COMPUTED}
        />
      );
    case "control.forEach":
      return <LoopFields />;
    case "control.tryCatch":
      return <TryFields />;
    case "control.callWorkflow":
      return <CallFields />;
    case "transform.assign":
      return (
        <AssignFields place={["config", "assign"]} label={t("editor.assign.title")} hint={t("editor.assign.hint")} />
      );
    case "state.set":
      return (
        <PlainText
          place={["config", "state"]}
          label={t("editor.state")}
          description={t("editor.state.hint")}
          isRequired
        />
      );
    case "event.wait":
      return <EventWaitFields />;
    case "time.wait":
      return <TimeWaitFields />;
    case "human.task":
      return <TaskFields />;
    default:
      return null;
  }
}

function LoopFields() {
  const t = useT();
  const { dispatch } = useShared();
  const { key, own } = useSubject();
  const itemVar = isObject(own) && typeof own.itemVar === "string" ? own.itemVar : "";
  return (
    <>
      <ValueField
        place={["items"]}
        field={anyField("items", {
          label: t("editor.loop.items"),
          description: t("editor.loop.items.hint"),
          kind: "list",
          schema: { type: "array" },
          isRequired: true,
        })}
        modes={COMPUTED}
      />
      <CommittedText
        place={["itemVar"]}
        label={t("editor.loop.itemVar")}
        description={t("editor.loop.itemVar.hint", { name: itemVar || "item" })}
        value={itemVar}
        isRequired
        onCommit={(name) => key !== null && dispatch({ type: "itemVar", key, name })}
      />
      <PlainNumber
        place={["concurrency"]}
        label={t("editor.loop.concurrency")}
        description={t("editor.loop.concurrency.hint")}
        placeholder="1"
      />
      <PlainChoice
        place={["onItemError"]}
        label={t("editor.loop.onItemError")}
        fallback="fail"
        options={[
          { value: "fail", label: t("editor.loop.onItemError.fail") },
          { value: "continue", label: t("editor.loop.onItemError.continue") },
        ]}
      />
    </>
  );
}

function TryFields() {
  const t = useT();
  const { dispatch } = useShared();
  const { key, own } = useSubject();
  return (
    <CommittedText
      place={["captureErrorAs"]}
      label={t("editor.try.captureErrorAs")}
      description={t("editor.try.captureErrorAs.hint")}
      value={isObject(own) && typeof own.captureErrorAs === "string" ? own.captureErrorAs : ""}
      onCommit={(path) => key !== null && dispatch({ type: "captureErrorAs", key, path })}
    />
  );
}

function EventWaitFields() {
  const t = useT();
  const { own, set } = useSubject();
  const config = configOf(own);
  const filters = Array.isArray(config.filters) ? config.filters : [];
  return (
    <>
      <EventChoice
        place={["config", "eventName"]}
        value={typeof config.eventName === "string" ? config.eventName : ""}
        onChange={(name) => set(["config", "eventName"], name)}
      />
      <ValueField
        place={["config", "correlationKey"]}
        field={anyField("correlationKey", {
          label: t("editor.wait.correlationKey"),
          description: t("editor.wait.correlationKey.hint"),
          kind: "text",
          schema: { type: "string" },
          isRequired: true,
        })}
        modes={COMPUTED}
      />
      <section className="ed-section" data-field="config.filters">
        <h3>{t("editor.wait.filters")}</h3>
        {filters.map((_, index) => (
          // Conditions have no identity but their place.
          <Filter key={index} index={index} filters={filters} />
        ))}
        <Button
          className="ed-add-item"
          onPress={() => set(["config", "filters"], [...filters, { path: "", op: "=", value: "" }])}
        >
          <Plus size={14} aria-hidden /> {t("editor.wait.addFilter")}
        </Button>
      </section>
      <DurationField
        place={["config", "timeoutMs"]}
        label={t("editor.wait.timeoutMs")}
        description={t("editor.wait.timeoutMs.hint")}
        isOptional
      />
      <AssignFields place={["config", "assign"]} label={t("editor.assign.after")} hint={t("editor.wait.assign.hint")} />
      <ErrorHandling />
    </>
  );
}

const OPERATORS = [
  "=",
  "!=",
  ">",
  ">=",
  "<",
  "<=",
  "in",
  "not_in",
  "exists",
  "not_exists",
  "contains",
  "starts_with",
  "ends_with",
];

function Filter({ index, filters }: { index: number; filters: Json[] }) {
  const t = useT();
  const { set } = useSubject();
  const filter = filters[index];
  const place = ["config", "filters", index] as const;
  const op = isObject(filter) ? String(filter.op) : "=";
  return (
    <div className="ed-object">
      <div className="ed-list-item">
        <PlainText
          place={[...place, "path"]}
          label={t("editor.wait.filter.path")}
          isRequired
          placeholder="ticket.status"
        />
        <IconButton
          label={t("editor.list.remove", { number: index + 1 })}
          onPress={() => {
            const left = filters.filter((_, at) => at !== index);
            set(["config", "filters"], left.length === 0 ? undefined : left);
          }}
        >
          <Trash2 size={14} aria-hidden />
        </IconButton>
      </div>
      <PlainChoice
        place={[...place, "op"]}
        label={t("editor.wait.filter.op")}
        fallback="="
        options={OPERATORS.map((each) => ({ value: each, label: each.replace("_", " ") }))}
      />
      {op === "exists" || op === "not_exists" ? null : (
        <ValueField
          place={[...place, "value"]}
          field={anyField("value", {
            label: t("editor.wait.filter.value"),
            ...(op === "in" || op === "not_in" ? { kind: "list", schema: { type: "array", items: {} } } : {}),
          })}
          modes={["fixed"]}
        />
      )}
    </div>
  );
}

function TimeWaitFields() {
  const t = useT();
  const { own, set } = useSubject();
  const config = configOf(own);
  return (
    <>
      <PlainChoice
        place={["config", "mode"]}
        label={t("editor.time.mode")}
        fallback="duration"
        options={[
          { value: "duration", label: t("editor.time.duration") },
          { value: "until", label: t("editor.time.until") },
        ]}
        onChange={(mode) =>
          set(["config"], {
            ...config,
            mode,
            ...(mode === "until" && config.until === undefined ? { until: { $expr: "" } } : {}),
            ...(mode === "duration" && config.durationMs === undefined ? { durationMs: 60_000 } : {}),
          })
        }
      />
      {config.mode === "until" ? (
        <ValueField
          place={["config", "until"]}
          field={anyField("until", {
            label: t("editor.time.until.field"),
            description: t("editor.time.until.hint"),
            kind: "moment",
            schema: { type: "string", format: "date-time" },
            isRequired: true,
          })}
          modes={COMPUTED}
        />
      ) : (
        <DurationField place={["config", "durationMs"]} label={t("editor.time.durationMs")} />
      )}
    </>
  );
}

function TaskFields() {
  const t = useT();
  return (
    <>
      <ValueField
        place={["config", "title"]}
        field={anyField("title", {
          label: t("editor.task.title"),
          description: t("editor.task.title.hint"),
          kind: "text",
          schema: { type: "string" },
          isRequired: true,
        })}
        modes={["fixed", "reference", "expression"]}
      />
      <ValueField
        place={["config", "description"]}
        field={anyField("description", {
          label: t("editor.task.description"),
          kind: "text",
          schema: { type: "string" },
          isLong: true,
        })}
        modes={["fixed", "reference", "expression"]}
      />
      <PlainText
        place={["config", "taskType"]}
        label={t("editor.task.taskType")}
        description={t("editor.task.taskType.hint")}
        isRequired
      />
      <ValueField
        place={["config", "contextData"]}
        field={anyField("contextData", {
          label: t("editor.task.contextData"),
          description: t("editor.task.contextData.hint"),
          kind: "map",
        })}
        modes={["fixed", "reference", "expression"]}
      />
      <AssignFields place={["config", "assign"]} label={t("editor.assign.after")} hint={t("editor.task.assign.hint")} />
      <ErrorHandling />
    </>
  );
}
