/** The text editor of expressions. */

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
  startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState, Transaction } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { childrenOf, nodeAt, nodeOfVariable } from "./model/data";
import { asReference, FUNCTIONS } from "./model/expressions";
import type { Scope } from "./model/scope";

interface Options {
  source: string;
  label: string;
  describedBy: string | undefined;
  isReadOnly: boolean;
  scope: () => Scope;
  onChange: (source: string) => void;
}

/** JSONata, as far as its colours go. */
const LANGUAGE = StreamLanguage.define<null>({
  startState: () => null,
  token: (stream) => {
    if (stream.eatSpace()) {
      return null;
    }
    if (stream.match(/^\/\*.*?(\*\/|$)/)) {
      return "comment";
    }
    if (stream.match(/^"(\\.|[^"\\])*"?/) || stream.match(/^'(\\.|[^'\\])*'?/)) {
      return "string";
    }
    if (stream.match(/^[0-9]+(\.[0-9]+)?/)) {
      return "number";
    }
    if (stream.match(/^(true|false|null|and|or|in|function)\b/)) {
      return "keyword";
    }
    if (stream.match(/^\$[A-Za-z0-9_]*/)) {
      return "function";
    }
    if (stream.match(/^`[^`]*`?/) || stream.match(/^[A-Za-z_][A-Za-z0-9_]*/)) {
      return "variableName";
    }
    stream.next();
    return "operator";
  },
  tokenTable: { function: tags.function(tags.variableName) },
});

const COLOURS = HighlightStyle.define([
  { tag: tags.string, class: "ed-tok-string" },
  { tag: tags.number, class: "ed-tok-number" },
  { tag: tags.keyword, class: "ed-tok-keyword" },
  { tag: tags.comment, class: "ed-tok-comment" },
  { tag: tags.function(tags.variableName), class: "ed-tok-function" },
]);

/** Functions that are asked for most; all others of JSONata may be written as well. */
const BUILT_IN = [
  "$string", "$number", "$boolean", "$count", "$sum", "$join", "$split", "$map", "$filter", "$sort", "$distinct",
  "$contains", "$replace", "$substring", "$uppercase", "$lowercase", "$trim", "$exists", "$lookup", "$keys", "$merge",
  "$append", "$round", "$max", "$min", "$now", "$toMillis", "$fromMillis", "$length", "$match", "$type",
]; // prettier-ignore

export class ExpressionEditor {
  private readonly view: EditorView;

  constructor(parent: HTMLElement, options: Options) {
    const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
    this.view = new EditorView({
      parent,
      state: EditorState.create({
        doc: options.source,
        extensions: [
          EditorView.cspNonce.of(nonce),
          history(),
          LANGUAGE,
          syntaxHighlighting(COLOURS),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ override: [completions(options.scope)], icons: false, filterStrict: true }),
          // Tab leaves the field, as everywhere else.
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          EditorView.lineWrapping,
          EditorState.readOnly.of(options.isReadOnly),
          EditorView.contentAttributes.of({
            "aria-label": options.label,
            "aria-multiline": "true",
            ...(options.describedBy ? { "aria-describedby": options.describedBy } : {}),
          }),
          EditorView.updateListener.of((update) => {
            const isTold = update.transactions.some((each) => each.annotation(Transaction.remote));
            if (update.docChanged && !isTold) {
              options.onChange(update.state.doc.toString());
            }
          }),
        ],
      }),
    });
  }

  setSource(source: string): void {
    const current = this.view.state.doc.toString();
    if (current !== source) {
      this.view.dispatch({
        changes: { from: 0, to: current.length, insert: source },
        annotations: [Transaction.remote.of(true), Transaction.addToHistory.of(false)],
      });
    }
  }

  /** Marks where the expression is wrong; positions count characters from 1. */
  setProblem(problem: { message: string; position: number | null } | null): void {
    const length = this.view.state.doc.length;
    const found: Diagnostic[] = [];
    if (problem && length > 0) {
      const at = problem.position === null ? undefined : Math.min(Math.max(problem.position - 1, 0), length - 1);
      found.push({
        from: at ?? 0,
        to: at === undefined ? length : at + 1,
        severity: "error",
        message: problem.message,
      });
    }
    this.view.dispatch(setDiagnostics(this.view.state, found));
  }

  /** Puts text where the cursor is. */
  insert(text: string): void {
    this.view.dispatch(this.view.state.replaceSelection(text));
    // The dialog that was open gives the focus back first.
    requestAnimationFrame(() => this.view.focus());
  }

  destroy(): void {
    this.view.destroy();
  }
}

function completions(scope: () => Scope) {
  return (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[\w$`.[\]]*/);
    if (!word || (word.from === word.to && !context.explicit)) {
      return null;
    }
    const dot = word.text.lastIndexOf(".");
    if (dot < 0) {
      return { from: word.from, options: [...names(scope()), ...functions()], validFor: /^[\w$]*$/ };
    }
    const path = asReference(word.text.slice(0, dot));
    const options = path === undefined ? [] : below(scope(), path);
    return options.length === 0 ? null : { from: word.from + dot + 1, options, validFor: /^[\w`]*$/ };
  };
}

function names(scope: Scope): Completion[] {
  const found = new Map<string, Completion>();
  for (const group of scope.groups) {
    for (const { names } of group.variables) {
      const root = names[0] as string;
      found.set(root, { label: root, type: "variable", boost: 2, ...(names.length > 1 ? { apply: continued } : {}) });
      found.set(names.join("."), { label: names.join("."), type: "variable", boost: 1 });
    }
  }
  return [...found.values()];
}

/** What stands below a path: fields by their schemas and samples, and variables by their root. */
function below(scope: Scope, path: readonly (string | number)[]): Completion[] {
  const found = new Map<string, Completion>();
  for (const group of scope.groups) {
    for (const variable of group.variables) {
      const { names } = variable;
      const isBelow = path.length < names.length && path.every((name, index) => names[index] === name);
      if (isBelow) {
        const node = nodeOfVariable(variable);
        const label = names[path.length] as string;
        found.set(label, { label: quoted(label), detail: node.kind, type: "variable" });
      }
    }
  }
  const node = nodeAt(scope, path);
  const holder = node?.kind === "list" ? childrenOf(node)[0] : node;
  for (const child of holder ? childrenOf(holder) : []) {
    if (typeof child.path.at(-1) === "string") {
      found.set(child.name, {
        label: quoted(child.name),
        detail: child.kind,
        info: child.description || undefined,
        type: "property",
      });
    }
  }
  return [...found.values()];
}

function quoted(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `\`${name}\``;
}

function continued(view: EditorView, completion: Completion, from: number, to: number): void {
  view.dispatch({
    changes: { from, to, insert: `${completion.label}.` },
    selection: { anchor: from + completion.label.length + 1 },
  });
  startCompletion(view);
}

function functions(): Completion[] {
  return [...FUNCTIONS, ...BUILT_IN].map((name) => ({
    label: name,
    type: "function",
    apply: (view, _, from, to) =>
      view.dispatch({ changes: { from, to, insert: `${name}()` }, selection: { anchor: from + name.length + 1 } }),
  }));
}
