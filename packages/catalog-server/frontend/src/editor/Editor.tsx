import { useQueryClient } from "@tanstack/react-query";
import { ChevronsDownUp, ChevronsUpDown, PanelLeft, Plus, Zap } from "lucide-react";
import { type ReactNode, useCallback, useDeferredValue, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { Button } from "react-aria-components";
import { useBlocker } from "react-router";

import type { ActionContract, Catalog, EventType } from "../api/catalog";
import { useLocale, useT } from "../i18n";
import { IconButton } from "../ui/kit";
import { useAutosave } from "./autosave";
import { ConflictDialog } from "./ConflictDialog";
import { EnvironmentContext, type Shared, SharedContext } from "./context";
import { DocumentContext } from "./current";
import { type LoadedWorkflow, type StepType, useEnvironmentOf, useSamples } from "./data";
import { focusField } from "./focusField";
import { EditorHeader } from "./Header";
import { StepInspector } from "./Inspector";
import { ROOT_BLOCK, type Slot, toDefinition } from "./model/document";
import { openEditor, reduce, type Selected } from "./model/editor";
import type { Finding } from "./model/findings";
import { isUnsaved } from "./model/saving";
import type { Offer } from "./offer";
import { PalettePanel } from "./Palette";
import { StepDialog } from "./StepDialog";
import { slotAfter, StepList } from "./StepList";
import { triggerText } from "./triggerText";
import { useValidation } from "./validation";
import { WorkflowInspector } from "./WorkflowInspector";

/** Where the palette has no place of its own; the style sheet has the same width. */
const NARROW = window.matchMedia("(max-width: 960px)");

/** What testing and publishing are given. */
export interface EditorHandle {
  workflowId: string;
  /** Stores what is there now; whether it is stored then. */
  flush: () => Promise<boolean>;
  /** What is wrong with it, or doubtful, as far as it was looked at. */
  findings: readonly Finding[];
  /** Shows a step, and a field of it. */
  show: (finding: Pick<Finding, "stepPath" | "path">) => void;
}

interface Props {
  loaded: LoadedWorkflow;
  catalog: Catalog;
  actions: ReadonlyMap<string, ActionContract>;
  events: readonly EventType[];
  stepTypes: ReadonlyMap<string, StepType>;
  secretNames: readonly string[] | undefined;
  canEdit: boolean;
  canRun: boolean;
  isAdmin: boolean;
  renderActions?: (editor: EditorHandle) => ReactNode;
}

export function Editor({
  loaded,
  catalog,
  actions,
  events,
  stepTypes,
  secretNames,
  canEdit,
  canRun,
  isAdmin,
  renderActions,
}: Props) {
  const t = useT();
  const { intl } = useLocale();
  const { workflowId } = loaded;
  const [state, dispatch] = useReducer(reduce, loaded.draft.definition, openEditor);
  const { document, selected } = state;
  const { saving, flush, overwrite, takeTheirs } = useAutosave(workflowId, loaded.etag, document, canEdit);
  const validation = useValidation(document, catalog);
  const samples = useSamples(workflowId);
  const environment = useEnvironmentOf(document, events, actions, samples);
  const memory = useRef(new Map()).current;
  const [said, setSaid] = useState("");
  const [adding, setAdding] = useState<Slot | null>(null);
  const [showsPalette, setShowsPalette] = useState(() => !NARROW.matches);
  const inspector = useRef<HTMLElement>(null);
  const root = useRef<HTMLDivElement>(null);
  const current = useRef(state);
  current.current = state;

  const announce = useCallback(
    (words: string) => setSaid((before) => (before === words ? `${words}\u00a0` : words)),
    [],
  );
  const shared = useMemo<Shared>(
    () => ({ workflowId, canEdit, canRun, catalog, actions, events, stepTypes, dispatch, memory, announce, secretNames }),
    [workflowId, canEdit, canRun, catalog, actions, events, stepTypes, memory, announce, secretNames],
  );

  // ── Leaving ─────────────────────────────────────────────────────────────────────────────────────────────────
  const queries = useQueryClient();
  const isDirty = canEdit && isUnsaved(saving);
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) => isDirty && currentLocation.pathname !== nextLocation.pathname,
  );
  useEffect(() => {
    if (blocker.state !== "blocked") {
      return;
    }
    // Whoever leaves does not want to lose anything: it is stored first.
    void flush().then((isStored) => {
      if (isStored || window.confirm(t("editor.leave"))) {
        blocker.proceed();
      } else {
        blocker.reset();
      }
    });
  }, [blocker, flush, t]);
  useEffect(
    () => () => {
      void queries.invalidateQueries({ queryKey: ["workflows"] });
      queries.removeQueries({ queryKey: ["editor", workflowId] });
    },
    [queries, workflowId],
  );

  // ── Moving the focus ────────────────────────────────────────────────────────────────────────────────────────
  const [sought, setSought] = useState<{ subject: Selected; field?: string } | null>(null);
  const inspect = useCallback((subject: Selected, field?: string) => {
    dispatch({ type: "select", selected: subject });
    setSought({ subject, field });
  }, []);
  // The list answers at once; the inspector's many fields follow, and the focus goes there when they are there.
  const shown = useDeferredValue(useMemo(() => ({ selected, sought }), [selected, sought]));
  const inspected = shown.selected === "workflow" || document.nodes[shown.selected] ? shown.selected : selected;
  useEffect(() => {
    // Who has gone on to another step meanwhile is not thrown into that one's fields.
    if (shown.sought && shown.sought.subject === shown.selected) {
      const { field } = shown.sought;
      requestAnimationFrame(() => inspector.current && focusField(inspector.current, field));
    }
  }, [shown.sought]);

  const showFinding = useCallback(
    (finding: Finding) => {
      const { document } = current.current;
      const target: Selected = finding.key !== null && document.nodes[finding.key] ? finding.key : "workflow";
      inspect(target, finding.field);
    },
    [inspect],
  );

  const add = useCallback(
    (offer: Offer, slot: Slot) => {
      dispatch({ type: "insert", slot, step: offer.make(current.current.document) });
      announce(t("editor.said.added", { name: offer.label }));
    },
    [announce, t],
  );

  const addFromPalette = useCallback(
    (offer: Offer) => {
      add(offer, slotAfter(current.current.document, current.current.selected));
      // There it lies over the steps.
      setShowsPalette((isShown) => isShown && !NARROW.matches);
    },
    [add],
  );
  useEffect(() => {
    const narrowed = () => setShowsPalette(!NARROW.matches);
    NARROW.addEventListener("change", narrowed);
    return () => NARROW.removeEventListener("change", narrowed);
  }, []);

  const addFromDialog = (offer: Offer) => {
    if (adding) {
      add(offer, adding);
      setAdding(null);
      // The dialog gives the focus back to where it was; it belongs to what is new.
      requestAnimationFrame(() =>
        requestAnimationFrame(() => {
          const key = current.current.selected;
          root.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`)?.focus();
        }),
      );
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const isTyping = (event.target as HTMLElement).closest("input, textarea, [contenteditable]") !== null;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !isTyping) {
      event.preventDefault();
      dispatch({ type: event.shiftKey ? "redo" : "undo" });
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y" && !isTyping) {
      event.preventDefault();
      dispatch({ type: "redo" });
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      void flush();
    } else if (event.key === "Escape" && inspector.current?.contains(event.target as Node) && selected !== "workflow") {
      root.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(selected)}"]`)?.focus();
    }
  };

  const name =
    typeof document.head.name === "string" && document.head.name !== "" ? document.head.name : t("editor.unnamed");
  const isEmpty = document.steps.length === 0;
  const end: Slot = { parent: null, block: ROOT_BLOCK, index: document.steps.length };
  const headFindings = validation.findings.byStep.get(null) ?? [];
  const hasBlocks = Object.values(document.nodes).some((node) => Object.keys(node.blocks).length > 0);

  return (
    <SharedContext value={shared}>
      <EnvironmentContext value={environment}>
        <DocumentContext value={document}>
          <div ref={root} className="ed" data-palette={showsPalette} onKeyDown={onKeyDown}>
            <EditorHeader
              document={document}
              name={name}
              publishedVersion={loaded.publishedVersion}
              isPaused={loaded.isPaused}
              saving={saving}
              validation={validation}
              canUndo={state.past.length > 0}
              canRedo={state.future.length > 0}
              onSave={() => void flush()}
              onFinding={showFinding}
              onName={() => inspect("workflow", "name")}
              actions={renderActions?.({
                workflowId,
                flush,
                findings: validation.findings.all,
                show: ({ stepPath, path }) => {
                  const found = validation.findings.all.find(
                    (each) => each.stepPath === stepPath && each.path === path,
                  );
                  if (found) {
                    showFinding(found);
                  }
                },
              })}
            />
            {showsPalette ? <PalettePanel isAdmin={isAdmin} onAdd={addFromPalette} /> : null}
            <section className="ed-canvas" aria-label={t("editor.canvas")}>
              <div className="ed-canvas-tools">
                <IconButton
                  label={showsPalette ? t("editor.palette.hide") : t("editor.palette.show")}
                  onPress={() => setShowsPalette(!showsPalette)}
                >
                  <PanelLeft size={16} aria-hidden />
                </IconButton>
                <span className="ed-spacer" />
                {hasBlocks ? (
                  <IconButton
                    label={state.collapsed.size > 0 ? t("editor.steps.expandAll") : t("editor.steps.collapseAll")}
                    onPress={() => dispatch({ type: "collapseAll", collapsed: state.collapsed.size === 0 })}
                  >
                    {state.collapsed.size > 0 ? (
                      <ChevronsUpDown size={16} aria-hidden />
                    ) : (
                      <ChevronsDownUp size={16} aria-hidden />
                    )}
                  </IconButton>
                ) : null}
              </div>
              <Button
                className={`ed-trigger ${selected === "workflow" ? "ed-trigger-selected" : ""}`}
                onPress={() => dispatch({ type: "select", selected: "workflow" })}
                aria-pressed={selected === "workflow"}
              >
                <span className="tile-icon trigger" aria-hidden>
                  <Zap size={18} />
                </span>
                <span className="ed-step-words">
                  <span className="ed-step-title">{t("editor.trigger.title")}</span>
                  <span className="ed-step-summary">{triggerText(t, intl, events, document.head.trigger)}</span>
                </span>
                {headFindings.length > 0 ? (
                  <span
                    className={`ed-badge ed-badge-${headFindings.some((finding) => finding.severity === "error") ? "error" : "warning"}`}
                  >
                    {headFindings.length}
                  </span>
                ) : null}
              </Button>
              {isEmpty ? (
                <div className="ed-start">
                  <h2>{t("editor.empty.title")}</h2>
                  <p>{t("editor.empty.words")}</p>
                </div>
              ) : (
                <StepList
                  document={document}
                  selected={selected}
                  collapsed={state.collapsed}
                  findings={validation.findings}
                  onAdd={setAdding}
                  onInspect={inspect}
                />
              )}
              {canEdit ? (
                <Button className="ed-add-step" onPress={() => setAdding(end)}>
                  <Plus size={16} aria-hidden /> {t("editor.add.end")}
                </Button>
              ) : null}
            </section>
            <aside ref={inspector} className="ed-inspector" aria-label={t("editor.inspector")}>
              {inspected === "workflow" ? (
                <WorkflowInspector document={document} findings={validation.findings} />
              ) : (
                <StepInspector key={inspected} document={document} step={inspected} findings={validation.findings} />
              )}
            </aside>
            <div className="visually-hidden" role="status" aria-live="polite">
              {said}
            </div>
            {adding ? <StepDialog onChoose={addFromDialog} onClose={() => setAdding(null)} /> : null}
            {saving.status === "conflict" ? (
              <ConflictDialog
                onTakeTheirs={async () => {
                  const definition = await takeTheirs();
                  memory.clear();
                  dispatch({ type: "open", definition });
                }}
                onOverwrite={overwrite}
                onCopy={() => navigator.clipboard.writeText(JSON.stringify(toDefinition(document), null, 2))}
              />
            ) : null}
          </div>
        </DocumentContext>
      </EnvironmentContext>
    </SharedContext>
  );
}
