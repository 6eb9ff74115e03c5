import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { openDefinition, outlineOf, toDefinition, toStep } from "./document";
import { clipboardText, END, newActionStep, newStep, stepsInClipboard } from "./edits";
import { type Action, type EditorState, openEditor, reduce } from "./editor";
import type { JsonObject } from "./json";

const BUNDLES = join(import.meta.dirname, "../../../../../../tests/bundles");

const step = (id: string, more: JsonObject = {}): JsonObject => ({
  id,
  type: "state.set",
  config: { state: id },
  ...more,
});

function opened(...steps: JsonObject[]): EditorState {
  return openEditor({ id: "w", version: 1, name: "W", steps });
}

function run(state: EditorState, ...actions: Action[]): EditorState {
  return actions.reduce(reduce, state);
}

const key = (state: EditorState, path: string): string => {
  const found = outlineOf(state.document).byPath.get(path);
  if (found === undefined) {
    throw new Error(`no step at ${path}`);
  }
  return found;
};

/** The ids of the steps with their paths. */
const shape = (state: EditorState) =>
  outlineOf(state.document).order.map(
    ({ path, key }) =>
      `${path.replaceAll("steps", "").replace("root.", "")} ${(state.document.nodes[key]?.own as JsonObject).id}`,
  );

const NESTED = [
  step("a"),
  { id: "if", type: "control.if", condition: { $expr: "true" }, then: [step("b"), step("c")], else: [] },
  step("d"),
] as JsonObject[];

describe("documents", () => {
  it.each(readdirSync(BUNDLES).filter((name) => name.endsWith(".json")))("%s survives byte for byte", (name) => {
    const bundle = JSON.parse(readFileSync(join(BUNDLES, name), "utf8"));
    for (const workflow of bundle.workflows) {
      const { definition } = workflow.draft;
      expect(JSON.stringify(toDefinition(openDefinition(definition)))).toBe(JSON.stringify(definition));
    }
  });

  it("keep what they do not know: types, fields, order, entries that are no steps", () => {
    const definition: JsonObject = {
      zeta: 1,
      steps: [
        { then: [{ b: 1 }], type: "acme.branch", id: "x", nested: { steps: [1] } },
        {
          type: "control.if",
          else: null,
          id: "y",
          condition: 1,
          then: [7, "text", { id: "z", type: "control.forEach", body: "?" }],
        },
        { id: "v", type: "control.if", condition: {}, then: {} },
      ],
      name: "W",
    };
    expect(JSON.stringify(toDefinition(openDefinition(definition)))).toBe(JSON.stringify(definition));
  });

  it("keep an unknown step unchanged while others around it move", () => {
    const unknown = { strange: [1, { $x: 2 }], type: "acme.thing", id: "u", then: [step("no step of ours")] };
    let state = opened(unknown, ...NESTED);
    state = run(
      state,
      {
        type: "move",
        key: key(state, "root.steps[0]"),
        slot: { parent: key(state, "root.steps[2]"), block: "else", index: 0 },
      },
      { type: "remove", key: key(state, "root.steps[1]") },
    );
    expect(JSON.stringify(toStep(state.document, key(state, "root.steps[0].else.steps[0]")))).toBe(
      JSON.stringify(unknown),
    );
  });
});

