/** The editor's one reducer: every change of the document, undo and redo, and what is selected and collapsed. */

import {
  type Key,
  openDefinition,
  positionOf,
  Reader,
  type Slot,
  type StepNode,
  subtree,
  toStep,
  typeOf,
  type WorkflowDocument,
} from "./document";
import { type Direction, duplicateStep, freshCopies, insertSteps, moveStep, removeStep, slotTowards } from "./edits";
import { equal, getAt, isObject, type Json, type JsonObject, type Place, setAt } from "./json";
import { assignedNames, renameItem, renameVariable, variableNames } from "./variables";

/** What the inspector shows: a step, or the workflow with its trigger. */
export type Selected = Key | "workflow";

interface Moment {
  readonly document: WorkflowDocument;
  readonly selected: Selected;
}

export interface EditorState extends Moment {
  readonly past: readonly Moment[];
  readonly future: readonly Moment[];
  /** The steps whose blocks are not shown; no part of the document. */
  readonly collapsed: ReadonlySet<Key>;
  /** What was typed last, and when: what follows at once is one change with it. */
  readonly typing: { readonly tag: string; readonly at: number } | null;
}

export type Action =
  | { type: "open"; definition: JsonObject }
  | { type: "select"; selected: Selected }
  | { type: "collapse"; key: Key; collapsed: boolean }
  | { type: "collapseAll"; collapsed: boolean }
  | { type: "insert"; slot: Slot; step: JsonObject }
  | { type: "paste"; slot: Slot; steps: readonly Json[] }
  | { type: "duplicate"; key: Key }
  | { type: "remove"; key: Key }
  | { type: "move"; key: Key; slot: Slot }
  | { type: "shift"; key: Key; direction: Direction }
  /** Sets a field of a step; undefined removes it. `at`: when, in milliseconds. */
  | { type: "set"; key: Key; place: Place; value: Json | undefined; at: number }
  | { type: "setHead"; place: Place; value: Json | undefined; at: number }
  /** The definition without its steps. */
  | { type: "head"; head: JsonObject }
  /** The whole step, without the steps in its blocks. */
  | { type: "replace"; key: Key; own: Json }
  | { type: "saveAs"; key: Key; path: string }
  | { type: "itemVar"; key: Key; name: string }
  | { type: "captureErrorAs"; key: Key; path: string }
  /** Another path in the place of one that a step assigns to. */
  | { type: "renameAssigned"; key: Key; place: Place; from: string; to: string }
  | { type: "undo" }
  | { type: "redo" };

const KEPT = 200;
/** Milliseconds within which typing into one field is one change. */
const AT_ONCE = 1500;

export function openEditor(definition: JsonObject): EditorState {
  return {
    document: openDefinition(definition),
    selected: "workflow",
    past: [],
    future: [],
    collapsed: new Set(),
    typing: null,
  };
}

export function reduce(state: EditorState, action: Action): EditorState {
  const { document } = state;
  switch (action.type) {
    case "open":
      return openEditor(action.definition);
    case "select":
      return action.selected === state.selected
        ? state
        : { ...revealed(state, action.selected), selected: action.selected, typing: null };
    case "collapse": {
      const collapsed = new Set(state.collapsed);
      if (action.collapsed) {
        collapsed.add(action.key);
      } else {
        collapsed.delete(action.key);
      }
      return { ...state, collapsed };
    }
    case "collapseAll":
      return {
        ...state,
        collapsed: new Set(
          action.collapsed
            ? Object.values(document.nodes).flatMap((node) => (Object.keys(node.blocks).length > 0 ? [node.key] : []))
            : [],
        ),
      };
    case "insert": {
      const inserted = insertSteps(document, action.slot, [action.step]);
      return changed(state, inserted.document, { selected: inserted.keys[0] });
    }
    case "paste": {
      const inserted = insertSteps(document, action.slot, freshCopies(document, action.steps));
      return changed(state, inserted.document, { selected: inserted.keys[0] });
    }
    case "duplicate": {
      const copied = duplicateStep(document, action.key);
      return changed(state, copied.document, { selected: copied.keys[0] });
    }
    case "remove":
      return changed(state, removeStep(document, action.key), { selected: afterRemoval(state, action.key) });
    case "move":
      return changed(state, moveStep(document, action.key, action.slot), { selected: action.key });
    case "shift": {
      const slot = slotTowards(document, action.key, action.direction);
      return slot ? changed(state, moveStep(document, action.key, slot), { selected: action.key }) : state;
    }
    case "set":
      return changed(state, setField(document, action.key, action.place, action.value), {
        typing: { tag: `${action.key} ${JSON.stringify(action.place)}`, at: action.at },
      });
    case "setHead":
      return changed(
        state,
        { ...document, head: setAt(document.head, action.place, action.value) as JsonObject },
        { typing: { tag: `head ${JSON.stringify(action.place)}`, at: action.at } },
      );
    case "head":
      return equal(action.head, document.head) ? state : changed(state, { ...document, head: action.head });
    case "replace":
      return changed(state, replaceStep(document, action.key, action.own));
    case "saveAs":
      return changed(state, setSaveAs(document, action.key, ["config", "saveAs"], action.path));
    case "captureErrorAs":
      return changed(state, setSaveAs(document, action.key, ["captureErrorAs"], action.path));
    case "renameAssigned":
      return changed(state, renameAssigned(document, action.key, action.place, action.from, action.to));
    case "itemVar":
      return changed(state, renameItem(document, action.key, action.name));
    case "undo": {
      const before = state.past.at(-1);
      return before === undefined
        ? state
        : revealed({
            ...state,
            ...before,
            past: state.past.slice(0, -1),
            future: [moment(state), ...state.future],
            typing: null,
          });
    }
    case "redo": {
      const [next, ...future] = state.future;
      return next === undefined
        ? state
        : revealed({ ...state, ...next, past: [...state.past, moment(state)], future, typing: null });
    }
  }
}

