import { ToggleButton, ToggleButtonGroup } from "react-aria-components";

import { useLocale, useT } from "../i18n";
import { useShared } from "./context";
import { Choice } from "./EventChoice";
import { useSubject } from "./field";
import { FieldFrame } from "./FieldFrame";
import { Select } from "./kit";
import { getAt } from "./model/json";
import { readCron, type Repetition, writeCron } from "./model/schedule";
import { dayName } from "./triggerText";

/** When a clock starts the workflow: once, or at times that come again, in words. */
export function ScheduleFields({ type }: { type: "schedule" | "recurring" }) {
  return type === "schedule" ? <Moment /> : <Recurring />;
}

function Moment() {
  const t = useT();
  const { canEdit } = useShared();
  const { own, set } = useSubject();
  const runAt = getAt(own, ["trigger", "runAt"]);
  const date = typeof runAt === "string" && runAt !== "" ? new Date(runAt) : undefined;
  const isRead = date !== undefined && !Number.isNaN(date.getTime());
  return (
    <FieldFrame
      place={["trigger", "runAt"]}
      label={t("editor.schedule.runAt")}
      description={t("editor.schedule.runAt.hint")}
      isRequired
    >
      {({ labelId, describedBy, isInvalid }) => (
        <input
          type="datetime-local"
          className="ed-input"
          value={isRead ? local(date) : ""}
          aria-labelledby={labelId}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          disabled={!canEdit}
          onChange={(event) => {
            const chosen = new Date(event.target.value);
            set(
              ["trigger", "runAt"],
              Number.isNaN(chosen.getTime()) ? "" : chosen.toISOString().replace(/\.000Z$/, "Z"),
            );
          }}
        />
      )}
    </FieldFrame>
  );
}

function local(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

const EVERY = ["minutes", "hour", "day", "week", "month", "other"] as const;
const MINUTES = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30];
const WEEK = [1, 2, 3, 4, 5, 6, 0];

function Recurring() {
  const t = useT();
  const { intl } = useLocale();
  const { canEdit } = useShared();
  const { own, set } = useSubject();
  const cron = String(getAt(own, ["trigger", "cron"]) ?? "");
  const timezone = String(getAt(own, ["trigger", "timezone"]) ?? "");
  const repetition = readCron(cron);
  const time = "hour" in repetition ? { hour: repetition.hour, minute: repetition.minute } : { hour: 9, minute: 0 };
  const change = (next: Repetition) => set(["trigger", "cron"], writeCron(next));
  const clock = `${String(time.hour).padStart(2, "0")}:${String(time.minute).padStart(2, "0")}`;
  const begin: Record<(typeof EVERY)[number], Repetition> = {
    minutes: { every: "minutes", minutes: 15 },
    hour: { every: "hour", minute: 0 },
    day: { every: "day", ...time },
    week: { every: "week", days: [1, 2, 3, 4, 5], ...time },
    month: { every: "month", day: 1, ...time },
    other: { every: "other", cron },
  };
  const timeField = (onChange: (hour: number, minute: number) => void) => (
    <input
      type="time"
      className="ed-input"
      value={clock}
      aria-label={t("editor.schedule.time")}
      disabled={!canEdit}
      onChange={(event) => {
        const [hour, minute] = event.target.value.split(":").map(Number);
        if (hour !== undefined && minute !== undefined && !Number.isNaN(hour + minute)) {
          onChange(hour, minute);
        }
      }}
    />
  );
  return (
    <>
      <FieldFrame place={["trigger", "cron"]} label={t("editor.schedule.every")}>
        {({ labelId, isInvalid }) => (
          <div className="ed-schedule">
            <Select
              label={t("editor.schedule.every")}
              value={repetition.every}
              options={EVERY.map((each) => ({ value: each, label: t(`editor.schedule.every.${each}`) }))}
              isDisabled={!canEdit}
              onChange={(every) => change(begin[every])}
            />
            {repetition.every === "minutes" ? (
              <Select
                label={t("editor.schedule.minutes")}
                value={String(repetition.minutes)}
                options={MINUTES.map((each) => ({
                  value: String(each),
                  label: t("editor.duration.minutes", { count: each }),
                }))}
                isDisabled={!canEdit}
                onChange={(chosen) => change({ every: "minutes", minutes: Number(chosen) })}
              />
            ) : null}
            {repetition.every === "hour" ? (
              <input
                type="number"
                min={0}
                max={59}
                className="ed-input"
                value={repetition.minute}
                aria-label={t("editor.schedule.minute")}
                disabled={!canEdit}
                onChange={(event) =>
                  change({ every: "hour", minute: Math.min(59, Math.max(0, Math.trunc(Number(event.target.value)))) })
                }
              />
            ) : null}
            {repetition.every === "day" ? timeField((hour, minute) => change({ every: "day", hour, minute })) : null}
            {repetition.every === "week" ? (
              <>
                <ToggleButtonGroup
                  className="ed-days"
                  aria-label={t("editor.schedule.days")}
                  selectionMode="multiple"
                  disallowEmptySelection
                  selectedKeys={repetition.days.map(String)}
                  isDisabled={!canEdit}
                  onSelectionChange={(keys) => change({ ...repetition, days: [...keys].map(Number) })}
                >
                  {WEEK.map((day) => (
                    <ToggleButton key={day} id={String(day)} className="ed-day" aria-label={dayName(intl, day, "long")}>
                      {dayName(intl, day, "short")}
                    </ToggleButton>
                  ))}
                </ToggleButtonGroup>
                {timeField((hour, minute) => change({ ...repetition, hour, minute }))}
              </>
            ) : null}
            {repetition.every === "month" ? (
              <>
                <input
                  type="number"
                  min={1}
                  max={31}
                  className="ed-input"
                  value={repetition.day}
                  aria-label={t("editor.schedule.day")}
                  disabled={!canEdit}
                  onChange={(event) =>
                    change({ ...repetition, day: Math.min(31, Math.max(1, Math.trunc(Number(event.target.value)))) })
                  }
                />
                {timeField((hour, minute) => change({ ...repetition, hour, minute }))}
              </>
            ) : null}
            {repetition.every === "other" ? (
              <input
                type="text"
                className="ed-input ed-mono"
                value={cron}
                placeholder="0 9 * * MON-FRI"
                aria-labelledby={labelId}
                aria-invalid={isInvalid}
                disabled={!canEdit}
                onChange={(event) => set(["trigger", "cron"], event.target.value)}
              />
            ) : null}
            <p className="ed-muted ed-mono">{cron}</p>
          </div>
        )}
      </FieldFrame>
      <FieldFrame place={["trigger", "timezone"]} label={t("editor.schedule.timezone")} isRequired>
        {(ids) => (
          <Choice
            {...ids}
            label={t("editor.schedule.timezone")}
            value={timezone}
            isDisabled={!canEdit}
            items={ZONES.map((zone) => ({ id: zone, label: zone }))}
            onChange={(zone) => set(["trigger", "timezone"], zone)}
          />
        )}
      </FieldFrame>
    </>
  );
}

const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];
