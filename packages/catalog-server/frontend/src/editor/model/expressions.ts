/**
 * What the editor has to know of an expression's text: which paths it reads from the scope, and how to write them
 * differently. Whether an expression is valid, and what it gives, only the server says.
 */

/** What every expression can read. */
export const ROOTS = ["payload", "vars", "local", "meta", "error", "system"] as const;
/** What expressions in a loop can read besides its variable. */
export const LOOP_LOCALS = ["item", "index", "length", "isFirst", "isLast"] as const;
/** The functions that may be written without `$`. */
export const FUNCTIONS = ["nowIso", "coalesce", "len", "toString", "append"] as const;

type TokenType = "name" | "string" | "number" | "variable" | "regex" | "sign";

interface Token {
  type: TokenType;
  /** A name or string without its quotes; a sign as it stands. */
  value: string;
  from: number;
  to: number;
}

const SIGNS = ["..", ":=", "!=", "<=", ">=", "**", "~>", "?:", "??", "=="];
const NAME_END = /[\s.[\]{}(),@#;:?+\-*/%|=<>^&!~'"`]/;
const WORD_OPERATORS = new Set(["and", "or", "in"]);
const WORD_VALUES = new Set(["true", "false", "null"]);

/** The words and signs of a text; an end that is missing is at the end of the text. */
export function tokens(source: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  const add = (type: TokenType, value: string, to: number) => {
    found.push({ type, value, from: at, to });
    at = to;
  };
  while (at < source.length) {
    const char = source[at] as string;
    if (/\s/.test(char)) {
      at++;
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      at = end < 0 ? source.length : end + 2;
    } else if (char === "'" || char === '"') {
      const end = closing(source, at, char);
      add("string", source.slice(at + 1, end), Math.min(end + 1, source.length));
    } else if (char === "`") {
      const end = source.indexOf("`", at + 1);
      const last = end < 0 ? source.length : end;
      add("name", source.slice(at + 1, last), Math.min(last + 1, source.length));
    } else if (char === "/" && !endsValue(found.at(-1))) {
      const end = closing(source, at, "/");
      const flags = /^[a-z]*/.exec(source.slice(end + 1))?.[0] ?? "";
      add("regex", source.slice(at, end), Math.min(end + 1 + flags.length, source.length));
    } else if (/[0-9]/.test(char)) {
      const text = /^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?/.exec(source.slice(at))?.[0] ?? char;
      add("number", text, at + text.length);
    } else if (char === "$") {
      let end = at + 1;
      while (end < source.length && !NAME_END.test(source[end] as string)) {
        end++;
      }
      add("variable", source.slice(at, end), end);
    } else if (NAME_END.test(char)) {
      const sign = SIGNS.find((each) => source.startsWith(each, at)) ?? char;
      add("sign", sign, at + sign.length);
    } else {
      let end = at + 1;
      while (end < source.length && !NAME_END.test(source[end] as string)) {
        end++;
      }
      add("name", source.slice(at, end), end);
    }
  }
  return found;
}

function closing(source: string, from: number, quote: string): number {
  let at = from + 1;
  while (at < source.length && source[at] !== quote) {
    at += source[at] === "\\" ? 2 : 1;
  }
  return Math.min(at, source.length);
}

function endsValue(token: Token | undefined): boolean {
  return (
    token !== undefined && (token.type !== "sign" || token.value === ")" || token.value === "]" || token.value === "}")
  );
}

// ── Paths ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface PathName {
  name: string;
  from: number;
  to: number;
}

/** The plain names at the beginning of a path that is read from the whole scope. */
export type ReadPath = readonly PathName[];

/** Every path that an expression reads from the whole scope, and not from an item of a list, in their order. */
export function readPaths(source: string): ReadPath[] {
  const all = tokens(source);
  const found: ReadPath[] = [];
  // For each open bracket: whether names in it are read from the whole scope.
  const open: boolean[] = [];
  // Brackets that hold the parameters of a function; its body follows.
  const parameters = new Set<number>();
  let bodyFollows = false;
  let operandIsStep = false;
  for (let index = 0; index < all.length; index++) {
    const token = all[index] as Token;
    const before = all[index - 1];
    const atScope = open.at(-1) ?? true;
    const isStep = isSign(before, ".");
    if (token.type === "sign") {
      const follows = endsValue(before) && !isWordOperator(all, index - 1);
      if (token.value === "(") {
        const isDefinition = before?.type === "name" && (before.value === "function" || before.value === "λ");
        if (isDefinition) {
          parameters.add(open.length);
        }
        open.push(atScope && !isStep && !isSign(before, "^") && !(follows && operandIsStep));
      } else if (token.value === "[") {
        open.push(atScope && !follows && !isStep);
      } else if (token.value === "{") {
        open.push(atScope && !isStep && (!follows || bodyFollows));
      } else if (token.value === ")" || token.value === "]" || token.value === "}") {
        open.pop();
        bodyFollows = token.value === ")" && parameters.delete(open.length);
        continue;
      }
      bodyFollows = false;
      continue;
    }
    bodyFollows = false;
    operandIsStep = isStep;
    if (isStep) {
      continue;
    }
    let start = index;
    if (token.type === "variable") {
      if ((token.value !== "$$" && !(token.value === "$" && atScope)) || !isSign(all[index + 1], ".")) {
        continue;
      }
      start = index + 2;
    } else if (token.type !== "name" || !atScope || isWord(all, index)) {
      continue;
    }
    const path: PathName[] = [];
    for (let at = start; ; at += 2) {
      const each = all[at];
      if (each === undefined || !isPathName(each, at > index) || isSign(all[at + 1], "(")) {
        break;
      }
      path.push({ name: each.value, from: each.from, to: each.to });
      if (!isSign(all[at + 1], ".")) {
        break;
      }
    }
    if (path.length > 0) {
      found.push(path);
    }
  }
  return found;
}

