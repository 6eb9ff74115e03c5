/** What can be read at a place of a workflow: what steps before it give, with the values that they gave last. */

import type { Schema } from "../../api/catalog";
import {
  ancestorsOf,
  configOf,
  idOf,
  type Key,
  listAt,
  outlineOf,
  positionOf,
  type StepNode,
  typeOf,
  type WorkflowDocument,
} from "./document";
import { asReference, ROOTS } from "./expressions";
import { exampleOf, withoutNull } from "./fields";
import { expressionOf, getAt, isObject, type Json, type JsonObject } from "./json";
import { assignedNames, assignments, impliedNames } from "./variables";

/** A schema with what its references refer to. */
export interface Typed {
  readonly schema: Schema;
  readonly root: Schema;
}

export interface Samples {
  readonly payload?: Json;
  /** What steps gave, by their ids. */
  readonly outputs: ReadonlyMap<string, Json>;
}

export interface Environment {
  readonly payload?: Schema;
  readonly event?: Schema;
  readonly outputOf: (actionId: string, version: number) => Schema | undefined;
  /** An output that an action's author gives as an example. */
  readonly exampleOf: (actionId: string, version: number) => Json | undefined;
  /** The payload that an event brings. */
  readonly eventPayload: (eventName: string) => Schema | undefined;
  readonly samples?: Samples;
}

export interface Variable {
  /** From a root on: `["vars", "ticket"]`. */
  readonly names: readonly string[];
  readonly typed?: Typed;
  readonly sample?: Json;
  /** Whether the sample is from a run, and not made up. */
  readonly isReal: boolean;
  /** The step that gives it. */
  readonly step?: Key;
  /** Whether a path leads here on which nothing gives it. */
  readonly isPerhaps: boolean;
}

export type GroupKind = "event" | "child" | "payload" | "loop" | "error" | "step" | "run";

export interface Group {
  readonly kind: GroupKind;
  /** The step that gives it, for `step` and `loop`. */
  readonly step?: Key;
  readonly variables: readonly Variable[];
}

export interface Scope {
  readonly groups: readonly Group[];
  /** Values as expressions read them, for a preview. */
  readonly values: JsonObject;
  /** Whether any of them is from a run. */
  readonly isReal: boolean;
}

const ERROR: Schema = {
  type: "object",
  properties: {
    category: { type: "string" },
    code: { type: "string" },
    message: { type: "string" },
    details: { type: "object" },
    nodePath: { type: "string" },
    at: { type: "string", format: "date-time" },
  },
  required: ["category", "code", "message", "details", "nodePath", "at"],
};
const SYSTEM: Schema = {
  type: "object",
  properties: {
    runId: { type: "string", format: "uuid" },
    tenantId: { type: "string", format: "uuid" },
    workflowId: { type: "string", format: "uuid" },
    workflowVersion: { type: "integer" },
    startedAt: { type: "string", format: "date-time" },
  },
  required: ["runId", "tenantId", "workflowId", "workflowVersion", "startedAt"],
};
const TEXT: Schema = { type: "string" };

// ── Walking to a place ──────────────────────────────────────────────────────────────────────────────────────────

class Known {
  readonly variables = new Map<string, Variable>();

  constructor(
    private readonly document: WorkflowDocument,
    private readonly env: Environment,
    private readonly payload: Variable,
  ) {}

  set(variable: Variable): void {
    const id = variable.names.join(".");
    this.variables.delete(id);
    this.variables.set(id, variable);
  }

