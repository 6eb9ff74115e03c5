/**
 * A workflow definition as the editor holds it: its steps one by one, under keys that stay while they move.
 *
 * Everything that the editor does not know stays as it came: fields, step types, even entries that are no steps.
 */

import { isObject, type Json, type JsonObject } from "./json";

export type Key = string;

/** The blocks of the control steps, in the order in which they stand. */
export const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  "control.if": ["then", "else"],
  "control.forEach": ["body"],
  "control.tryCatch": ["try", "catch"],
};

export interface StepNode {
  readonly key: Key;
  /** The entry as stored; what stands in its blocks here is of no account. */
  readonly own: Json;
  /** The steps of its blocks, by the names of those that are lists or are left out. */
  readonly blocks: Readonly<Record<string, readonly Key[]>>;
}

export interface WorkflowDocument {
  /** The definition, with nothing for its steps. */
  readonly head: JsonObject;
  readonly steps: readonly Key[];
  readonly nodes: Readonly<Record<Key, StepNode>>;
  /** The number of the next key. */
  readonly next: number;
}

/** A place in a block; without a parent it is the definition's own. */
export interface Slot {
  readonly parent: Key | null;
  readonly block: string;
  readonly index: number;
}

export const ROOT_BLOCK = "steps";

// ── From JSON and back ──────────────────────────────────────────────────────────────────────────────────────────

/** Gives steps their keys. */
export class Reader {
  readonly nodes: Record<Key, StepNode> = {};

  constructor(public next: number) {}

  read(entries: readonly Json[]): Key[] {
    return entries.map((own) => {
      const key = `s${this.next++}`;
      const blocks: Record<string, readonly Key[]> = {};
      // Its place among the nodes is before those inside of it.
      this.nodes[key] = { key, own, blocks };
      for (const name of blocksOf(own)) {
        const steps = (own as JsonObject)[name];
        if (steps === undefined || steps === null || Array.isArray(steps)) {
          blocks[name] = this.read(steps ?? []);
        }
      }
      return key;
    });
  }
}

export function openDefinition(definition: JsonObject): WorkflowDocument {
  const reader = new Reader(1);
  const entries = definition.steps;
  const steps = reader.read(Array.isArray(entries) ? entries : []);
  return { head: { ...definition, steps: null }, steps, nodes: reader.nodes, next: reader.next };
}

export function toDefinition(document: WorkflowDocument): JsonObject {
  return { ...document.head, steps: document.steps.map((key) => toStep(document, key)) };
}

/** A step with those inside of it, as it is stored. */
export function toStep(document: WorkflowDocument, key: Key): Json {
  const { own, blocks } = document.nodes[key] as StepNode;
  if (!isObject(own)) {
    return own;
  }
  const step = { ...own };
  for (const [name, keys] of Object.entries(blocks)) {
    // A block that was left out stays so while nothing is in it, and one that is null as well.
    if (keys.length > 0 || Array.isArray(own[name])) {
      step[name] = keys.map((inner) => toStep(document, inner));
    }
  }
  return step;
}

// ── Reading one step ────────────────────────────────────────────────────────────────────────────────────────────

export function typeOf(own: Json | undefined): string {
  return isObject(own) && typeof own.type === "string" ? own.type : "";
}

export function configOf(own: Json | undefined): JsonObject {
  return isObject(own) && isObject(own.config) ? own.config : {};
}

export function idOf(own: Json | undefined): string {
  return isObject(own) && typeof own.id === "string" ? own.id : "";
}

export function blocksOf(own: Json | undefined): readonly string[] {
  const type = typeOf(own);
  return Object.hasOwn(BLOCKS, type) ? (BLOCKS[type] as readonly string[]) : [];
}

/** The configuration of a node step stands in `config`, that of a control step in the step itself. */
export function configPlace(type: string): readonly string[] {
  return type.startsWith("control.") ? [] : ["config"];
}

// ── Where things stand ──────────────────────────────────────────────────────────────────────────────────────────

export interface Position extends Slot {
  readonly key: Key;
  /** As in findings: `root.steps[1].then.steps[0]`. */
  readonly path: string;
  readonly depth: number;
}

export interface Outline {
  /** All steps in document order. */
  readonly order: readonly Position[];
  readonly byKey: ReadonlyMap<Key, Position>;
  readonly byPath: ReadonlyMap<string, Key>;
}

const outlines = new WeakMap<WorkflowDocument, Outline>();

/** Where the steps stand; made once for each document. */
export function outlineOf(document: WorkflowDocument): Outline {
  const known = outlines.get(document);
  if (known) {
    return known;
  }
  const order: Position[] = [];
  const walk = (keys: readonly Key[], parent: Key | null, block: string, path: string, depth: number) => {
    keys.forEach((key, index) => {
      const own = `${path}.steps[${index}]`;
      order.push({ key, parent, block, index, path: own, depth });
      for (const [name, inner] of Object.entries((document.nodes[key] as StepNode).blocks)) {
        walk(inner, key, name, `${own}.${name}`, depth + 1);
      }
    });
  };
  walk(document.steps, null, ROOT_BLOCK, "root", 0);
  const outline = {
    order,
    byKey: new Map(order.map((position) => [position.key, position])),
    byPath: new Map(order.map((position) => [position.path, position.key])),
  };
  outlines.set(document, outline);
  return outline;
}

export function positionOf(document: WorkflowDocument, key: Key): Position | undefined {
  return outlineOf(document).byKey.get(key);
}

export function listAt(document: WorkflowDocument, parent: Key | null, block: string): readonly Key[] {
  return parent === null ? document.steps : (document.nodes[parent]?.blocks[block] ?? []);
}

/** The steps around one, the nearest first. */
export function ancestorsOf(document: WorkflowDocument, key: Key): Position[] {
  const found: Position[] = [];
  let position = positionOf(document, key);
  while (position?.parent != null) {
    position = positionOf(document, position.parent);
    if (position) {
      found.push(position);
    }
  }
  return found;
}

/** A step and all inside of it. */
export function subtree(document: WorkflowDocument, key: Key): Key[] {
  const found: Key[] = [];
  const stack = [key];
  while (stack.length > 0) {
    const each = stack.pop() as Key;
    found.push(each);
    for (const keys of Object.values(document.nodes[each]?.blocks ?? {})) {
      stack.push(...keys);
    }
  }
  return found;
}
