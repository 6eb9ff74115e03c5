/** What the server says about the workflow, by step and field, and what its suggestions would change. */

import { idOf, type Key, outlineOf, type StepNode, typeOf, type WorkflowDocument } from "./document";
import { replacePath } from "./expressions";
import { expressionOf, getAt, isObject, type Json, type JsonObject, type Place, setAt } from "./json";

export interface ServerFinding {
  severity: "error" | "warning";
  stepPath: string;
  stepId?: string | null;
  path?: string | null;
  code: string;
  message: string;
  suggestion?: string | null;
}

export interface Finding extends ServerFinding {
  /** The step; null: the workflow itself. */
  readonly key: Key | null;
  /** The place in it, as `config.inputMapping.title`; empty: the whole. */
  readonly field: string;
}

export interface Findings {
  readonly all: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
  readonly byStep: ReadonlyMap<Key | null, readonly Finding[]>;
}

export const NO_FINDINGS: Findings = { all: [], errors: 0, warnings: 0, byStep: new Map() };

/** The findings about a document, which has to be the one that was validated. */
export function indexFindings(document: WorkflowDocument, found: readonly ServerFinding[]): Findings {
  const { byPath } = outlineOf(document);
  const all = found.map((finding): Finding => {
    const path = finding.path ?? finding.stepPath;
    const field = path.startsWith(`${finding.stepPath}.`) ? path.slice(finding.stepPath.length + 1) : "";
    return { ...finding, key: byPath.get(finding.stepPath) ?? null, field };
  });
  const byStep = new Map<Key | null, Finding[]>();
  for (const finding of all) {
    byStep.set(finding.key, [...(byStep.get(finding.key) ?? []), finding]);
  }
  const errors = all.filter((finding) => finding.severity === "error").length;
  return { all, errors, warnings: all.length - errors, byStep };
}

/** The findings about a field or what is in it. */
export function findingsAt(findings: readonly Finding[] | undefined, field: string): Finding[] {
  return (findings ?? []).filter(
    (finding) =>
      finding.field === field || finding.field.startsWith(`${field}.`) || finding.field.startsWith(`${field}[`),
  );
}

// ── Suggestions ─────────────────────────────────────────────────────────────────────────────────────────────────

/** What a suggestion would make of the step or of the definition's own fields. */
export interface Fix {
  readonly text: string;
  readonly own: Json;
}

/** What taking the suggestion would change; undefined where that is for a person to do. */
export function fixOf(document: WorkflowDocument, finding: Finding): Fix | undefined {
  const text = /^did you mean (.+)\?$/s.exec(finding.suggestion ?? "")?.[1];
  const node = finding.key === null ? undefined : document.nodes[finding.key];
  const own: Json | undefined = finding.key === null ? document.head : node?.own;
  if (
    text === undefined ||
    !isObject(own) ||
    (node !== undefined && finding.stepId && idOf(node.own) !== finding.stepId)
  ) {
    return undefined;
  }
  const place = placeIn(own, finding.field);
  const fixed = fixed_(own, finding, place, text);
  return fixed === undefined ? undefined : { text, own: fixed };
}

function fixed_(own: JsonObject, finding: Finding, place: Place, text: string): Json | undefined {
  const value = getAt(own, place);
  const set = (item: Json) => setAt(own, place, item);
  switch (finding.code) {
    case "UNKNOWN_ACTION":
    case "CALLED_WORKFLOW_NOT_FOUND": {
      const version = /^version ([0-9]+)$/.exec(text)?.[1];
      return set(version === undefined ? text : Number(version));
    }
    case "MAPPING_TYPE_INCOMPATIBLE":
      return expressionOf(value) === undefined ? set(text) : set({ $expr: text });
    case "MAPPING_TYPE_UNKNOWN":
    case "UNKNOWN_VARIABLE": {
      const source = expressionOf(value);
      const replaced = source === undefined ? undefined : replacePath(source, text);
      return replaced === undefined ? undefined : set({ $expr: replaced });
    }
    case "SECRET_NOT_FOUND":
      return set({ $secret: text });
    case "UNKNOWN_FIELD":
    case "ASSIGN_PATH_UNKNOWN":
      return withKey(own, place, text);
    case "SOURCE_SCHEMA_MISMATCH":
    case "UNKNOWN_TRIGGER_EVENT":
    case "PAYLOAD_SCHEMA_REF_UNKNOWN":
    case "UNKNOWN_NODE_TYPE":
    case "UNKNOWN_ERROR_CODE":
    case "INVALID_ACTION_CONFIG":
    case "INVALID_WORKFLOW_DEFINITION":
      return typeof value === "string" ? set(text) : undefined;
    default:
      return undefined;
  }
}

/** The object at a place's end with another name for its field, where it stands. */
function withKey(own: JsonObject, place: Place, name: string): Json | undefined {
  const holder = getAt(own, place.slice(0, -1));
  const last = place.at(-1);
  if (!isObject(holder) || typeof last !== "string") {
    return undefined;
  }
  // An assigned path is suggested by its last name only.
  const renamed = last.includes(".") ? [...last.split(".").slice(0, -1), name].join(".") : name;
  if (Object.hasOwn(holder, renamed)) {
    return undefined;
  }
  const fields = Object.fromEntries(
    Object.entries(holder).map(([each, value]) => [each === last ? renamed : each, value]),
  );
  return setAt(own, place.slice(0, -1), fields);
}

/** The place that a finding's words name; names of fields may have dots in them. */
export function placeIn(own: Json, field: string): Place {
  const place: (string | number)[] = [];
  let value: Json | undefined = own;
  let rest = field;
  while (rest !== "") {
    const index = /^\[([0-9]+)\]\.?/.exec(rest);
    if (index) {
      place.push(Number(index[1]));
      value = getAt(value, [Number(index[1])]);
      rest = rest.slice(index[0].length);
      continue;
    }
    const text: string = rest;
    // The longest field that is there, else the next name.
    const known: string | undefined = isObject(value)
      ? Object.keys(value)
          .filter((name) => text === name || text.startsWith(`${name}.`) || text.startsWith(`${name}[`))
          .sort((one, other) => other.length - one.length)[0]
      : undefined;
    const name: string = known ?? (/^[^.[]+/.exec(text)?.[0] as string | undefined) ?? text;
    place.push(name);
    value = getAt(value, [name]);
    rest = text.slice(name.length).replace(/^\./, "");
  }
  return place;
}

/** How a step is called: its name, else what it is. */
export function stepTitle(node: StepNode | undefined, label: (type: string) => string): string {
  const own = node?.own;
  const name = isObject(own) ? own.name : undefined;
  return typeof name === "string" && name.trim() !== "" ? name : label(typeOf(own)) || idOf(own);
}