  /** Enters what a step gives, and what those inside of it may give. */
  enter(key: Key, isPerhaps: boolean): void {
    const node = this.document.nodes[key] as StepNode;
    for (const variable of this.given(node)) {
      const before = this.variables.get(variable.names.join("."));
      this.set({ ...variable, isPerhaps: isPerhaps && (before?.isPerhaps ?? true) });
    }
    const blocks = Object.values(node.blocks);
    for (const keys of blocks) {
      for (const inner of keys) {
        this.enter(inner, true);
      }
    }
    if (typeOf(node.own) === "control.if" && blocks.length === 2) {
      // What both ways give is there whichever was gone.
      const [one, other] = blocks.map((keys) => new Set(keys.flatMap((inner) => this.namesOf(inner))));
      for (const id of one ?? []) {
        const variable = this.variables.get(id);
        if (other?.has(id) && variable && !isPerhaps) {
          this.variables.set(id, { ...variable, isPerhaps: false });
        }
      }
    }
  }

  private namesOf(key: Key): string[] {
    return this.given(this.document.nodes[key] as StepNode).map((variable) => variable.names.join("."));
  }

  private given(node: StepNode): Variable[] {
    const { own, key } = node;
    const config = configOf(own);
    const type = typeOf(own);
    const found: Variable[] = [];
    for (const names of impliedNames(own)) {
      const event = names[1] === "event" ? this.env.eventPayload(String(config.eventName ?? "")) : undefined;
      const schema = names[1] === "error" ? ERROR : names[1] === "eventName" ? TEXT : event;
      found.push({
        names,
        step: key,
        isPerhaps: false,
        isReal: false,
        ...(schema ? { typed: { schema, root: schema }, sample: exampleOf(schema) } : {}),
      });
    }
    if (type === "action.call" && typeof config.saveAs === "string") {
      const names = assignedNames(config.saveAs);
      if (names) {
        found.push({ names, step: key, isPerhaps: false, ...this.output(own) });
      }
    }
    for (const [path, value] of Object.entries(assignments(own)?.paths ?? {})) {
      const names = assignedNames(path);
      if (names) {
        found.push({ names, step: key, isPerhaps: false, ...this.valueOf(value) });
      }
    }
    return found;
  }

  private output(own: Json): { typed?: Typed; sample?: Json; isReal: boolean } {
    const config = configOf(own);
    const actionId = String(config.actionId ?? "");
    const version = typeof config.version === "number" ? config.version : 1;
    const schema = this.env.outputOf(actionId, version);
    const real = this.env.samples?.outputs.get(idOf(own));
    const sample = real ?? this.env.exampleOf(actionId, version) ?? (schema && exampleOf(schema));
    return {
      ...(schema ? { typed: { schema, root: schema } } : {}),
      ...(sample === undefined ? {} : { sample }),
      isReal: real !== undefined,
    };
  }

  /** What is known of a mapping value. */
  valueOf(value: Json): { typed?: Typed; sample?: Json; isReal: boolean } {
    const source = expressionOf(value);
    if (source === undefined) {
      const schema = schemaOf(value);
      return { typed: { schema, root: schema }, sample: value, isReal: false };
    }
    const path = asReference(source);
    return path ? this.read(path) : { isReal: false };
  }

  /** What a plain path reads. */
  read(path: readonly (string | number)[]): { typed?: Typed; sample?: Json; isReal: boolean } {
    const [first] = path;
    const full = (ROOTS as readonly unknown[]).includes(first) ? path : ["vars", ...path];
    for (let length = full.length; length > 0; length--) {
      const id = full.slice(0, length).join(".");
      const variable =
        this.variables.get(id) ??
        (full === path ? undefined : this.variables.get(full.slice(1, length).join("."))) ??
        (id === "payload" ? this.payload : undefined);
      if (variable) {
        const rest = full.slice(length);
        const typed = variable.typed && within(variable.typed, rest);
        const sample = getAt(variable.sample, rest);
        return {
          ...(typed ? { typed } : {}),
          ...(sample === undefined ? {} : { sample }),
          isReal: variable.isReal,
        };
      }
    }
    return { isReal: false };
  }
}

