import { describe, expect, it } from "vitest";

import { fieldsOf } from "../editor/model/fields";
import { readTexts, textOf } from "./values";

const FIELDS = fieldsOf({
  type: "object",
  required: ["title", "count", "done"],
  properties: {
    title: { type: "string" },
    count: { type: "integer" },
    done: { type: "boolean" },
    note: { anyOf: [{ type: "string" }, { type: "null" }] },
    tags: { type: "array", items: { type: "string" } },
  },
});

describe("values that a person types", () => {
  it("are what their fields say", () => {
    const texts = { title: "12", count: "12", done: "true", note: "", tags: '["a"]' };
    expect(readTexts(FIELDS, texts)).toEqual({
      values: { title: "12", count: 12, done: true, note: null, tags: ["a"] },
      wrong: [],
    });
  });

  it("are wrong where they are no JSON, or are missing", () => {
    expect(readTexts(FIELDS, { title: "", count: "", done: "yes", tags: "[" }).wrong).toEqual([
      "count",
      "done",
      "tags",
    ]);
  });

  it("come back as they were typed", () => {
    const values = { title: "12", count: 12, done: false, note: null, tags: ["a"] };
    const texts = Object.fromEntries(
      FIELDS.map((field) => [field.name, textOf(field, values[field.name as keyof typeof values])]),
    );
    expect(readTexts(FIELDS, texts).values).toEqual(values);
  });

  it("are typed anew where a secret is in them", () => {
    const [title, tags] = [FIELDS.find(({ name }) => name === "title"), FIELDS.find(({ name }) => name === "tags")];
    expect(title && textOf(title, "Bearer [REDACTED]")).toBe("");
    expect(tags && textOf(tags, ["[REDACTED]"])).toBe("");
  });
});
