/** One line of what a step does, beside its title. */

import type { useT } from "../i18n";
import type { Shared } from "./context";
import { configOf, typeOf } from "./model/document";
import { expressionOf, isObject, type Json } from "./model/json";
import { contractOf, moduleOf } from "./tiles";

export function summaryOf(t: ReturnType<typeof useT>, shared: Shared, own: Json): string {
  if (!isObject(own)) {
    return "";
  }
  const config = configOf(own);
  const source = (value: Json | undefined) => expressionOf(value)?.trim() ?? "";
  switch (typeOf(own)) {
    case "action.call": {
      const module = moduleOf(shared, own)?.label;
      const action = contractOf(shared, own)?.label ?? String(config.actionId ?? "");
      // The action's name is not said twice.
      const named = own.name === action || own.name === undefined || own.name === "";
      return [module, named ? undefined : action].filter(Boolean).join(" · ") || String(config.actionId ?? "");
    }
    case "control.if":
      return source(own.condition);
    case "control.forEach":
      return t("editor.summary.forEach", { item: String(own.itemVar ?? ""), items: source(own.items) || "…" });
    case "transform.assign":
      return isObject(config.assign) ? Object.keys(config.assign).join(", ") : "";
    case "state.set":
      return String(config.state ?? "");
    case "event.wait":
      return shared.events.find((event) => event.name === config.eventName)?.label ?? String(config.eventName ?? "");
    case "time.wait":
      return config.mode === "until" ? source(config.until) : durationText(t, Number(config.durationMs ?? 0));
    case "human.task":
      return typeof config.title === "string" ? config.title : source(config.title);
    default:
      return "";
  }
}

export const UNITS = { seconds: 1000, minutes: 60_000, hours: 3_600_000, days: 86_400_000 } as const;
export type Unit = keyof typeof UNITS;

/** The largest unit that a time is a whole number of. */
export function unitOf(milliseconds: number): Unit {
  const all = Object.entries(UNITS).reverse() as [Unit, number][];
  return all.find(([, size]) => milliseconds >= size && milliseconds % size === 0)?.[0] ?? "seconds";
}

export function durationText(t: ReturnType<typeof useT>, milliseconds: number): string {
  const unit = unitOf(milliseconds);
  return t(`editor.duration.${unit}`, { count: milliseconds / UNITS[unit] });
}
