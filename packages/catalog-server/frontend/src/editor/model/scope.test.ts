import { describe, expect, it } from "vitest";

import type { Schema } from "../../api/catalog";
import { openDefinition, outlineOf, toStep } from "./document";
import { findingsAt, fixOf, indexFindings, placeIn, type ServerFinding } from "./findings";
import type { JsonObject } from "./json";
import { childrenOf, type DataNode, fitOf, nodeOfVariable, pickedSource } from "./data";
import { type Environment, eventScope, scopeAt } from "./scope";

const DEVICES: Schema = {
  type: "object",
  properties: {
    devices: { type: "array", items: { $ref: "#/$defs/Device" } },
    count: { type: "integer" },
  },
  required: ["devices", "count"],
  $defs: {
    Device: {
      type: "object",
      properties: {
        id: { type: "string" },
        asset_id: { anyOf: [{ type: "string", format: "uuid" }, { type: "null" }] },
      },
      required: ["id", "asset_id"],
    },
  },
};
const PAYLOAD: Schema = {
  type: "object",
  properties: { title: { type: "string" }, ticket: { type: "string" } },
  required: ["title"],
};

const env: Environment = {
  payload: PAYLOAD,
  event: PAYLOAD,
  outputOf: (id) => (id === "acme.find" ? DEVICES : undefined),
  exampleOf: () => undefined,
  eventPayload: () => undefined,
  samples: {
    payload: { title: "Real", extra: 1 },
    outputs: new Map([["find", { devices: [{ id: "7", asset_id: null }], count: 1 }]]),
  },
};
const find = (id: string, saveAs: string): JsonObject => ({
  id,
  type: "action.call",
  config: { actionId: "acme.find", version: 1, saveAs },
});
const noop = (id: string): JsonObject => ({ id, type: "state.set", config: { state: "x" } });

function scope(steps: JsonObject[], path: string | null, given: Environment = env) {
  const document = openDefinition({ steps });
  const key = path === null ? null : outlineOf(document).byPath.get(path);
  const found = scopeAt(document, key ?? null, given);
  const nodes = found.groups.flatMap((group) => group.variables.map(nodeOfVariable));
  return {
    ...found,
    sources: nodes.map((node) => node.source),
    node: (source: string) => nodes.find((node) => node.source === source) as DataNode,
  };
}

function below(node: DataNode, ...names: (string | number)[]): DataNode {
  return names.reduce((found, name) => childrenOf(found).find((child) => child.path.at(-1) === name) as DataNode, node);
}