describe("steps", () => {
  it("are inserted where asked, and selected", () => {
    let state = opened(...NESTED);
    state = run(state, {
      type: "insert",
      slot: { parent: key(state, "root.steps[1]"), block: "else", index: 0 },
      step: step("new"),
    });
    expect(shape(state)).toContain("[1].else.[0] new");
    expect(state.selected).toBe(key(state, "root.steps[1].else.steps[0]"));
    expect(shape(run(state, { type: "insert", slot: END, step: step("last") })).at(-1)).toBe("[3] last");
  });

  it("are removed with all inside, and the next one is selected", () => {
    let state = opened(...NESTED);
    state = run(state, { type: "select", selected: key(state, "root.steps[1].then.steps[0]") });
    state = run(state, { type: "remove", key: key(state, "root.steps[1]") });
    expect(shape(state)).toEqual(["[0] a", "[1] d"]);
    expect(state.selected).toBe(key(state, "root.steps[1]"));
    expect(Object.keys(state.document.nodes)).toHaveLength(2);
  });

  it("move into and out of blocks, one place at a time", () => {
    let state = opened(...NESTED);
    const moving = key(state, "root.steps[2]");
    const places = [];
    for (const direction of ["up", "up", "up", "up", "up", "up"] as const) {
      state = run(state, { type: "shift", key: moving, direction });
      places.push(outlineOf(state.document).byKey.get(moving)?.path);
    }
    expect(places).toEqual([
      "root.steps[1].else.steps[0]",
      "root.steps[1].then.steps[2]",
      "root.steps[1].then.steps[1]",
      "root.steps[1].then.steps[0]",
      "root.steps[1]",
      "root.steps[0]",
    ]);
    const before = state;
    expect(run(state, { type: "shift", key: moving, direction: "up" })).toBe(before);
    for (let count = 0; count < 6; count++) {
      state = run(state, { type: "shift", key: moving, direction: "down" });
    }
    expect(shape(state)).toEqual(shape(opened(...NESTED)));
    state = run(state, { type: "shift", key: moving, direction: "in" });
    expect(shape(state).at(-1)).toBe("[1].else.[0] d");
    state = run(state, { type: "shift", key: moving, direction: "out" });
    expect(shape(state).at(-1)).toBe("[2] d");
  });

  it("do not move into themselves", () => {
    const state = opened(...NESTED);
    const outer = key(state, "root.steps[1]");
    expect(run(state, { type: "move", key: outer, slot: { parent: outer, block: "then", index: 0 } })).toBe(state);
  });

  it("are copied with ids and variables of their own, and what they read of one another stays", () => {
    const call = (id: string, saveAs: string, source: string): JsonObject => ({
      id,
      type: "action.call",
      config: { actionId: "x.y", version: 1, inputMapping: { a: { $expr: source } }, saveAs },
    });
    const loop: JsonObject = {
      id: "loop",
      type: "control.forEach",
      items: { $expr: "vars.list" },
      itemVar: "each",
      body: [call("one", "found", "vars.each"), call("two", "made", "vars.found.id & vars.list")],
    };
    let state = opened(loop);
    const text = clipboardText(state.document, key(state, "root.steps[0]"));
    state = run(state, { type: "paste", slot: END, steps: stepsInClipboard(text) ?? [] });
    const copy = toStep(state.document, key(state, "root.steps[1]")) as JsonObject;
    expect(copy).toEqual({
      ...loop,
      id: "loop-2",
      body: [call("one-2", "found_2", "vars.each"), call("two-2", "made_2", "vars.found_2.id & vars.list")],
    });
    expect(stepsInClipboard("hello")).toBeUndefined();
    expect(stepsInClipboard('{"steps": [{}]}')).toBeUndefined();
  });

  it("begin with an id and a variable that are free", () => {
    const action = { groupKey: "app:acme", tileKind: "app", actionId: "acme.things.find", version: 2, label: "Find" };
    let state = opened();
    state = run(state, { type: "insert", slot: END, step: newActionStep(state.document, action) });
    const second = newActionStep(state.document, action);
    expect(second).toEqual({
      id: "things-find-2",
      type: "action.call",
      name: "Find",
      config: {
        actionId: "acme.things.find",
        version: 2,
        inputMapping: {},
        saveAs: "things_find_2",
        designerGroupKey: "app:acme",
        designerTileKind: "app",
        designerAppKey: "app:acme",
      },
    });
    expect(newStep(state.document, "control.forEach")).toMatchObject({ id: "for-each", itemVar: "item", body: [] });
  });
});

describe("renaming", () => {
  const saving = (id: string, saveAs: string, mapping: JsonObject = {}): JsonObject => ({
    id,
    type: "action.call",
    config: { actionId: "x.y", version: 1, inputMapping: mapping, saveAs },
  });

  it("of what a step saves keeps everything that reads it valid", () => {
    let state = opened(
      saving("a", "ticket"),
      {
        id: "if",
        type: "control.if",
        condition: { $expr: "ticket.open and payload.ticket" },
        then: [saving("b", "x", { t: { deep: [{ $expr: "vars.ticket.id" }] } })],
      },
      {
        id: "assign",
        type: "transform.assign",
        config: { assign: { "vars.ticket.note": { $expr: "'vars.ticket'" }, other: 1 } },
      },
      { ...saving("c", "y"), config: { actionId: "t", outputs: [{ type: "reference", path: "vars.ticket.title" }] } },
    );
    state = run(state, { type: "saveAs", key: key(state, "root.steps[0]"), path: "case" });
    expect(toDefinition(state.document).steps).toEqual([
      saving("a", "case"),
      {
        id: "if",
        type: "control.if",
        condition: { $expr: "case.open and payload.ticket" },
        then: [saving("b", "x", { t: { deep: [{ $expr: "vars.case.id" }] } })],
      },
      {
        id: "assign",
        type: "transform.assign",
        config: { assign: { "vars.case.note": { $expr: "'vars.ticket'" }, other: 1 } },
      },
      { ...saving("c", "y"), config: { actionId: "t", outputs: [{ type: "reference", path: "vars.case.title" }] } },
    ]);
    expect(run(state, { type: "undo" }).document).toBe(state.past[0]?.document);
  });

  it("to a variable that others have only points the step there", () => {
    let state = opened(saving("a", "one"), saving("b", "two", { x: { $expr: "vars.one" } }));
    state = run(state, { type: "saveAs", key: key(state, "root.steps[0]"), path: "two" });
    expect(toDefinition(state.document).steps).toEqual([
      saving("a", "two"),
      saving("b", "two", { x: { $expr: "vars.one" } }),
    ]);
  });

  it("of a loop's variable stays in the loop, and out of a loop in it that hides it", () => {
    const loop = (id: string, body: JsonObject[]): JsonObject => ({
      id,
      type: "control.forEach",
      items: { $expr: "vars.item" },
      itemVar: "item",
      body,
    });
    const reads = saving("r", "r", { a: { $expr: "vars.item.x" } });
    let state = opened(loop("outer", [reads, loop("inner", [reads])]), reads);
    state = run(state, { type: "itemVar", key: key(state, "root.steps[0]"), name: "alert" });
    const [outer, after] = toDefinition(state.document).steps as JsonObject[];
    expect(outer).toMatchObject({ itemVar: "alert", items: { $expr: "vars.item" } });
    const [first, inner] = outer?.body as JsonObject[];
    expect(first).toEqual(saving("r", "r", { a: { $expr: "vars.alert.x" } }));
    expect(inner).toMatchObject({ items: { $expr: "vars.alert" }, itemVar: "item", body: [reads] });
    expect(after).toEqual(reads);
  });

  it("of a captured error follows in its readers", () => {
    let state = opened({
      id: "t",
      type: "control.tryCatch",
      captureErrorAs: "problem",
      try: [],
      catch: [saving("a", "b", { m: { $expr: "vars.problem.message" } })],
    });
    state = run(state, { type: "captureErrorAs", key: key(state, "root.steps[0]"), path: "failure" });
    expect(toStep(state.document, key(state, "root.steps[0].catch.steps[0]"))).toEqual(
      saving("a", "b", { m: { $expr: "vars.failure.message" } }),
    );
  });
});

