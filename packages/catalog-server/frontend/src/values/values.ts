/** Values that a person types, field by field, and what they are as JSON. */

import type { Field } from "../editor/model/fields";
import type { Json, JsonObject } from "../editor/model/json";

export type Texts = Readonly<Record<string, string>>;

export interface Read {
  values: JsonObject;
  /** The fields whose text is no value of their kind, or that are left out and must not be. */
  wrong: readonly string[];
}

/** What the server shows in place of a secret. */
const REDACTED = "[REDACTED]";

/** How a value is typed. One with a secret in it has to be typed anew: nobody but the server knows it. */
export function textOf(field: Field, value: Json | undefined): string {
  if (value === undefined || value === null || JSON.stringify(value).includes(REDACTED)) {
    return "";
  }
  return typeof value === "string" && isPlain(field) ? value : JSON.stringify(value, null, 2);
}

/** Fields whose text is the value itself. */
export function isPlain(field: Field): boolean {
  return field.kind === "text" || field.kind === "moment" || field.kind === "date";
}

/** The values of the given fields. What is left empty is null, where that may be, and else not there. */
export function readTexts(fields: readonly Field[], texts: Texts): Read {
  const values: JsonObject = {};
  const wrong: string[] = [];
  for (const field of fields) {
    const text = texts[field.name] ?? "";
    if (text.trim() === "") {
      if (field.isNullable) {
        values[field.name] = null;
      } else if (field.isRequired && field.kind === "text") {
        values[field.name] = text;
      } else if (field.isRequired) {
        wrong.push(field.name);
      }
    } else if (isPlain(field)) {
      values[field.name] = text;
    } else {
      try {
        values[field.name] = JSON.parse(text) as Json;
      } catch {
        wrong.push(field.name);
      }
    }
  }
  return { values, wrong };
}