describe("what can be read at a place", () => {
  it("is what earlier steps give, and no later ones", () => {
    const { sources, node, isReal } = scope(
      [find("find", "found"), noop("here"), find("later", "later")],
      "root.steps[1]",
    );
    expect(sources).toEqual(["payload", "vars.found", "system", "meta.state"]);
    expect(isReal).toBe(true);
    const id = below(node("vars.found"), "devices", 0, "id");
    expect(id).toMatchObject({ source: "vars.found.devices[0].id", sample: "7", kind: "text", isReal: true });
    expect(below(node("vars.found"), "devices", 0, "asset_id")).toMatchObject({ mayBeNull: true, kind: "text" });
    expect(below(node("vars.found"), "count")).toMatchObject({ mayBeNull: false, kind: "number", sample: 1 });
    expect(below(node("payload"), "title")).toMatchObject({ mayBeNull: false, sample: "Real" });
    expect(below(node("payload"), "ticket")).toMatchObject({ mayBeNull: true });
    expect(below(node("payload"), "extra")).toMatchObject({ kind: "number", sample: 1 });
  });

  it("is perhaps there after a branch, and surely where both ways give it", () => {
    const branch = (then: JsonObject[], other: JsonObject[]): JsonObject => ({
      id: "if",
      type: "control.if",
      condition: { $expr: "true" },
      then,
      else: other,
    });
    const { node } = scope([branch([find("a", "one"), find("b", "both")], [find("c", "both")])], null);
    expect(node("vars.one").mayBeNull).toBe(true);
    expect(node("vars.both").mayBeNull).toBe(false);
    const inside = scope(
      [branch([find("a", "one"), noop("x")], [find("c", "two"), noop("y")])],
      "root.steps[0].else.steps[1]",
    );
    expect(inside.sources).not.toContain("vars.one");
    expect(inside.sources).toContain("vars.two");
  });

  it("has the item of a loop with its schema, and the loop's own words", () => {
    const steps = [
      find("find", "found"),
      {
        id: "each",
        type: "control.forEach",
        items: { $expr: "vars.found.devices" },
        itemVar: "device",
        body: [noop("x")],
      },
    ];
    const { sources, node, values } = scope(steps, "root.steps[1].body.steps[0]");
    expect(sources).toEqual([
      "payload",
      "vars.device",
      "index",
      "length",
      "isFirst",
      "isLast",
      "vars.found",
      "system",
      "meta.state",
    ]);
    expect(below(node("vars.device"), "id")).toMatchObject({ kind: "text", sample: "7" });
    expect(values).toMatchObject({
      item: { id: "7" },
      device: { id: "7" },
      vars: { device: { id: "7" } },
      index: 0,
      found: { count: 1 },
    });
    expect(scope(steps, null).sources).not.toContain("index");
  });

  it("has the error in a catch, also under the name that it is captured by", () => {
    const steps = [
      {
        id: "t",
        type: "control.tryCatch",
        captureErrorAs: "problem",
        try: [find("find", "found")],
        catch: [noop("x")],
      },
    ];
    const { node, sources } = scope(steps, "root.steps[0].catch.steps[0]");
    expect(sources).toEqual(expect.arrayContaining(["error", "vars.problem", "vars.found"]));
    expect(node("vars.found").mayBeNull).toBe(true);
    expect(below(node("vars.problem"), "code").kind).toBe("text");
  });

  it("follows plain references of assigned variables", () => {
    const assign = {
      id: "a",
      type: "transform.assign",
      config: { assign: { first: { $expr: "vars.found.devices[0]" }, "vars.n": 5, made: { $expr: "1 + 1" } } },
    };
    const { node } = scope([find("find", "found"), assign], null);
    expect(below(node("vars.first"), "id")).toMatchObject({ source: "vars.first.id", kind: "text", sample: "7" });
    expect(node("vars.n")).toMatchObject({ kind: "number", sample: 5 });
    expect(node("vars.made")).toMatchObject({ kind: "unknown" });
  });

  it("is called by the titles of its fields, where they have one", () => {
    const german: Schema = {
      title: "FoundDevices",
      type: "object",
      properties: { devices: { title: "Geräte", type: "array", items: { $ref: "#/$defs/Device" } } },
      required: ["devices"],
      $defs: {
        Device: {
          title: "Device",
          type: "object",
          properties: { id: { title: "Kennung", type: "string" }, count: { type: "integer" } },
        },
      },
    };
    const assign = {
      id: "a",
      type: "transform.assign",
      config: { assign: { mine: { $expr: "vars.found.devices" } } },
    };
    const { node } = scope([find("find", "found"), assign], null, { ...env, outputOf: () => german });
    expect(node("vars.found").label).toBe("Found");
    expect(node("vars.mine").label).toBe("Mine");
    expect(below(node("vars.found"), "devices").label).toBe("Geräte");
    expect(below(node("vars.found"), "devices", 0).label).toBe("1.");
    expect(below(node("vars.found"), "devices", 0, "id").label).toBe("Kennung");
    expect(below(node("vars.found"), "devices", 0, "count").label).toBe("Count");
  });

  it("is made up where there was no run", () => {
    const { isReal, values } = scope([find("find", "found")], null, { ...env, samples: undefined });
    expect(isReal).toBe(false);
    expect(values).toMatchObject({
      payload: { title: "Title" },
      vars: { found: { count: 1, devices: [{ id: "ID" }] } },
    });
  });

  it("is the event alone in a trigger's mapping", () => {
    const { groups } = eventScope(env);
    expect(groups.map((group) => group.kind)).toEqual(["event"]);
    const [event] = groups[0]?.variables.map(nodeOfVariable) ?? [];
    expect(below(event as DataNode, "payload", "title").source).toBe("event.payload.title");
    const [titled] =
      eventScope({ ...env, event: { ...PAYLOAD, title: "RmmAlert" } }).groups[0]?.variables.map(nodeOfVariable) ?? [];
    expect(below(titled as DataNode, "payload").label).toBe("Payload");
  });
});

describe("what is picked", () => {
  const { node } = scope([find("find", "found")], null);
  const found = node("vars.found");
  const into = (schema: Schema) => ({ schema, root: schema });

  it.each([
    [["count"], { type: "string" }, "text", "$string(vars.found.count)"],
    [["count"], { type: "integer" }, "yes", "vars.found.count"],
    [["devices", 0, "id"], { type: "integer" }, "yes", "vars.found.devices[0].id"],
    [["devices", 0, "id"], { type: "boolean" }, "no", "vars.found.devices[0].id"],
    [["devices"], { type: "object" }, "first", "vars.found.devices[0]"],
    [["devices"], { type: "string" }, "no", "vars.found.devices"],
    [
      ["devices", 0],
      { anyOf: [{ type: "array", items: { type: "object" } }, { type: "null" }] },
      "yes",
      "vars.found.devices[0]",
    ],
    [["devices", 0], {}, "yes", "vars.found.devices[0]"],
  ] as [(string | number)[], Schema, string, string][])("%j into %j: %s", (path, schema, fit, source) => {
    const picked = below(found, ...path);
    expect(fitOf(picked, into(schema))).toBe(fit);
    expect(pickedSource(picked, into(schema))).toBe(source);
  });
});

