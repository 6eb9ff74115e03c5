/** What starts a workflow, in one line. */

import type { IntlShape } from "react-intl";

import type { EventType } from "../api/catalog";
import type { useT } from "../i18n";
import { isObject, type Json } from "./model/json";
import { readCron } from "./model/schedule";

export function triggerText(
  t: ReturnType<typeof useT>,
  intl: IntlShape,
  events: readonly EventType[],
  trigger: Json | undefined,
): string {
  if (!isObject(trigger)) {
    return t("editor.trigger.manual");
  }
  switch (trigger.type) {
    case "event": {
      const label = events.find((event) => event.name === trigger.eventName)?.label ?? String(trigger.eventName || "…");
      return t("editor.trigger.text.event", { event: label });
    }
    case "schedule": {
      const date = new Date(String(trigger.runAt));
      return Number.isNaN(date.getTime()) ? t("editor.trigger.schedule") : t("editor.trigger.text.schedule", { date });
    }
    case "recurring": {
      const repetition = readCron(String(trigger.cron ?? ""));
      const time =
        "hour" in repetition
          ? `${String(repetition.hour).padStart(2, "0")}:${String(repetition.minute).padStart(2, "0")}`
          : "";
      switch (repetition.every) {
        case "minutes":
          return t("editor.trigger.text.minutes", { count: repetition.minutes });
        case "hour":
          return t("editor.trigger.text.hour", { minute: repetition.minute });
        case "day":
          return t("editor.trigger.text.day", { time });
        case "week":
          return t("editor.trigger.text.week", { days: dayNames(intl, repetition.days), time });
        case "month":
          return t("editor.trigger.text.month", { day: repetition.day, time });
        case "other":
          return String(trigger.cron ?? "");
      }
    }
  }
  return String(trigger.type);
}

/** Days of the week, from Monday on. */
function dayNames(intl: IntlShape, days: readonly number[]): string {
  const sorted = [...days].sort((one, other) => ((one + 6) % 7) - ((other + 6) % 7));
  return intl.formatList(sorted.map((day) => dayName(intl, day, "short")));
}

export function dayName(intl: IntlShape, day: number, weekday: "short" | "long"): string {
  // The first of June 2025 is a Sunday.
  return intl.formatDate(new Date(Date.UTC(2025, 5, 1 + day)), { weekday, timeZone: "UTC" });
}
