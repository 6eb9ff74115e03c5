/** Changes to where steps stand: insert, remove, move, copy. Each gives another document. */

import {
  ancestorsOf,
  configOf,
  type Key,
  listAt,
  openDefinition,
  outlineOf,
  positionOf,
  Reader,
  ROOT_BLOCK,
  type Slot,
  type StepNode,
  subtree,
  toDefinition,
  toStep,
  typeOf,
  idOf,
  type WorkflowDocument,
} from "./document";
import { isObject, type Json, type JsonObject } from "./json";
import { authoredNames, freshName, renameVariable, variableNames } from "./variables";

export const END: Slot = { parent: null, block: ROOT_BLOCK, index: Number.MAX_SAFE_INTEGER };

function withList(
  document: WorkflowDocument,
  parent: Key | null,
  block: string,
  change: (keys: readonly Key[]) => readonly Key[],
): WorkflowDocument {
  if (parent === null) {
    return { ...document, steps: change(document.steps) };
  }
  const node = document.nodes[parent];
  if (!node) {
    return document;
  }
  const changed: StepNode = { ...node, blocks: { ...node.blocks, [block]: change(node.blocks[block] ?? []) } };
  return { ...document, nodes: { ...document.nodes, [parent]: changed } };
}

function inserted(keys: readonly Key[], index: number, added: readonly Key[]): Key[] {
  return [...keys.slice(0, index), ...added, ...keys.slice(index)];
}

export function insertSteps(
  document: WorkflowDocument,
  slot: Slot,
  steps: readonly Json[],
): { document: WorkflowDocument; keys: Key[] } {
  const reader = new Reader(document.next);
  const keys = reader.read(steps);
  const added = { ...document, nodes: { ...document.nodes, ...reader.nodes }, next: reader.next };
  return { document: withList(added, slot.parent, slot.block, (list) => inserted(list, slot.index, keys)), keys };
}

export function removeStep(document: WorkflowDocument, key: Key): WorkflowDocument {
  const position = positionOf(document, key);
  if (!position) {
    return document;
  }
  const without = withList(document, position.parent, position.block, (list) => list.filter((each) => each !== key));
  const nodes = { ...without.nodes };
  for (const gone of subtree(document, key)) {
    delete nodes[gone];
  }
  return { ...without, nodes };
}

/** Moves a step, with all inside of it; into itself it cannot be moved. The slot is one of the document as given. */
export function moveStep(document: WorkflowDocument, key: Key, slot: Slot): WorkflowDocument {
  const position = positionOf(document, key);
  if (!position || slot.parent === key || (slot.parent !== null && isInside(document, slot.parent, key))) {
    return document;
  }
  const isSameList = position.parent === slot.parent && position.block === slot.block;
  const index = isSameList && position.index < slot.index ? slot.index - 1 : slot.index;
  if (isSameList && index === position.index) {
    return document;
  }
  const without = withList(document, position.parent, position.block, (list) => list.filter((each) => each !== key));
  return withList(without, slot.parent, slot.block, (list) => inserted(list, index, [key]));
}

export function isInside(document: WorkflowDocument, key: Key, outer: Key): boolean {
  return ancestorsOf(document, key).some((ancestor) => ancestor.key === outer);
}

export type Direction = "up" | "down" | "in" | "out";

/** Where a step goes when it is moved by the keyboard; undefined: it cannot. */
export function slotTowards(document: WorkflowDocument, key: Key, direction: Direction): Slot | undefined {
  const at = positionOf(document, key);
  if (!at) {
    return undefined;
  }
  const list = listAt(document, at.parent, at.block);
  const around = at.parent === null ? undefined : positionOf(document, at.parent);
  const blocks = around === undefined ? [] : Object.keys(document.nodes[around.key]?.blocks ?? {});
  const block = blocks.indexOf(at.block);
  switch (direction) {
    case "up": {
      const before = list[at.index - 1];
      if (before !== undefined) {
        return lastSlotOf(document, before) ?? { ...at, index: at.index - 1 };
      }
      const previous = blocks[block - 1];
      if (around && previous !== undefined) {
        return { parent: around.key, block: previous, index: listAt(document, around.key, previous).length };
      }
      return around && { parent: around.parent, block: around.block, index: around.index };
    }
    case "down": {
      const after = list[at.index + 1];
      if (after !== undefined) {
        return firstSlotOf(document, after) ?? { ...at, index: at.index + 2 };
      }
      const following = blocks[block + 1];
      if (around && following !== undefined) {
        return { parent: around.key, block: following, index: 0 };
      }
      return around && { parent: around.parent, block: around.block, index: around.index + 1 };
    }
    case "in": {
      const before = list[at.index - 1];
      return before === undefined ? undefined : lastSlotOf(document, before);
    }
    case "out":
      return around && { parent: around.parent, block: around.block, index: around.index + 1 };
  }
}

function firstSlotOf(document: WorkflowDocument, key: Key): Slot | undefined {
  const block = Object.keys(document.nodes[key]?.blocks ?? {})[0];
  return block === undefined ? undefined : { parent: key, block, index: 0 };
}

function lastSlotOf(document: WorkflowDocument, key: Key): Slot | undefined {
  const block = Object.keys(document.nodes[key]?.blocks ?? {}).at(-1);
  return block === undefined ? undefined : { parent: key, block, index: listAt(document, key, block).length };
}

