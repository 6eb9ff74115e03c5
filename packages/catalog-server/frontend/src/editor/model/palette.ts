/** Searching what can be added: step types, modules and their actions. Prepared once for each catalog. */

import type { CatalogAction, CatalogModule } from "../../api/catalog";

export interface StepTypeWords {
  type: string;
  label: string;
  description: string;
}

export interface Found {
  /** Of each step type that fits. */
  types: StepTypeWords[];
  /** Modules that fit, with those of their actions that do; all of them where the module's own words fit. */
  modules: { module: CatalogModule; actions: CatalogAction[]; isByName: boolean }[];
}

interface PreparedModule {
  module: CatalogModule;
  words: string;
  actions: { action: CatalogAction; label: string; words: string }[];
}

export interface Palette {
  find: (query: string) => Found;
}

export function preparePalette(types: readonly StepTypeWords[], modules: readonly CatalogModule[]): Palette {
  const prepared: PreparedModule[] = modules.map((module) => ({
    module,
    words: lower(module.label, module.description, module.groupKey),
    actions: module.actions.map((action) => ({
      action,
      label: lower(action.label),
      words: lower(action.label, action.description, action.id, ...action.inputFieldNames, ...action.outputFieldNames),
    })),
  }));
  const preparedTypes = types.map((type) => ({ type, words: lower(type.label, type.description, type.type) }));
  return {
    find: (query) => {
      const wanted = lower(query).split(/\s+/).filter(Boolean);
      if (wanted.length === 0) {
        return {
          types: [...types],
          modules: modules.map((module) => ({ module, actions: module.actions, isByName: true })),
        };
      }
      return {
        types: preparedTypes
          .filter(({ words }) => wanted.every((word) => words.includes(word)))
          .map(({ type }) => type),
        modules: prepared.flatMap((each) => {
          const isByName = wanted.every((word) => each.words.includes(word));
          // A word of the query may be the module's, and another one the action's.
          const open = wanted.filter((word) => !each.words.includes(word));
          const fitting = each.actions.filter(({ words }) =>
            (isByName ? wanted : open).every((word) => words.includes(word)),
          );
          const found = isByName && fitting.length === 0 ? each.actions : fitting;
          if (found.length === 0 && !isByName) {
            return [];
          }
          const actions = [...found]
            .sort((one, other) => rank(one.label, wanted) - rank(other.label, wanted))
            .map(({ action }) => action);
          return [{ module: each.module, actions, isByName }];
        }),
      };
    },
  };
}

/** Those whose label has the words come first. */
function rank(label: string, wanted: readonly string[]): number {
  return wanted.filter((word) => !label.includes(word)).length;
}

function lower(...texts: string[]): string {
  return texts.join(" ").toLowerCase();
}
