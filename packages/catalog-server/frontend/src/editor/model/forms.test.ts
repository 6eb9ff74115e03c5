import { describe, expect, it } from "vitest";

import type { CatalogModule, Schema } from "../../api/catalog";
import { alternatives, exampleOf, type Field, fieldsOf, itemField, words } from "./fields";
import type { Json } from "./json";
import { modeOf, type Remembered, shownMode, switchMode } from "./modes";
import { preparePalette } from "./palette";
import { isUnsaved, nextSaving, type Saving } from "./saving";
import { readCron, writeCron } from "./schedule";

describe("input modes", () => {
  it("follow the stored value", () => {
    expect(modeOf(undefined)).toBe("fixed");
    expect(modeOf({ $expr: "vars.a.b" })).toBe("reference");
    expect(modeOf({ $expr: "" })).toBe("expression");
    expect(modeOf({ $expr: "1 + 1" })).toBe("expression");
    expect(modeOf({ $secret: "KEY" })).toBe("secret");
    expect(modeOf({ $expr: "a", more: 1 })).toBe("fixed");
  });

  it("keep what was typed in each of them", () => {
    let value: Json | undefined = "typed";
    let remembered: Remembered | undefined;
    const to = (mode: "fixed" | "reference" | "expression") => {
      ({ value, remembered } = switchMode(value, remembered, mode));
    };
    to("reference");
    expect(value).toBeUndefined();
    expect(shownMode(value, remembered)).toBe("reference");
    value = { $expr: "vars.a" };
    to("expression");
    expect(value).toEqual({ $expr: "vars.a" });
    expect(shownMode(value, remembered)).toBe("expression");
    value = { $expr: "vars.a & '!'" };
    to("fixed");
    expect(value).toBe("typed");
    to("reference");
    expect(value).toEqual({ $expr: "vars.a" });
    to("expression");
    expect(value).toEqual({ $expr: "vars.a & '!'" });
  });

  it("give way to what undo brings back", () => {
    const { remembered } = switchMode("typed", undefined, "reference");
    expect(shownMode("typed", remembered)).toBe("fixed");
  });
});

describe("saving", () => {
  const all = (...events: Parameters<typeof nextSaving>[1][]) =>
    events.reduce(nextSaving, { status: "saved", etag: "1" } as Saving);

  it("sends again what was changed meanwhile, with the new tag", () => {
    expect(all({ type: "edited" }, { type: "sent" }, { type: "edited" }, { type: "stored", etag: "2" })).toEqual({
      status: "changed",
      etag: "2",
    });
    expect(all({ type: "edited" }, { type: "sent" }, { type: "stored", etag: "2" })).toEqual({
      status: "saved",
      etag: "2",
    });
  });

  it("stops at a conflict until somebody decides", () => {
    const conflict = all({ type: "edited" }, { type: "sent" }, { type: "conflicted" }, { type: "edited" });
    expect(conflict).toEqual({ status: "conflict", etag: "1" });
    expect(isUnsaved(conflict)).toBe(true);
    expect(nextSaving(conflict, { type: "overwrite", etag: "9" })).toEqual({ status: "changed", etag: "9" });
    expect(nextSaving(conflict, { type: "loaded", etag: "9" })).toEqual({ status: "saved", etag: "9" });
  });

  it("tells why something could not be stored, and tries again with the next change", () => {
    const failed = all({ type: "edited" }, { type: "sent" }, { type: "refused", message: "no", retry: false });
    expect(failed).toMatchObject({ status: "failed", message: "no" });
    expect(nextSaving(failed, { type: "edited" })).toEqual({ status: "changed", etag: "1" });
  });
});