// ── Copies ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function stepIds(document: WorkflowDocument): Set<string> {
  return new Set(Object.values(document.nodes).map((node) => idOf(node.own)));
}

/**
 * Steps as they can be put into a document: with ids, and variables that they save, which nothing there has. What they
 * read of one another stays what it is.
 */
export function freshCopies(document: WorkflowDocument, steps: readonly Json[]): Json[] {
  const ids = stepIds(document);
  const variables = variableNames(document);
  let copies = openDefinition({ steps: [...steps] });
  for (const { key } of outlineOf(copies).order) {
    const node = copies.nodes[key] as StepNode;
    if (!isObject(node.own)) {
      continue;
    }
    const id = idOf(node.own);
    const fresh = freshName(id.replace(/-[0-9]+$/, "") || "step", ids, "-");
    ids.add(fresh);
    copies = { ...copies, nodes: { ...copies.nodes, [key]: { ...node, own: { ...node.own, id: fresh } } } };
  }
  const saved = new Set(
    Object.values(copies.nodes).flatMap(({ own }) =>
      typeOf(own) === "action.call"
        ? authoredNames(own).flatMap(([root, name]) => (root === "vars" ? [name] : []))
        : [],
    ),
  );
  for (const name of saved) {
    if (name !== undefined && variables.has(name)) {
      const fresh = freshName(name.replace(/_[0-9]+$/, ""), variables);
      variables.add(fresh);
      copies = renameVariable(copies, ["vars", name], ["vars", fresh]);
    }
  }
  return toDefinition(copies).steps as Json[];
}

export function duplicateStep(document: WorkflowDocument, key: Key): { document: WorkflowDocument; keys: Key[] } {
  const position = positionOf(document, key);
  if (!position) {
    return { document, keys: [] };
  }
  const copies = freshCopies(document, [toStep(document, key)]);
  return insertSteps(document, { ...position, index: position.index + 1 }, copies);
}

const FORMAT = "workflow-steps";

/** What stands in the clipboard. */
export function clipboardText(document: WorkflowDocument, key: Key): string {
  return JSON.stringify({ format: FORMAT, steps: [toStep(document, key)] }, null, 2);
}

/** The steps that a clipboard's text holds; nothing for any other text. */
export function stepsInClipboard(text: string): JsonObject[] | undefined {
  try {
    const found: unknown = JSON.parse(text);
    const steps = isObject(found) && found.format === FORMAT ? found.steps : undefined;
    return Array.isArray(steps) && steps.length > 0 && steps.every(isObject) ? steps : undefined;
  } catch {
    return undefined;
  }
}

// ── New steps ───────────────────────────────────────────────────────────────────────────────────────────────────

const TEMPLATES: Readonly<Record<string, JsonObject>> = {
  "transform.assign": { config: { assign: {} } },
  "state.set": { config: { state: "" } },
  "event.wait": { config: { eventName: "", correlationKey: { $expr: "" } } },
  "time.wait": { config: { mode: "duration", durationMs: 60_000 } },
  "human.task": { config: { taskType: "approval", title: "" } },
  "control.if": { condition: { $expr: "" }, then: [], else: [] },
  "control.forEach": { items: { $expr: "" }, itemVar: "item", concurrency: 1, body: [] },
  "control.tryCatch": { try: [], catch: [], captureErrorAs: "error" },
  "control.callWorkflow": { workflowId: "", workflowVersion: 1, inputMapping: {} },
  "control.return": {},
};

/** A new step of a type of the language. */
export function newStep(document: WorkflowDocument, type: string): JsonObject {
  const base = (type.split(".").at(-1) ?? type).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const step: JsonObject = {
    id: freshName(base, stepIds(document), "-"),
    type,
    ...structuredClone(TEMPLATES[type] ?? {}),
  };
  if (type === "control.forEach") {
    step.itemVar = freshName("item", variableNames(document));
  }
  return step;
}

export interface NewAction {
  groupKey: string;
  tileKind: string;
  actionId: string;
  version: number;
  label: string;
}

/** A new step that calls an action of a module, and keeps what it gives. */
export function newActionStep(document: WorkflowDocument, action: NewAction): JsonObject {
  const names = action.actionId.split(".");
  const words = (names.length > 2 ? names.slice(1) : names).join("_").replace(/[^A-Za-z0-9_]+/g, "_");
  return {
    id: freshName(words.replaceAll("_", "-"), stepIds(document), "-"),
    type: "action.call",
    name: action.label,
    config: {
      actionId: action.actionId,
      version: action.version,
      inputMapping: {},
      saveAs: freshName(words, variableNames(document)),
      designerGroupKey: action.groupKey,
      designerTileKind: action.tileKind,
      ...(action.tileKind === "app" ? { designerAppKey: action.groupKey } : {}),
    },
  };
}

/** The step with another action; what both inputs have stays, and what only the old one had is kept by its name. */
export function withAction(own: Json, action: NewAction, oldLabel: string | undefined): Json {
  if (!isObject(own)) {
    return own;
  }
  const config = configOf(own);
  return {
    ...own,
    // A name that was the old action's is none that somebody gave.
    ...(own.name === undefined || own.name === null || own.name === "" || own.name === oldLabel
      ? { name: action.label }
      : {}),
    config: {
      ...config,
      actionId: action.actionId,
      version: action.version,
      designerGroupKey: action.groupKey,
      designerTileKind: action.tileKind,
      ...(action.tileKind === "app" ? { designerAppKey: action.groupKey } : {}),
    },
  };
}
