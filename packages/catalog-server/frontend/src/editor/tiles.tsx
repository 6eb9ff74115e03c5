/** How modules, actions and step types are called. */

import { OctagonAlert } from "lucide-react";

import type { CatalogModule, Effect } from "../api/catalog";
import { type MessageId, useT } from "../i18n";
import { TYPE_ICONS } from "../ui/icons";
import type { Shared } from "./context";
import { configOf, typeOf } from "./model/document";
import { isObject, type Json } from "./model/json";
import type { NewAction } from "./model/edits";

export function EffectBadge({ effect }: { effect: Effect }) {
  const t = useT();
  const kind = effect === "READ" ? "reads" : effect === "ONCE" ? "once" : "writes";
  return (
    <span className={`ed-badge ed-badge-${kind}`} title={t(`editor.effect.${effect}.hint` as MessageId)}>
      {effect === "ONCE" ? <OctagonAlert size={12} aria-hidden /> : null}
      {t(`editor.effect.${kind}`)}
    </span>
  );
}

/** What the interface calls a step type; the server's word for one that the interface does not know. */
export function typeLabel(t: ReturnType<typeof useT>, shared: Pick<Shared, "stepTypes">, type: string): string {
  return KNOWN.has(type) ? t(`editor.type.${type}` as MessageId) : (shared.stepTypes.get(type)?.label ?? type);
}

export function typeDescription(t: ReturnType<typeof useT>, shared: Pick<Shared, "stepTypes">, type: string): string {
  return KNOWN.has(type)
    ? t(`editor.type.${type}.description` as MessageId)
    : (shared.stepTypes.get(type)?.description ?? "");
}

const KNOWN = new Set([...Object.keys(TYPE_ICONS), "action.call"]);

export const CONTROL_TYPES = [
  "control.if",
  "control.forEach",
  "control.tryCatch",
  "control.callWorkflow",
  "control.return",
  "event.wait",
  "time.wait",
  "human.task",
  "state.set",
] as const;
export const TRANSFORM_TYPES = ["transform.assign"] as const;

/** The module of a step: the one that it names, else the one that offers its action. */
export function moduleOf(shared: Pick<Shared, "catalog">, own: Json | undefined): CatalogModule | undefined {
  const { actionId, designerGroupKey } = configOf(own);
  const named = typeof designerGroupKey === "string" ? shared.catalog.moduleByKey.get(designerGroupKey) : undefined;
  return named ?? (typeof actionId === "string" ? shared.catalog.moduleOf(actionId) : undefined);
}

export function contractOf(shared: Pick<Shared, "actions">, own: Json | undefined) {
  const { actionId, version = 1 } = configOf(own);
  return shared.actions.get(`${String(actionId)}@${String(version)}`);
}

/** The newest version of a module's action, as a new step has it. */
export function newAction(module: CatalogModule, actionId: string): NewAction {
  const versions = module.actions.filter((action) => action.id === actionId);
  const version = Math.max(1, ...versions.map((action) => action.version));
  return {
    groupKey: module.groupKey,
    tileKind: module.tileKind,
    actionId,
    version,
    label: versions.find((action) => action.version === version)?.label ?? actionId,
  };
}

/** How a step is called in the list. */
export function titleOf(
  t: ReturnType<typeof useT>,
  shared: Pick<Shared, "actions" | "stepTypes">,
  own: Json | undefined,
): string {
  const name = isObject(own) ? own.name : undefined;
  if (typeof name === "string" && name.trim() !== "") {
    return name;
  }
  const type = typeOf(own);
  if (type === "action.call") {
    return contractOf(shared, own)?.label ?? String(configOf(own).actionId ?? "");
  }
  return type === "" ? t("editor.step.unreadable") : typeLabel(t, shared, type);
}