describe("fields of a schema", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      note: { anyOf: [{ type: "string" }, { type: "null" }], default: null, description: "What happened." },
      device_id: { type: "integer", "x-picker": { source: "acme.devices", dependencies: {} } },
      op: { enum: ["<", ">"] },
      who: { anyOf: [{ $ref: "#/$defs/Who" }, { type: "null" }], description: "Who works on it." },
      tags: { type: "array", items: { type: "string", format: "uuid" } },
      anything: {},
      names: { anyOf: [{ type: "object" }, { type: "null" }] },
      token: { type: "string", "x-secret": true },
      at: { type: "string", format: "date-time" },
      id_or_name: { anyOf: [{ type: "integer" }, { type: "string" }] },
    },
    required: ["device_id", "who"],
    anyOf: [{ required: ["note"] }, { required: ["op"] }],
    $defs: { Who: { title: "Who", type: "object", properties: { id: { type: "string" } }, required: ["id"] } },
  };

  it("have their kinds, and those that are needed come first", () => {
    const fields = fieldsOf(schema);
    expect(fields.map(({ name, kind }) => [name, kind])).toEqual([
      ["device_id", "integer"],
      ["who", "object"],
      ["note", "text"],
      ["op", "choice"],
      ["tags", "list"],
      ["anything", "any"],
      ["names", "map"],
      ["token", "text"],
      ["at", "moment"],
      ["id_or_name", "any"],
    ]);
    const by = Object.fromEntries(fields.map((field) => [field.name, field]));
    expect(by.device_id).toMatchObject({ label: "Device", hasPicker: true, isRequired: true, isNullable: false });
    expect(by.note).toMatchObject({ description: "What happened.", isNullable: true, isLong: true });
    expect(by.who).toMatchObject({ label: "Who", description: "Who works on it.", isNullable: true });
    expect(by.token?.isSecret).toBe(true);
    expect(fieldsOf(by.who?.schema as Schema, schema).map((field) => field.name)).toEqual(["id"]);
    expect(itemField(by.tags as never).kind).toBe("text");
  });

  it("tell of which one has to be given", () => {
    expect(alternatives(schema)).toEqual([{ fields: ["note", "op"], isExclusive: false }]);
  });

  it("are called as people would", () => {
    expect(["external_alert_id", "clientId", "on_not_found"].map(words)).toEqual([
      "External alert ID",
      "Client ID",
      "On not found",
    ]);
  });

  it("are called by their own title, and never by that of the class behind a reference", () => {
    const german: Schema = {
      title: "CreateTicket",
      type: "object",
      properties: {
        client_id: { title: "Kunde", type: "string", "x-picker": { source: "psa.clients", dependencies: {} } },
        assignee: { title: "Zuständig", anyOf: [{ $ref: "#/$defs/Who" }, { type: "null" }] },
        reporter: { $ref: "#/$defs/Who" },
        summary: { title: "Betreff", type: "string" },
        tags: { title: "Schlagwörter", type: "array", items: { type: "string" } },
      },
      $defs: { Who: { title: "Who", type: "object", properties: { id: { title: "Kennung", type: "string" } } } },
    };
    const labels = (fields: readonly Field[]) => fields.map((field) => field.label);
    const fields = fieldsOf(german);
    expect(labels(fields)).toEqual(["Kunde", "Zuständig", "Reporter", "Betreff", "Schlagwörter"]);
    expect(labels(fieldsOf(fields[1]?.schema as Schema, german))).toEqual(["Kennung"]);
    expect(exampleOf(german)).toMatchObject({
      reporter: { id: "Kennung" },
      summary: "Betreff",
      tags: ["Schlagwörter"],
    });
  });

  it("give an example that the schema allows", () => {
    expect(exampleOf(schema)).toMatchObject({ op: "<", who: { id: "ID" }, names: {}, note: "Note", device_id: 1 });
  });
});

describe("the palette's search", () => {
  const module = (label: string, ...actions: string[]): CatalogModule => ({
    groupKey: `app:${label.toLowerCase()}`,
    label,
    description: `${label} things`,
    tileKind: "app",
    allowedActionIds: actions,
    defaultActionId: null,
    available: true,
    actions: actions.map((each) => ({
      id: `${label.toLowerCase()}.${each}`,
      version: 1,
      label: each,
      description: "",
      inputFieldNames: ["serial_number"],
      outputFieldNames: [],
    })),
  });
  const types = [{ type: "control.if", label: "If", description: "Goes one way or the other." }];
  const palette = preparePalette(types, [module("Acme", "Find", "Reboot"), module("Globex", "Find")]);

  it("looks at labels, descriptions, actions and names of fields", () => {
    expect(palette.find("").modules).toHaveLength(2);
    expect(palette.find("one way").types).toEqual(types);
    expect(
      palette.find("reboot").modules.map(({ module, actions }) => [module.label, actions.map((each) => each.label)]),
    ).toEqual([["Acme", ["Reboot"]]]);
    expect(palette.find("acme find").modules.map(({ actions }) => actions.map((each) => each.id))).toEqual([
      ["acme.Find"],
    ]);
    expect(palette.find("serial").modules).toHaveLength(2);
    expect(palette.find("nothing").modules).toEqual([]);
  });

  it("finds in 200 modules with 20 actions each at once", () => {
    const many = Array.from({ length: 200 }, (_, at) =>
      module(`Module${at}`, ...Array.from({ length: 20 }, (_, n) => `Action ${n}`)),
    );
    const large = preparePalette([], many);
    const begin = performance.now();
    for (const query of ["a", "ac", "action 1", "module19 action", "zzz"]) {
      large.find(query);
    }
    expect((performance.now() - begin) / 5).toBeLessThan(50);
  });
});

describe("times that come again", () => {
  it.each([
    ["*/15 * * * *", { every: "minutes", minutes: 15 }],
    ["5 * * * *", { every: "hour", minute: 5 }],
    ["0 9 * * *", { every: "day", hour: 9, minute: 0 }],
    ["30 8 * * MON,WED", { every: "week", days: [1, 3], hour: 8, minute: 30 }],
    ["0 6 1 * *", { every: "month", day: 1, hour: 6, minute: 0 }],
    ["0 9 1-7 * MON", { every: "other", cron: "0 9 1-7 * MON" }],
    ["nonsense", { every: "other", cron: "nonsense" }],
  ])("%s", (cron, expected) => {
    expect(readCron(cron)).toEqual(expected);
    expect(writeCron(readCron(cron))).toBe(cron);
  });

  it("on a range of days", () => {
    expect(readCron("0 9 * * MON-FRI")).toMatchObject({ every: "week", days: [1, 2, 3, 4, 5] });
    expect(readCron("0 9 * * 5-7")).toMatchObject({ days: [0, 5, 6] });
    expect(writeCron({ every: "week", days: [0, 1], hour: 1, minute: 2 })).toBe("2 1 * * MON,SUN");
  });
});