function isSign(token: Token | undefined, value: string): boolean {
  return token?.type === "sign" && token.value === value;
}

function isPathName(token: Token, mayBeString: boolean): boolean {
  return token.type === "name" || (mayBeString && token.type === "string");
}

function isWordOperator(all: readonly Token[], index: number): boolean {
  const token = all[index];
  return (
    token?.type === "name" &&
    WORD_OPERATORS.has(token.value) &&
    endsValue(all[index - 1]) &&
    !isWordOperator(all, index - 1)
  );
}

function isWord(all: readonly Token[], index: number): boolean {
  const token = all[index] as Token;
  return (
    isWordOperator(all, index) ||
    WORD_VALUES.has(token.value) ||
    ((token.value === "function" || token.value === "λ") && isSign(all[index + 1], "("))
  );
}

// ── References ──────────────────────────────────────────────────────────────────────────────────────────────────

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function isIdentifier(name: string): boolean {
  return IDENTIFIER.test(name);
}

function quoted(name: string): string {
  return IDENTIFIER.test(name) && !WORD_OPERATORS.has(name) && !WORD_VALUES.has(name) ? name : `\`${name}\``;
}

/** The expression that reads a path of names and indexes. */
export function referenceText(path: readonly (string | number)[]): string {
  return path
    .map((name, index) => (typeof name === "number" ? `[${name}]` : `${index === 0 ? "" : "."}${quoted(name)}`))
    .join("");
}

/** The path that an expression is, if it is nothing but a plain one. */
export function asReference(source: string): (string | number)[] | undefined {
  const all = tokens(source);
  const path: (string | number)[] = [];
  for (let index = 0; index < all.length;) {
    const [first, second, third] = all.slice(index, index + 3);
    if (index === 0) {
      if (first?.type !== "name" || isWord(all, 0)) {
        return undefined;
      }
      path.push(first.value);
      index += 1;
    } else if (isSign(first, ".") && second && isPathName(second, true)) {
      path.push(second.value);
      index += 2;
    } else if (isSign(first, "[") && second?.type === "number" && /^[0-9]+$/.test(second.value) && isSign(third, "]")) {
      path.push(Number(second.value));
      index += 3;
    } else {
      return undefined;
    }
  }
  return path.length > 0 ? path : undefined;
}

/**
 * The expression with every path that begins with some names beginning with others.
 *
 * @param from Names from a root on, such as `["vars", "ticket"]`.
 * @param isBare Whether a variable may be meant by its name alone: not where a loop hides it.
 */
export function renamePaths(source: string, from: readonly string[], to: readonly string[], isBare = true): string {
  let text = source;
  for (const path of readPaths(source).reverse()) {
    const names = path.map((each) => each.name);
    let given = from;
    let wanted: readonly string[] = to;
    if (!begins(names, from)) {
      const [root, ...bare] = from;
      if (root !== "vars" || !isBare || bare.length === 0 || isReserved(bare[0] as string) || !begins(names, bare)) {
        continue;
      }
      given = bare;
      wanted = to[0] === "vars" && to[1] !== undefined && !isReserved(to[1]) ? to.slice(1) : to;
    }
    const first = path[0] as PathName;
    const last = path[given.length - 1] as PathName;
    text = text.slice(0, first.from) + referenceText(wanted) + text.slice(last.to);
  }
  return text;
}

function begins(names: readonly string[], beginning: readonly string[]): boolean {
  return beginning.length <= names.length && beginning.every((name, index) => names[index] === name);
}

function isReserved(name: string): boolean {
  return (ROOTS as readonly string[]).includes(name) || (LOOP_LOCALS as readonly string[]).includes(name);
}

/**
 * The expression with one path in the place of the one that was probably meant: what differs from it in one name.
 */
export function replacePath(source: string, wanted: string): string | undefined {
  const names = asReference(wanted)?.map(String);
  if (names === undefined) {
    return undefined;
  }
  const alike = readPaths(source)
    .map((path) => ({ path: path.slice(0, names.length), differing: differing(path, names) }))
    .filter(({ path, differing }) => path.length === names.length && differing.length === 1)
    .map(({ path, differing: [at] }) => ({
      path,
      distance: editDistance((path[at as number] as PathName).name, names[at as number] as string),
    }))
    .sort((one, other) => one.distance - other.distance);
  const meant = alike[0];
  if (meant === undefined) {
    return undefined;
  }
  const [first, last] = [meant.path[0] as PathName, meant.path.at(-1) as PathName];
  return source.slice(0, first.from) + wanted + source.slice(last.to);
}

function differing(path: ReadPath, names: readonly string[]): number[] {
  return names.flatMap((name, index) => (path[index]?.name === name ? [] : [index]));
}

export function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const substituted = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}
