/** The steps of a run as they stand in its definition: blocks within steps, items within loops. */

import { openDefinition, outlineOf } from "../editor/model/document";
import type { Json, JsonObject } from "../editor/model/json";
import type { Step } from "./data";

export interface StepNode {
  /** Its path and iteration: one step has one of each. */
  readonly key: string;
  readonly path: string;
  /** As its definition has it. */
  readonly own: Json | undefined;
  /** What is known of it; nothing is of what was not reached, and of some that hold others. */
  readonly step: Step | undefined;
  readonly parts: readonly Part[];
}

/** What is inside of a step: a block of it, or one item of its loop. */
export interface Part {
  readonly block: string;
  /** Counts from 0; null: it is no loop. */
  readonly item: number | null;
  readonly steps: readonly StepNode[];
  readonly state: PartState;
}

export type PartState = "failed" | "waiting" | "underWay" | "done";

interface Parent {
  path: string;
  block: string;
  item: number | null;
  iteration: string;
}

/** What a step stands in; null: the definition itself. */
export function parentOf(path: string, iteration: string): Parent | null {
  const inner = path.replace(/\.steps\[\d+\]$/, "");
  if (inner === "root") {
    return null;
  }
  const dot = inner.lastIndexOf(".");
  const block = inner.slice(dot + 1);
  if (block !== "body") {
    return { path: inner.slice(0, dot), block, item: null, iteration };
  }
  const around = iteration.split(".");
  const item = Number(around.pop());
  return { path: inner.slice(0, dot), block, item, iteration: around.join(".") };
}

const indexOf = (path: string) => Number(/\[(\d+)\]$/.exec(path)?.[1] ?? 0);
const keyOf = (path: string, iteration: string) => `${path}#${iteration}`;

/** The tree of all steps that were reached, and of those of the definition's own that were not. */
export function treeOf(definition: JsonObject, steps: readonly Step[]): StepNode[] {
  const document = openDefinition(definition);
  const { byPath, order } = outlineOf(document);
  const known = new Map(steps.map((step) => [keyOf(step.stepPath, step.iteration), step]));
  const places = new Map<string, { path: string; iteration: string }>();
  const within = new Map<string, string[]>();
  const blocks = new Map<string, Map<string, Parent>>();
  const place = (path: string, iteration: string): void => {
    const key = keyOf(path, iteration);
    if (places.has(key)) {
      return;
    }
    places.set(key, { path, iteration });
    const parent = parentOf(path, iteration);
    const above = parent === null ? "" : keyOf(parent.path, parent.iteration);
    const part = parent === null ? "" : `${above}/${parent.block}/${parent.item ?? ""}`;
    within.set(part, [...(within.get(part) ?? []), key]);
    if (parent !== null) {
      const parts = blocks.get(above) ?? new Map<string, Parent>();
      blocks.set(above, parts.set(part, parent));
      place(parent.path, parent.iteration);
    }
  };
  for (const step of steps) {
    place(step.stepPath, step.iteration);
  }
  for (const { path, depth } of order) {
    if (depth === 0) {
      place(path, "");
    }
  }
  const nodes = (part: string): StepNode[] =>
    (within.get(part) ?? []).map(node).sort((one, other) => indexOf(one.path) - indexOf(other.path));
  const node = (key: string): StepNode => {
    const { path } = places.get(key) as { path: string };
    const found = byPath.get(path);
    return {
      key,
      path,
      own: found === undefined ? undefined : document.nodes[found]?.own,
      step: known.get(key),
      parts: [...(blocks.get(key) ?? [])]
        .map(([part, { block, item }]) => {
          const inner = nodes(part);
          return { block, item, steps: inner, state: stateOf(inner) };
        })
        .sort((one, other) => (one.item ?? 0) - (other.item ?? 0)),
    };
  };
  return nodes("");
}

const STATES: Partial<Record<Step["status"], PartState>> = {
  FAILED: "failed",
  WAITING: "waiting",
  STARTED: "underWay",
  RETRYING: "underWay",
};
const GRAVITY: readonly PartState[] = ["failed", "waiting", "underWay", "done"];

function stateOf(steps: readonly StepNode[]): PartState {
  const states = steps.map(({ step, parts }) => {
    const own = step && (STATES[step.status] ?? "done");
    return own ?? worst(parts.map(({ state }) => state));
  });
  return worst(states);
}

function worst(states: readonly PartState[]): PartState {
  return GRAVITY.find((state) => states.includes(state)) ?? "done";
}