/** The schema of what stands at a path in something. */
export function within(typed: Typed, path: readonly (string | number)[]): Typed | undefined {
  let schema: Schema = typed.schema;
  for (const name of path) {
    const own = withoutNull(schema, typed.root).schema;
    const isItem = typeof name === "number";
    // A path through a list reads from each of its items.
    const holder = !isItem && own.type === "array" ? withoutNull((own.items ?? {}) as Schema, typed.root).schema : own;
    const inner = isItem ? (own.items as Schema | undefined) : holder.properties?.[name];
    if (inner === undefined) {
      return undefined;
    }
    schema = inner;
  }
  return { schema, root: typed.root };
}

function schemaOf(value: Json): Schema {
  if (Array.isArray(value)) {
    return value.length > 0 ? { type: "array", items: schemaOf(value[0] as Json) } : { type: "array" };
  }
  if (isObject(value)) {
    if (expressionOf(value) !== undefined) {
      return {};
    }
    return {
      type: "object",
      properties: Object.fromEntries(Object.entries(value).map(([name, item]) => [name, schemaOf(item)])),
      required: Object.keys(value),
    };
  }
  return value === null ? {} : { type: typeof value };
}

/** What can be read by a step; without one, at the end of the workflow. */
export function scopeAt(document: WorkflowDocument, key: Key | null, env: Environment): Scope {
  const samplePayload = env.samples?.payload;
  const payload: Variable = {
    names: ["payload"],
    ...(env.payload ? { typed: { schema: env.payload, root: env.payload } } : {}),
    ...(samplePayload !== undefined
      ? { sample: samplePayload }
      : env.payload
        ? { sample: exampleOf(env.payload) }
        : {}),
    isReal: samplePayload !== undefined,
    isPerhaps: false,
  };
  const known = new Known(document, env, payload);
  const loops: Group[] = [];
  let inCatch = false;
  // From the outermost block to that of the step.
  const way = key === null ? [] : [...ancestorsOf(document, key).reverse(), positionOf(document, key)];
  for (const [depth, position] of way.entries()) {
    if (!position) {
      continue;
    }
    for (const before of listAt(document, position.parent, position.block).slice(0, position.index)) {
      known.enter(before, false);
    }
    const next = way[depth + 1];
    if (!next) {
      break;
    }
    const { own } = document.nodes[position.key] as StepNode;
    if (typeOf(own) === "control.forEach") {
      const group = loopGroup(position.key, own as JsonObject, known);
      loops.unshift(group);
      for (const variable of group.variables) {
        known.set(variable);
      }
    } else if (typeOf(own) === "control.tryCatch" && next.block === "catch") {
      inCatch = true;
      for (const tried of listAt(document, position.key, "try")) {
        known.enter(tried, true);
      }
      const capture = (own as JsonObject).captureErrorAs;
      const names = typeof capture === "string" ? assignedNames(capture) : undefined;
      if (names) {
        known.set(errorVariable(names, position.key));
      }
    }
  }
  if (key === null) {
    for (const each of document.steps) {
      known.enter(each, false);
    }
  }
  const groups: Group[] = [{ kind: "payload", variables: [payload] }, ...loops];
  if (inCatch) {
    groups.push({ kind: "error", variables: [errorVariable(["error"])] });
  }
  groups.push(...stepGroups(document, known, loops));
  groups.push({
    kind: "run",
    variables: [
      {
        names: ["system"],
        typed: { schema: SYSTEM, root: SYSTEM },
        sample: exampleOf(SYSTEM),
        isReal: false,
        isPerhaps: false,
      },
      { names: ["meta", "state"], typed: { schema: TEXT, root: TEXT }, sample: "", isReal: false, isPerhaps: false },
    ],
  });
  return {
    groups,
    values: valuesOf(groups),
    isReal: groups.some((group) => group.variables.some((each) => each.isReal)),
  };
}

