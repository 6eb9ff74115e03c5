/** Plain JSON, and how to read and change it at a place without changing what is given. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** Where in a value something stands: names of fields and indexes of items. */
export type Place = readonly (string | number)[];

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function getAt(value: Json | undefined, place: Place): Json | undefined {
  let found = value;
  for (const name of place) {
    if (Array.isArray(found) && typeof name === "number") {
      found = found[name];
    } else if (isObject(found) && Object.hasOwn(found, name)) {
      found = found[name];
    } else {
      return undefined;
    }
  }
  return found;
}

/** The value with another one at a place; objects on the way are made where there are none. Undefined removes. */
export function setAt(value: Json | undefined, place: Place, item: Json | undefined): Json | undefined {
  const [name, ...rest] = place;
  if (name === undefined) {
    return item;
  }
  if (typeof name === "number") {
    const items = Array.isArray(value) ? [...value] : [];
    const inner = setAt(items[name], rest, item);
    if (inner === undefined) {
      items.splice(name, 1);
    } else {
      items[name] = inner;
    }
    return items;
  }
  const fields = isObject(value) ? { ...value } : {};
  const inner = setAt(Object.hasOwn(fields, name) ? fields[name] : undefined, rest, item);
  if (inner === undefined) {
    delete fields[name];
  } else {
    fields[name] = inner;
  }
  return fields;
}

/** A place as the server writes it in findings: `config.inputMapping.tags[1]`. */
export function placeText(place: Place): string {
  return place
    .map((name, index) => (typeof name === "number" ? `[${name}]` : index === 0 ? name : `.${name}`))
    .join("");
}

export function equal(one: unknown, other: unknown): boolean {
  if (one === other) {
    return true;
  }
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, at) => equal(item, other[at]));
  }
  if (isObject(one) && isObject(other)) {
    const names = Object.keys(one);
    return (
      names.length === Object.keys(other).length &&
      names.every((name) => Object.hasOwn(other, name) && equal(one[name], other[name]))
    );
  }
  return false;
}

// ── Values of mappings ──────────────────────────────────────────────────────────────────────────────────────────

/** The text of `{"$expr": "…"}` that stands alone; anything else is literal. */
export function expressionOf(value: Json | undefined): string | undefined {
  return special(value, "$expr");
}

export function secretOf(value: Json | undefined): string | undefined {
  return special(value, "$secret");
}

function special(value: Json | undefined, key: string): string | undefined {
  if (!isObject(value) || Object.keys(value).length !== 1) {
    return undefined;
  }
  const text = value[key];
  return typeof text === "string" ? text : undefined;
}

/** The value with every expression in it replaced; the value itself where nothing changes. */
export function mapExpressions(value: Json, change: (source: string) => string): Json {
  const source = expressionOf(value);
  if (source !== undefined) {
    const changed = change(source);
    return changed === source ? value : { $expr: changed };
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => mapExpressions(item, change));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (isObject(value)) {
    let fields: JsonObject | undefined;
    for (const [name, item] of Object.entries(value)) {
      const changed = mapExpressions(item, change);
      if (changed !== item) {
        fields ??= { ...value };
        fields[name] = changed;
      }
    }
    return fields ?? value;
  }
  return value;
}
