/** What steps assign to, and how a variable is called otherwise everywhere at once. */

import { configOf, type Key, type StepNode, subtree, typeOf, type WorkflowDocument } from "./document";
import { LOOP_LOCALS, renamePaths } from "./expressions";
import { isObject, type Json, type JsonObject, mapExpressions } from "./json";

const ASSIGNABLE = ["payload", "vars", "local", "meta", "error"];
const WAITS = new Set(["event.wait", "human.task", "time.wait"]);

/** The names of an assign path from its root on: `title` is `vars.title`. Nothing for one that cannot be. */
export function assignedNames(path: string): string[] | undefined {
  const names = path.split(".").map((name) => name.trim());
  if (names.some((name) => name === "" || /[[\]]/.test(name))) {
    return undefined;
  }
  if (ASSIGNABLE.includes(names[0] as string)) {
    return names;
  }
  return names.length === 1 && names[0] !== "system" && names[0] !== "event" ? ["vars", ...names] : undefined;
}

/** How an author writes it: a variable by its name, as `saveAs` has it. */
export function assignText(names: readonly string[]): string {
  const isBare = names.length === 2 && names[0] === "vars" && !ASSIGNABLE.includes(names[1] as string);
  return isBare ? (names[1] as string) : names.join(".");
}

/** The object of paths and values that a step assigns one after the other, and its place in the step. */
export function assignments(own: Json): { place: string[]; paths: JsonObject } | undefined {
  const type = typeOf(own);
  if (type === "control.callWorkflow") {
    const paths = (own as JsonObject).outputMapping;
    return isObject(paths) ? { place: ["outputMapping"], paths } : undefined;
  }
  if (type === "transform.assign" || WAITS.has(type)) {
    const paths = configOf(own).assign;
    return isObject(paths) ? { place: ["config", "assign"], paths } : undefined;
  }
  return undefined;
}

export function goesOnAfterFailure(own: Json): boolean {
  const policies = [isObject(own) ? own.onError : null, configOf(own).onError];
  return policies.some((policy) => isObject(policy) && policy.policy === "continue");
}

/** What the interpreter assigns by itself. */
export function impliedNames(own: Json): string[][] {
  const type = typeOf(own);
  const found =
    type === "event.wait" || type === "human.task"
      ? [
          ["vars", "event"],
          ["vars", "eventName"],
        ]
      : type === "time.wait"
        ? [["vars", "timeWait"]]
        : [];
  return goesOnAfterFailure(own) ? [...found, ["vars", "error"]] : found;
}

/** Everything that a step assigns to, in the author's words. */
export function authoredNames(own: Json): string[][] {
  const paths: string[] = [];
  const type = typeOf(own);
  const saveAs = configOf(own).saveAs;
  if (type === "action.call" && typeof saveAs === "string") {
    paths.push(saveAs);
  }
  paths.push(...Object.keys(assignments(own)?.paths ?? {}));
  const capture = isObject(own) ? own.captureErrorAs : undefined;
  if (type === "control.tryCatch" && typeof capture === "string") {
    paths.push(capture);
  }
  return paths.map(assignedNames).filter((names) => names !== undefined);
}

/** The names of all variables that any step assigns. */
export function variableNames(document: WorkflowDocument): Set<string> {
  const found = new Set<string>();
  for (const { own } of Object.values(document.nodes)) {
    for (const [root, name] of [...authoredNames(own), ...impliedNames(own)]) {
      if (root === "vars" && name !== undefined) {
        found.add(name);
      }
    }
    const item = isObject(own) && typeOf(own) === "control.forEach" ? own.itemVar : undefined;
    if (typeof item === "string") {
      found.add(item);
    }
  }
  return found;
}

/** A name that is not taken: `ticket`, `ticket_2`, … */
export function freshName(base: string, taken: ReadonlySet<string>, separator = "_"): string {
  let name = base;
  for (let number = 2; taken.has(name); number++) {
    name = `${base}${separator}${number}`;
  }
  return name;
}

// ── Renaming ────────────────────────────────────────────────────────────────────────────────────────────────────