describe("findings", () => {
  const steps: JsonObject[] = [
    {
      id: "call",
      type: "action.call",
      config: {
        actionId: "tickets.creat",
        version: 1,
        inputMapping: { titel: "x", body: { $expr: "payload.titel & '!'" }, n: { $expr: "vars.n" } },
      },
    },
    { id: "a", type: "transform.assign", config: { assign: { "payload.titel": 1 } } },
  ];
  const document = openDefinition({ name: "W", payloadSchemaRef: "payload.Tiket.v1", steps });
  const finding = (stepPath: string, at: string, code: string, suggestion?: string): ServerFinding => ({
    severity: "error",
    stepPath,
    path: `${stepPath}.${at}`,
    code,
    message: "…",
    suggestion,
  });

  it("are found by step and field", () => {
    const index = indexFindings(document, [
      finding("root.steps[0]", "config.actionId", "UNKNOWN_ACTION"),
      { ...finding("root.steps[0]", "config.inputMapping.tags[1].x", "X"), severity: "warning" },
      { severity: "warning", stepPath: "root", code: "X", message: "…", path: "root" },
    ]);
    const key = outlineOf(document).byPath.get("root.steps[0]") as string;
    expect([index.errors, index.warnings]).toEqual([1, 2]);
    expect(findingsAt(index.byStep.get(key), "config.inputMapping.tags")).toHaveLength(1);
    expect(findingsAt(index.byStep.get(key), "config.inputMapping.tag")).toHaveLength(0);
    expect(index.byStep.get(null)?.[0]?.field).toBe("");
  });

  const fixed = (given: ServerFinding) => {
    const [found] = indexFindings(document, [given]).all;
    return found && fixOf(document, found);
  };

  it("have suggestions that can be taken", () => {
    const step = toStep(document, document.steps[0] as string) as JsonObject;
    const config = step.config as JsonObject;
    const mapping = config.inputMapping as JsonObject;
    expect(
      fixed(finding("root.steps[0]", "config.actionId", "UNKNOWN_ACTION", "did you mean tickets.create?")),
    ).toEqual({
      text: "tickets.create",
      own: { ...step, config: { ...config, actionId: "tickets.create" } },
    });
    expect(
      fixed(finding("root.steps[0]", "config.version", "UNKNOWN_ACTION", "did you mean version 3?"))?.own,
    ).toMatchObject({ config: { version: 3 } });
    const renamed = fixed(
      finding("root.steps[0]", "config.inputMapping.titel", "UNKNOWN_FIELD", "did you mean title?"),
    );
    expect(JSON.stringify((renamed?.own as { config: JsonObject }).config.inputMapping)).toBe(
      JSON.stringify({ title: "x", body: mapping.body, n: mapping.n }),
    );
    expect(
      fixed(finding("root.steps[0]", "config.inputMapping.body", "MAPPING_TYPE_UNKNOWN", "did you mean payload.title?"))
        ?.own,
    ).toMatchObject({
      config: { inputMapping: { body: { $expr: "payload.title & '!'" } } },
    });
    expect(
      fixed(
        finding("root.steps[0]", "config.inputMapping.n", "MAPPING_TYPE_INCOMPATIBLE", "did you mean $string(vars.n)?"),
      )?.own,
    ).toMatchObject({
      config: { inputMapping: { n: { $expr: "$string(vars.n)" } } },
    });
    expect(
      fixed(finding("root.steps[1]", "config.assign.payload.titel", "ASSIGN_PATH_UNKNOWN", "did you mean title?"))?.own,
    ).toMatchObject({
      config: { assign: { "payload.title": 1 } },
    });
    expect(
      fixed(finding("root", "payloadSchemaRef", "PAYLOAD_SCHEMA_REF_UNKNOWN", "did you mean payload.Ticket.v1?"))?.own,
    ).toMatchObject({
      payloadSchemaRef: "payload.Ticket.v1",
    });
    expect(fixed(finding("root.steps[0]", "config.inputMapping", "MISSING_REQUIRED_MAPPING"))).toBeUndefined();
  });

  it("name places in which names have dots", () => {
    expect(placeIn({ config: { assign: { "vars.a": { b: [1, 2] } } } }, "config.assign.vars.a.b[1]")).toEqual([
      "config",
      "assign",
      "vars.a",
      "b",
      1,
    ]);
    expect(placeIn({ config: {} }, "config.inputMapping.x")).toEqual(["config", "inputMapping", "x"]);
  });
});