describe("undo and redo", () => {
  const type = (state: EditorState, text: string, at: number): EditorState =>
    run(state, { type: "set", key: key(state, "root.steps[0]"), place: ["name"], value: text, at });

  it("take what was typed at once as one change", () => {
    let state = opened(step("a"));
    const before = state.document;
    state = type(type(type(state, "N", 0), "Na", 200), "Name", 400);
    state = type(state, "Name!", 10_000);
    expect(state.past).toHaveLength(2);
    state = run(state, { type: "undo" });
    expect(toDefinition(state.document).steps).toMatchObject([{ name: "Name" }]);
    state = run(state, { type: "undo" });
    expect(state.document).toBe(before);
    expect(run(state, { type: "undo" })).toBe(state);
    state = run(state, { type: "redo" }, { type: "redo" });
    expect(toDefinition(state.document).steps).toMatchObject([{ name: "Name!" }]);
  });

  it("select what was selected then, and show it", () => {
    let state = opened(...NESTED);
    const inner = key(state, "root.steps[1].then.steps[0]");
    state = run(state, { type: "select", selected: inner }, { type: "remove", key: inner });
    state = run(state, { type: "collapse", key: key(state, "root.steps[1]"), collapsed: true });
    state = run(state, { type: "undo" });
    expect(state.selected).toBe(inner);
    expect(state.collapsed.size).toBe(0);
  });

  it("forget what was undone when something else is done", () => {
    let state = run(opened(step("a")), { type: "setHead", place: ["name"], value: "X", at: 0 }, { type: "undo" });
    state = run(state, { type: "setHead", place: ["name"], value: "Y", at: 0 });
    expect(state.future).toEqual([]);
  });

  it("know nothing of what is only looked at, and of changes that change nothing", () => {
    let state = opened(...NESTED);
    state = run(
      state,
      { type: "collapseAll", collapsed: true },
      { type: "select", selected: key(state, "root.steps[0]") },
      { type: "set", key: key(state, "root.steps[0]"), place: ["config", "state"], value: "a", at: 0 },
    );
    expect(state.past).toEqual([]);
    expect(state.collapsed.size).toBe(1);
  });

  it("give a step of another type its blocks", () => {
    let state = opened({ id: "x", type: "control.iff", condition: 1, then: [step("inner")] });
    const own = { ...(state.document.nodes[key(state, "root.steps[0]")]?.own as JsonObject), type: "control.if" };
    state = run(state, { type: "replace", key: key(state, "root.steps[0]"), own });
    expect(shape(state)).toEqual(["[0] x", "[0].then.[0] inner"]);
    expect(toDefinition(state.document).steps).toEqual([own]);
  });
});

it("500 steps are edited in a moment", () => {
  const many = Array.from({ length: 100 }, (_, index) => ({
    id: `loop-${index}`,
    type: "control.forEach",
    items: { $expr: "vars.x" },
    itemVar: "item",
    body: [0, 1, 2, 3].map((inner) => step(`s-${index}-${inner}`)),
  })) as JsonObject[];
  let state = opened(...many);
  const target = key(state, "root.steps[50].body.steps[2]");
  const begin = performance.now();
  for (let at = 0; at < 100; at++) {
    state = run(state, { type: "set", key: target, place: ["config", "state"], value: `v${at}`, at });
    outlineOf(state.document);
  }
  expect((performance.now() - begin) / 100).toBeLessThan(10);
});