/** What a trigger's mapping can read: the event, and nothing else. */
export function eventScope(env: Environment): Scope {
  const { title: _, ...payload }: Schema = env.event ?? {}; // a class's name, which is no label
  const schema: Schema = {
    type: "object",
    properties: { payload, name: TEXT, correlationKey: TEXT, payloadSchemaRef: TEXT },
    required: ["payload", "name", "payloadSchemaRef"],
    ...(payload.$defs ? { $defs: payload.$defs } : {}),
  };
  const sample = exampleOf(schema);
  const groups: Group[] = [
    {
      kind: "event",
      variables: [{ names: ["event"], typed: { schema, root: schema }, sample, isReal: false, isPerhaps: false }],
    },
  ];
  return { groups, values: valuesOf(groups), isReal: false };
}

function errorVariable(names: readonly string[], step?: Key): Variable {
  const sample = {
    ...(exampleOf(ERROR) as JsonObject),
    category: "ActionError",
    code: "NOT_FOUND",
    message: "Not found.",
  };
  return {
    names,
    typed: { schema: ERROR, root: ERROR },
    sample,
    isReal: false,
    isPerhaps: false,
    ...(step ? { step } : {}),
  };
}

function loopGroup(step: Key, own: JsonObject, known: Known): Group {
  const items = known.valueOf(own.items ?? null);
  const itemSchema = items.typed && withoutNull(items.typed.schema, items.typed.root).schema;
  const typed =
    itemSchema?.type === "array"
      ? { schema: (itemSchema.items ?? {}) as Schema, root: items.typed?.root ?? itemSchema }
      : items.typed;
  const sample = Array.isArray(items.sample) ? items.sample[0] : items.sample;
  const about = { isReal: items.isReal, isPerhaps: false, step };
  const item = { ...about, ...(typed ? { typed } : {}), ...(sample === undefined ? {} : { sample }) };
  const number: Schema = { type: "integer" };
  const flag: Schema = { type: "boolean" };
  const local = (name: string, schema: Schema, value: Json): Variable => ({
    ...about,
    names: [name],
    typed: { schema, root: schema },
    sample: value,
    isReal: false,
  });
  const itemVar = typeof own.itemVar === "string" && own.itemVar !== "" ? own.itemVar : "item";
  return {
    kind: "loop",
    step,
    variables: [
      { ...item, names: ["vars", itemVar] },
      local("index", number, 0),
      local("length", number, Array.isArray(items.sample) ? items.sample.length : 1),
      local("isFirst", flag, true),
      local("isLast", flag, false),
    ],
  };
}

/** The variables of each step, the latest step first. */
function stepGroups(document: WorkflowDocument, known: Known, loops: readonly Group[]): Group[] {
  const looped = new Set(loops.flatMap((loop) => loop.variables.map((variable) => variable.names.join("."))));
  const byStep = new Map<Key, Variable[]>();
  for (const [id, variable] of known.variables) {
    if (variable.step !== undefined && !looped.has(id)) {
      byStep.set(variable.step, [...(byStep.get(variable.step) ?? []), variable]);
    }
  }
  const order = outlineOf(document).order;
  return order
    .flatMap((position) => {
      const variables = byStep.get(position.key);
      return variables ? [{ kind: "step" as const, step: position.key, variables }] : [];
    })
    .reverse();
}

function valuesOf(groups: readonly Group[]): JsonObject {
  const values: JsonObject = {};
  // The last to be entered is what is read: the earliest groups are the nearest.
  for (const group of [...groups].reverse()) {
    for (const variable of group.variables) {
      let holder = values;
      for (const name of variable.names.slice(0, -1)) {
        if (!isObject(holder[name])) {
          holder[name] = {};
        }
        holder = holder[name] as JsonObject;
      }
      holder[variable.names.at(-1) as string] = structuredClone(variable.sample ?? null);
    }
  }
  const loop = groups.find((group) => group.kind === "loop");
  const item = loop?.variables[0]?.sample;
  return {
    ...(isObject(values.vars) ? values.vars : {}),
    ...(loop ? { item: structuredClone(item ?? null) } : {}),
    ...values,
  };
}
