/** From the JSON Schema of an action's input to the fields of a form. */

import type { Schema } from "../../api/catalog";
import { isObject, type Json } from "./json";

export type FieldKind =
  "text" | "moment" | "date" | "number" | "integer" | "boolean" | "choice" | "list" | "object" | "map" | "any";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  readonly isNullable: boolean;
  readonly isSecret: boolean;
  /** Long text is shown in several lines. */
  readonly isLong: boolean;
  readonly choices: readonly Json[];
  readonly fallback: Json | undefined;
  readonly schema: Schema;
  /** The schema that holds what references refer to. */
  readonly root: Schema;
  readonly hasPicker: boolean;
}

/** The schema that a reference refers to, with what stands beside the reference. */
export function resolved(schema: Schema, root: Schema): Schema {
  let found = schema;
  for (let hops = 0; found.$ref !== undefined && hops < 20; hops++) {
    const { $ref, ...beside } = found;
    const target = root.$defs?.[($ref as string).slice("#/$defs/".length)];
    if (target === undefined) {
      return {};
    }
    found = { ...target, ...beside };
  }
  return found;
}

/** The schema without null, and whether null is among what it allows. */
export function withoutNull(schema: Schema, root: Schema): { schema: Schema; isNullable: boolean } {
  const own = resolved(schema, root);
  if (Array.isArray(own.type)) {
    const types = own.type.filter((type) => type !== "null");
    return {
      schema: { ...own, type: types.length === 1 ? (types[0] as string) : types },
      isNullable: types.length < own.type.length,
    };
  }
  if (own.anyOf === undefined || own.type !== undefined) {
    return { schema: own, isNullable: false };
  }
  const others = own.anyOf.filter((each) => each.type !== "null");
  const isNullable = others.length < own.anyOf.length;
  const [only, ...more] = others;
  if (only === undefined || more.length > 0) {
    return { schema: { ...own, anyOf: others }, isNullable };
  }
  const { anyOf: _, ...beside } = own;
  return { schema: { ...resolved(only, root), ...beside }, isNullable };
}

export function kindOf(schema: Schema): FieldKind {
  if (schema.enum !== undefined || schema.const !== undefined) {
    return "choice";
  }
  switch (schema.type) {
    case "string":
      return schema.format === "date-time" ? "moment" : schema.format === "date" ? "date" : "text";
    case "number":
    case "integer":
    case "boolean":
      return schema.type;
    case "array":
      return "list";
    case "object":
      return Object.keys(schema.properties ?? {}).length > 0 ? "object" : "map";
    default:
      return "any";
  }
}

const LONG = /(^|_)(description|body|message|text|html|note|notes|comment|reason|template)$/i;

export function fieldOf(name: string, schema: Schema, root: Schema, isRequired: boolean): Field {
  const { schema: own, isNullable } = withoutNull(schema, root);
  const kind = kindOf(own);
  const hasPicker = isObject(own["x-picker"]) || isObject(schema["x-picker"]);
  return {
    name,
    // What is picked is seen by its label, not by its id.
    label: labelOf(hasPicker ? name.replace(/_ids?$/i, "") : name, schema),
    description: schema.description ?? own.description ?? "",
    kind,
    isRequired,
    isNullable,
    isSecret: own["x-secret"] === true,
    isLong: kind === "text" && own.format === undefined && (LONG.test(name) || (own.maxLength ?? 0) > 1000),
    choices: own.const !== undefined ? [own.const as Json] : ((own.enum ?? []) as Json[]),
    fallback: schema.default as Json | undefined,
    schema: own,
    root,
    hasPicker,
  };
}

/** The fields of an object, those that have to be given first. */
export function fieldsOf(schema: Schema, root: Schema = schema): Field[] {
  const { schema: own } = withoutNull(schema, root);
  const required = new Set(own.required ?? []);
  const all = Object.entries(own.properties ?? {}).map(([name, inner]) =>
    fieldOf(name, inner, root, required.has(name)),
  );
  return [...all.filter((field) => field.isRequired), ...all.filter((field) => !field.isRequired)];
}

export function itemField(field: Field): Field {
  return fieldOf("", (field.schema.items ?? {}) as Schema, field.root, true);
}

/** Groups of fields of which one has to be given, or exactly one. */
export function alternatives(schema: Schema): { fields: string[]; isExclusive: boolean }[] {
  const rules = [schema, ...(schema.allOf ?? [])] as (Schema & { oneOf?: Schema[] })[];
  return rules.flatMap((rule) =>
    [
      { options: rule.anyOf, isExclusive: false },
      { options: rule.oneOf, isExclusive: true },
    ].flatMap(({ options, isExclusive }) => {
      const names = options?.map((option) => option.required ?? []) ?? [];
      return names.length > 1 && names.every((each) => each.length === 1)
        ? [{ fields: names.flat(), isExclusive }]
        : [];
    }),
  );
}

/** What people read of a field: its own title, or else its name. Behind a reference, a title is the name of a class. */
export function labelOf(name: string, schema: Schema | undefined): string {
  return schema?.title ?? words(name);
}

/** `device_id` and `deviceId` as people read them. */
export function words(name: string): string {
  const parts = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[_\s.-]+/)
    .filter(Boolean)
    .map((part) =>
      /^(id|url|uid|uuid|os|dns|ip|html|json|sla|api)$/i.test(part) ? part.toUpperCase() : part.toLowerCase(),
    );
  const text = parts.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A value that a schema allows, to show what an expression would give. */
export function exampleOf(schema: Schema, root: Schema = schema, label = "", depth = 0): Json {
  const { schema: own } = withoutNull(schema, root);
  const [example] = own.examples ?? [];
  if (example !== undefined) {
    return example as Json;
  }
  switch (kindOf(own)) {
    case "choice":
      return ((own.enum ?? [own.const])[0] ?? null) as Json;
    case "moment":
      return "2026-08-01T09:00:00Z";
    case "date":
      return "2026-08-01";
    case "text":
      return own.format === "uuid"
        ? "00000000-0000-4000-8000-000000000001"
        : own.format === "email"
          ? "someone@example.com"
          : label || "Text";
    case "integer":
    case "number":
      return own.minimum ?? 1;
    case "boolean":
      return true;
    case "list":
      return depth > 4 ? [] : [exampleOf((own.items ?? {}) as Schema, root, label, depth + 1)];
    case "object":
      return depth > 4
        ? {}
        : Object.fromEntries(
            Object.entries(own.properties ?? {}).map(([each, inner]) => [
              each,
              exampleOf(inner, root, labelOf(each, inner), depth + 1),
            ]),
          );
    case "map":
      return {};
    case "any":
      return null;
  }
}
