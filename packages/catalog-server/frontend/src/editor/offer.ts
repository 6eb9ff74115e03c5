/** What can be added to a workflow, by sections, as the palette and the step dialog show it. */

import { useMemo } from "react";

import type { CatalogModule } from "../api/catalog";
import { useT } from "../i18n";
import { useShared } from "./context";
import type { WorkflowDocument } from "./model/document";
import { newActionStep, newStep } from "./model/edits";
import type { JsonObject } from "./model/json";
import { type Found, type Palette, preparePalette } from "./model/palette";
import { CONTROL_TYPES, newAction, TRANSFORM_TYPES, typeDescription, typeLabel } from "./tiles";

export type Section = "control" | "core" | "transform" | "apps";
export const SECTIONS: readonly Section[] = ["control", "core", "transform", "apps"];

/** What a tile stands for; it makes a step of the document that it is added to. */
export interface Offer {
  readonly id: string;
  readonly label: string;
  readonly make: (document: WorkflowDocument) => JsonObject;
}

export function sectionOf(module: CatalogModule): Section {
  return module.tileKind === "transform" ? "transform" : module.tileKind === "app" ? "apps" : "core";
}

export function usePalette(): Palette {
  const t = useT();
  const shared = useShared();
  return useMemo(() => {
    const types = [...CONTROL_TYPES, ...TRANSFORM_TYPES].map((type) => ({
      type,
      label: typeLabel(t, shared, type),
      description: typeDescription(t, shared, type),
    }));
    return preparePalette(
      types,
      shared.catalog.modules.filter((module) => module.actions.length > 0),
    );
    // Only the words and the catalog decide.
  }, [t, shared.catalog, shared.stepTypes]);
}

export const offers = {
  ofType: (type: string, label: string): Offer => ({ id: type, label, make: (document) => newStep(document, type) }),
  ofAction: (module: CatalogModule, actionId: string): Offer => {
    const action = newAction(module, actionId);
    return { id: actionId, label: action.label, make: (document) => newActionStep(document, action) };
  },
  /** The module's tile: a call of its default action. */
  ofModule: (module: CatalogModule): Offer | undefined => {
    const actionId = module.defaultActionId ?? module.actions[0]?.id;
    return actionId === undefined
      ? undefined
      : { ...offers.ofAction(module, actionId), id: module.groupKey, label: module.label };
  },
};

export function bySection(found: Found): Record<Section, Found> {
  const sections = Object.fromEntries(
    SECTIONS.map((section) => [section, { types: [], modules: [] }]),
  ) as unknown as Record<Section, Found>;
  for (const type of found.types) {
    sections[(TRANSFORM_TYPES as readonly string[]).includes(type.type) ? "transform" : "control"].types.push(type);
  }
  for (const each of found.modules) {
    sections[sectionOf(each.module)].modules.push(each);
  }
  return sections;
}
