/** The tree of data to pick from: by the schemas of what can be read, and by the values that it had in the last run. */

import type { Schema } from "../../api/catalog";
import { referenceText, ROOTS } from "./expressions";
import { kindOf, labelOf, resolved, withoutNull, words } from "./fields";
import { isObject, type Json } from "./json";
import type { Scope, Typed, Variable } from "./scope";

export type DataKind = "text" | "number" | "flag" | "moment" | "list" | "object" | "unknown";

export interface DataNode {
  /** The path, which is its identity. */
  readonly path: readonly (string | number)[];
  readonly source: string;
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly kind: DataKind;
  /** Whether it may be null, or not there at all. */
  readonly mayBeNull: boolean;
  readonly typed?: Typed;
  readonly sample?: Json;
  readonly isReal: boolean;
  readonly hasChildren: boolean;
}

export function nodeOfVariable(variable: Variable): DataNode {
  return dataNode(variable.names, variable.typed, variable.sample, variable.isPerhaps, variable.isReal);
}

/** What is below one: the fields of an object; of a list, those of its first item. */
export function childrenOf(node: DataNode): DataNode[] {
  const own = node.typed && withoutNull(node.typed.schema, node.typed.root).schema;
  if (node.kind === "list") {
    const items = own?.items as Schema | undefined;
    const sample = Array.isArray(node.sample) ? node.sample[0] : undefined;
    if (items === undefined && sample === undefined) {
      return [];
    }
    const typed = items && node.typed ? { schema: items, root: node.typed.root } : undefined;
    return [dataNode([...node.path, 0], typed, sample, true, node.isReal)];
  }
  const required = new Set(own?.required ?? []);
  const sample = isObject(node.sample) ? node.sample : undefined;
  const names = new Set([...Object.keys(own?.properties ?? {}), ...Object.keys(sample ?? {})]);
  return [...names].map((name) => {
    const schema = own?.properties?.[name];
    const typed = schema && node.typed ? { schema, root: node.typed.root } : undefined;
    const isMissing = node.mayBeNull || (schema !== undefined && !required.has(name));
    const child = dataNode([...node.path, name], typed, sample?.[name], isMissing, node.isReal);
    return { ...child, label: labelOf(name, schema) };
  });
}

function dataNode(
  path: readonly (string | number)[],
  typed: Typed | undefined,
  sample: Json | undefined,
  isMissing: boolean,
  isReal: boolean,
): DataNode {
  const nulls = typed && withoutNull(typed.schema, typed.root);
  const kind = nulls ? dataKind(nulls.schema, sample) : kindOfSample(sample);
  const name = path.at(-1) as string | number;
  const properties = nulls?.schema.properties;
  return {
    path,
    source: referenceText(path),
    name: typeof name === "number" ? `[${name}]` : name,
    // A variable is called as its author says, whatever stands in it.
    label: typeof name === "number" ? `${name + 1}.` : words(name),
    description: (typed && (typed.schema.description ?? resolved(typed.schema, typed.root).description)) ?? "",
    kind,
    mayBeNull: isMissing || (nulls?.isNullable ?? false),
    ...(typed ? { typed } : {}),
    ...(sample === undefined ? {} : { sample }),
    isReal,
    hasChildren:
      kind === "object"
        ? Object.keys(properties ?? {}).length > 0 || (isObject(sample) && Object.keys(sample).length > 0)
        : kind === "list" && (nulls?.schema.items !== undefined || (Array.isArray(sample) && sample.length > 0)),
  };
}

export function dataKind(schema: Schema, sample?: Json): DataKind {
  switch (kindOf(schema)) {
    case "text":
      return "text";
    case "choice": {
      const kinds = new Set((schema.enum ?? [schema.const]).map((each) => kindOfSample(each as Json)));
      return kinds.size === 1 ? ([...kinds][0] as DataKind) : "unknown";
    }
    case "moment":
    case "date":
      return "moment";
    case "number":
    case "integer":
      return "number";
    case "boolean":
      return "flag";
    case "list":
      return "list";
    case "object":
    case "map":
      return "object";
    case "any":
      return kindOfSample(sample);
  }
}

function kindOfSample(sample: Json | undefined): DataKind {
  if (sample === undefined || sample === null) {
    return "unknown";
  }
  if (Array.isArray(sample)) {
    return "list";
  }
  return ({ string: "text", number: "number", boolean: "flag", object: "object" } as const)[
    typeof sample as "string" | "number" | "boolean" | "object"
  ];
}

/** Whether what is picked can go into a field: `text`: as its text; `no`: it cannot. */
export type Fit = "yes" | "text" | "first" | "no";

export function fitOf(node: DataNode, target: Typed | undefined): Fit {
  if (!target) {
    return "yes";
  }
  return kindFit(node.kind, node, withoutNull(target.schema, target.root).schema, target.root);
}

function kindFit(kind: DataKind, node: DataNode, target: Schema, root: Schema): Fit {
  const wanted = kindOf(target);
  if (kind === "unknown" || wanted === "any") {
    return "yes";
  }
  if (wanted === "list") {
    return kind === "list" || target.items === undefined
      ? "yes"
      : kindFit(kind, node, withoutNull(target.items as Schema, root).schema, root);
  }
  if (kind === "list") {
    const [item] = childrenOf(node);
    return item && fitOf(item, { schema: target, root }) === "yes" ? "first" : "no";
  }
  const isRecord = wanted === "object" || wanted === "map";
  if (kind === "object" || isRecord) {
    return kind === "object" && isRecord ? "yes" : "no";
  }
  switch (wanted) {
    case "boolean":
      return kind === "flag" ? "yes" : "no";
    case "number":
    case "integer":
      return kind === "flag" ? "no" : "yes";
    case "text":
      return kind === "number" || kind === "flag" ? "text" : "yes";
    case "moment":
    case "date":
      return kind === "text" || kind === "moment" ? "yes" : "no";
    default:
      return "yes";
  }
}

/** The expression that puts what is picked into a field. */
export function pickedSource(node: DataNode, target: Typed | undefined): string {
  switch (fitOf(node, target)) {
    case "text":
      return `$string(${node.source})`;
    case "first":
      return `${node.source}[0]`;
    default:
      return node.source;
  }
}

/** What stands at a path in what can be read. */
export function nodeAt(scope: Scope, path: readonly (string | number)[]): DataNode | undefined {
  const bare = (ROOTS as readonly unknown[]).includes(path[0]) || path[0] === "event" ? path : ["vars", ...path];
  for (const group of scope.groups) {
    for (const variable of group.variables) {
      const full = variable.names.every((name, index) => path[index] === name) ? path : bare;
      if (variable.names.every((name, index) => full[index] === name)) {
        let node: DataNode | undefined = nodeOfVariable(variable);
        for (const name of full.slice(variable.names.length)) {
          node =
            node &&
            childrenOf(node).find(
              (child) =>
                child.path.at(-1) === name || (typeof name === "number" && typeof child.path.at(-1) === "number"),
            );
        }
        return node;
      }
    }
  }
  return undefined;
}