/** A step in which whatever assigns or reads some names has others. */
function renamedIn(own: Json, from: readonly string[], to: readonly string[], isBare: boolean): Json {
  if (!isObject(own)) {
    return own;
  }
  const path = (text: string) => renamedPath(text, from, to);
  let step = own;
  const set = (changed: JsonObject) => {
    step = changed;
  };
  const config = configOf(own);
  if (typeOf(own) === "action.call") {
    const changed = { ...config };
    if (typeof config.saveAs === "string") {
      changed.saveAs = path(config.saveAs);
    }
    if (config.outputs !== undefined) {
      changed.outputs = renamedReferences(config.outputs, from, to);
    }
    if (changed.saveAs !== config.saveAs || changed.outputs !== config.outputs) {
      set({ ...own, config: changed });
    }
  }
  const assigned = assignments(own);
  if (assigned && Object.keys(assigned.paths).some((each) => path(each) !== each)) {
    const paths = Object.fromEntries(Object.entries(assigned.paths).map(([name, value]) => [path(name), value]));
    set(
      assigned.place.length === 1 ? { ...own, outputMapping: paths } : { ...own, config: { ...config, assign: paths } },
    );
  }
  if (typeOf(own) === "control.tryCatch" && typeof own.captureErrorAs === "string") {
    const captured = path(own.captureErrorAs);
    if (captured !== own.captureErrorAs) {
      set({ ...own, captureErrorAs: captured });
    }
  }
  return mapExpressions(step, (source) => renamePaths(source, from, to, isBare));
}

function renamedPath(text: string, from: readonly string[], to: readonly string[]): string {
  const names = assignedNames(text);
  if (names === undefined || !from.every((name, index) => names[index] === name)) {
    return text;
  }
  const renamed = [...to, ...names.slice(from.length)];
  return text.includes(".") ? renamed.join(".") : assignText(renamed);
}

/** References of composed texts: `{"type": "reference", "path": "vars.ticket.id"}`. */
function renamedReferences(value: Json, from: readonly string[], to: readonly string[]): Json {
  if (Array.isArray(value)) {
    const items = value.map((item) => renamedReferences(item, from, to));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isObject(value)) {
    return value;
  }
  const fields = Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      name === "path" && value.type === "reference" && typeof item === "string"
        ? renamePaths(item, from, to)
        : renamedReferences(item, from, to),
    ]),
  );
  return Object.entries(fields).every(([name, item]) => item === value[name]) ? value : fields;
}

/** What hides a variable's bare name, or the variable itself, in the body of a loop. */
function hiddenIn(document: WorkflowDocument, name: string): Set<Key> {
  const hidden = new Set<Key>();
  for (const { key, own } of Object.values(document.nodes)) {
    if (typeOf(own) === "control.forEach" && (own as JsonObject).itemVar === name) {
      for (const inner of subtree(document, key)) {
        hidden.add(inner);
      }
      hidden.delete(key);
    }
  }
  return hidden;
}

/**
 * Calls a variable, or a part of one, otherwise: where it is assigned and wherever it is read.
 *
 * @param within Only in these steps; without it, in all.
 */
export function renameVariable(
  document: WorkflowDocument,
  from: readonly string[],
  to: readonly string[],
  within?: Iterable<Key>,
): WorkflowDocument {
  const hidden = from[0] === "vars" && from[1] !== undefined ? hiddenIn(document, from[1]) : new Set<Key>();
  const nodes: Record<Key, StepNode> = { ...document.nodes };
  let isChanged = false;
  for (const key of within ?? Object.keys(nodes)) {
    const node = nodes[key];
    if (node === undefined || hidden.has(key)) {
      continue;
    }
    const own = renamedIn(node.own, from, to, true);
    if (own !== node.own) {
      nodes[key] = { ...node, own };
      isChanged = true;
    }
  }
  return isChanged ? { ...document, nodes } : document;
}

/** Calls the variable of a loop otherwise, in the loop and in its body. */
export function renameItem(document: WorkflowDocument, loop: Key, to: string): WorkflowDocument {
  const node = document.nodes[loop];
  if (!node || !isObject(node.own)) {
    return document;
  }
  const from = node.own.itemVar;
  const changed: WorkflowDocument = {
    ...document,
    nodes: { ...document.nodes, [loop]: { ...node, own: { ...node.own, itemVar: to } } },
  };
  if (typeof from !== "string" || from === "" || to === "") {
    return changed;
  }
  // The body alone reads it; a loop in it with a variable of the same name hides it there.
  const body = subtree(document, loop).filter((key) => key !== loop);
  const inVars = renameVariable(changed, ["vars", from], ["vars", to], body);
  // `local.item` is there whatever the variable is called.
  const isLocal = (LOOP_LOCALS as readonly string[]).includes(from);
  return isLocal ? inVars : renameVariable(inVars, ["local", from], ["local", to], body);
}