function moment({ document, selected }: EditorState): Moment {
  return { document, selected };
}

interface Beside {
  selected?: Selected;
  typing?: EditorState["typing"];
}

function changed(state: EditorState, document: WorkflowDocument, beside: Beside = {}): EditorState {
  if (document === state.document) {
    return state;
  }
  const { typing = null, selected = state.selected } = beside;
  const isSame =
    typing !== null &&
    state.typing !== null &&
    typing.tag === state.typing.tag &&
    typing.at - state.typing.at <= AT_ONCE;
  return revealed({
    ...state,
    document,
    selected,
    past: isSame ? state.past : [...state.past, moment(state)].slice(-KEPT),
    future: [],
    typing,
  });
}

/** The state with nothing collapsed around what is selected, and with something selected that is there. */
function revealed(state: EditorState, selected: Selected = state.selected): EditorState {
  if (selected === "workflow") {
    return state;
  }
  let position = positionOf(state.document, selected);
  if (!position) {
    return { ...state, selected: "workflow" };
  }
  let collapsed: Set<Key> | undefined;
  while (position?.parent != null) {
    if (state.collapsed.has(position.parent)) {
      collapsed ??= new Set(state.collapsed);
      collapsed.delete(position.parent);
    }
    position = positionOf(state.document, position.parent);
  }
  return collapsed ? { ...state, collapsed } : state;
}

/** What is selected when a step is gone: the next one, else the one before, else the step around it. */
function afterRemoval(state: EditorState, key: Key): Selected {
  const { document, selected } = state;
  if (selected === "workflow" || !subtree(document, key).includes(selected)) {
    return selected;
  }
  const position = positionOf(document, key);
  if (!position) {
    return "workflow";
  }
  const list =
    position.parent === null ? document.steps : (document.nodes[position.parent]?.blocks[position.block] ?? []);
  return list[position.index + 1] ?? list[position.index - 1] ?? position.parent ?? "workflow";
}

function withNode(document: WorkflowDocument, node: StepNode): WorkflowDocument {
  return { ...document, nodes: { ...document.nodes, [node.key]: node } };
}

function setField(document: WorkflowDocument, key: Key, place: Place, value: Json | undefined): WorkflowDocument {
  const node = document.nodes[key];
  if (!node || !isObject(node.own)) {
    return document;
  }
  const own = setAt(node.own, place, value) as Json;
  return equal(own, node.own) ? document : withNode(document, { ...node, own });
}

/** Another step in the place of one; with another type its blocks are read anew. */
function replaceStep(document: WorkflowDocument, key: Key, own: Json): WorkflowDocument {
  const node = document.nodes[key];
  if (!node || equal(own, node.own)) {
    return document;
  }
  if (typeOf(own) === typeOf(node.own)) {
    return withNode(document, { ...node, own });
  }
  const reader = new Reader(document.next);
  const [fresh] = reader.read([own]);
  const read = reader.nodes[fresh as Key] as StepNode;
  const nodes = { ...document.nodes, ...reader.nodes };
  delete nodes[fresh as Key];
  for (const inner of subtree(document, key)) {
    delete nodes[inner];
  }
  nodes[key] = { key, own: read.own, blocks: read.blocks };
  return { ...document, nodes, next: reader.next };
}

/** Has a step save under another path; what read the old one reads the new one, if nothing was saved there before. */
function setSaveAs(document: WorkflowDocument, key: Key, place: readonly string[], path: string): WorkflowDocument {
  const node = document.nodes[key];
  if (!node || !isObject(node.own)) {
    return document;
  }
  const text = path.trim();
  const before = place.reduce<Json | undefined>((value, name) => (isObject(value) ? value[name] : undefined), node.own);
  const from = typeof before === "string" ? assignedNames(before) : undefined;
  const to = assignedNames(text);
  const set = (changed: WorkflowDocument) => setField(changed, key, place, text === "" ? undefined : text);
  if (!from || !to || equal(from, to)) {
    return set(document);
  }
  const isTaken = to[0] === "vars" && to[1] !== from[1] && variableNames(document).has(to[1] as string);
  return set(isTaken ? document : renameVariable(document, from, to));
}

function renameAssigned(
  document: WorkflowDocument,
  key: Key,
  place: Place,
  before: string,
  after: string,
): WorkflowDocument {
  const node = document.nodes[key];
  const paths = node && getAt(node.own, place);
  const text = after.trim();
  if (!isObject(paths) || text === "" || text === before || Object.hasOwn(paths, text)) {
    return document;
  }
  const from = assignedNames(before);
  const to = assignedNames(text);
  const renamed = Object.fromEntries(
    Object.entries(paths).map(([name, value]) => [name === before ? text : name, value]),
  );
  const changed = setField(document, key, place, renamed);
  const isTaken = to !== undefined && to[0] === "vars" && variableNames(document).has(to[1] as string);
  return from && to && !isTaken && !equal(from, to) ? renameVariable(changed, from, to) : changed;
}

/** The JSON of a step, for who looks at it. */
export function stepJson(document: WorkflowDocument, key: Key): string {
  return JSON.stringify(toStep(document, key), null, 2);
}
