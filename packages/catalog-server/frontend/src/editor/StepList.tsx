import { memo, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";

import { useT } from "../i18n";
import { BlockHead, StepCard } from "./StepCard";
import { useShared } from "./context";
import { draggedNow, endDrag } from "./drag";
import { mayDrop, slotUnder, type Target } from "./dropping";
import { ROOT_BLOCK, type Key, listAt, positionOf, type Slot, type WorkflowDocument } from "./model/document";
import { clipboardText, slotTowards, stepsInClipboard } from "./model/edits";
import type { Selected } from "./model/editor";
import type { Findings } from "./model/findings";
import { MOVING, type RowAction, RowMenu } from "./RowMenu";
import { layoutOf, type Range, rangeOf, rowsOf } from "./rows";
import { titleOf } from "./tiles";

interface Props {
  document: WorkflowDocument;
  selected: Selected;
  collapsed: ReadonlySet<Key>;
  findings: Findings;
  /** Asks what to add at a place. */
  onAdd: (slot: Slot) => void;
  /** Moves the focus to the inspector. */
  onInspect: (step: Key, field?: string) => void;
}

/** The steps, as a tree that is read and moved through by the keyboard. */
export const StepList = memo(function StepList({ document, selected, collapsed, findings, onAdd, onInspect }: Props) {
  const t = useT();
  const shared = useShared();
  const { dispatch, canEdit, announce } = shared;
  const rows = useMemo(() => rowsOf(document, collapsed), [document, collapsed]);
  const layout = useMemo(() => layoutOf(rows), [rows]);
  const [focused, setFocused] = useState<string | null>(null);
  const [target, setTarget] = useState<Target | null>(null);
  const [menu, setMenu] = useState<Key | null>(null);
  const [dragging, setDragging] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const seen = useRangeSeen(list, layout);
  const menuAt = useRef<HTMLElement | null>(null);
  // What handlers read, so that they stay the same and rows are not drawn again for them.
  const now = useRef({ document, rows, collapsed });
  now.current = { document, rows, collapsed };

  const current = rows.some((row) => row.id === focused)
    ? focused
    : selected !== "workflow" && rows.some((row) => row.id === selected)
      ? selected
      : (rows[0]?.id ?? null);

  // The focus goes with what is selected, as long as it is in the list or was there before a step moved or went away.
  const isRefocusing = useRef(false);
  useEffect(() => {
    if (selected === "workflow") {
      return;
    }
    setFocused(selected);
    const row = rowElement(list.current, selected);
    row?.scrollIntoView({ block: "nearest" });
    const active = window.document.activeElement;
    if ((isRefocusing.current || list.current?.contains(active)) && row !== active) {
      row?.focus({ preventScroll: true });
    }
    isRefocusing.current = false;
  }, [selected, document]);

  const select = useCallback(
    (id: string) => {
      const row = now.current.rows.find((each) => each.id === id);
      // It may be drawn only now.
      flushSync(() => {
        setFocused(id);
        if (row?.kind === "step") {
          dispatch({ type: "select", selected: row.key });
        }
      });
      const element = rowElement(list.current, id);
      element?.focus({ preventScroll: true });
      element?.scrollIntoView({ block: "nearest" });
    },
    [dispatch],
  );

  const title = useCallback((key: Key) => titleOf(t, shared, now.current.document.nodes[key]?.own), [t, shared]);

  const copy = useCallback(
    async (key: Key) => {
      const text = clipboardText(now.current.document, key);
      clipboard = text;
      await navigator.clipboard?.writeText(text).catch(() => undefined);
      announce(t("editor.said.copied", { name: title(key) }));
    },
    [announce, t, title],
  );

  const paste = useCallback(
    async (slot: Slot) => {
      const text = (await navigator.clipboard?.readText?.().catch(() => "")) || clipboard;
      const steps = stepsInClipboard(text) ?? stepsInClipboard(clipboard);
      if (steps) {
        dispatch({ type: "paste", slot, steps });
        announce(t("editor.said.pasted"));
      } else {
        announce(t("editor.said.nothingToPaste"));
      }
    },
    [announce, dispatch, t],
  );

  const act = useCallback(
    (action: RowAction, key: Key) => {
      const { document } = now.current;
      const position = positionOf(document, key);
      if (!position) {
        return;
      }
      const after: Slot = { parent: position.parent, block: position.block, index: position.index + 1 };
      isRefocusing.current = MOVING.has(action);
      switch (action) {
        case "edit":
          onInspect(key);
          break;
        case "rename":
          onInspect(key, "name");
          break;
        case "addBefore":
          onAdd({ ...after, index: position.index });
          break;
        case "addAfter":
          onAdd(after);
          break;
        case "copy":
          void copy(key);
          break;
        case "cut":
          void copy(key);
          dispatch({ type: "remove", key });
          break;
        case "paste":
          void paste(after);
          break;
        case "duplicate":
          dispatch({ type: "duplicate", key });
          announce(t("editor.said.duplicated", { name: title(key) }));
          break;
        case "remove":
          announce(t("editor.said.removed", { name: title(key) }));
          dispatch({ type: "remove", key });
          break;
        default:
          if (slotTowards(document, key, action) === undefined) {
            announce(t("editor.said.cannotMove"));
          } else {
            dispatch({ type: "shift", key, direction: action });
            announce(t(`editor.said.moved.${action}`, { name: title(key) }));
          }
      }
    },
    [announce, copy, dispatch, onAdd, onInspect, paste, t, title],
  );

  const onKeyDown = (event: React.KeyboardEvent) => {
    const id = (event.target as HTMLElement).dataset.row;
    const at = rows.findIndex((row) => row.id === id);
    const row = rows[at];
    if (row === undefined) {
      return;
    }
    const key = row.kind === "step" ? row.key : null;
    const command = event.ctrlKey || event.metaKey;
    const run = (action: () => void) => {
      event.preventDefault();
      event.stopPropagation();
      action();
    };
    const go = (to: number) => run(() => rows[to] && select(rows[to].id));
    const change = (action: RowAction) => {
      if (key !== null && canEdit) {
        run(() => act(action, key));
      }
    };
    if (event.altKey) {
      const direction = ({ ArrowUp: "up", ArrowDown: "down", ArrowLeft: "out", ArrowRight: "in" } as const)[event.key];
      if (direction) {
        change(direction);
      }
      return;
    }
    if (command) {
      const action = ({ c: "copy", x: "cut", v: "paste", d: "duplicate" } as const)[event.key.toLowerCase()];
      if (action === "paste" && row.kind === "block" && canEdit) {
        run(() => void paste({ parent: row.parent, block: row.block, index: 0 }));
      } else if (action === "copy" && key !== null) {
        run(() => void copy(key));
      } else if (action) {
        change(action);
      }
      return;
    }
    switch (event.key) {
      case "ArrowDown":
        return go(at + 1);
      case "ArrowUp":
        return go(at - 1);
      case "Home":
        return go(0);
      case "End":
        return go(rows.length - 1);
      case "ArrowRight":
        if (row.kind === "step" && row.isCollapsed) {
          return run(() => dispatch({ type: "collapse", key: row.key, collapsed: false }));
        }
        return (rows[at + 1]?.level ?? 0) > row.level ? go(at + 1) : undefined;
      case "ArrowLeft":
        if (row.kind === "step" && row.hasBlocks && !row.isCollapsed) {
          return run(() => dispatch({ type: "collapse", key: row.key, collapsed: true }));
        }
        return go(rows.findLastIndex((each, index) => index < at && each.level < row.level));
      case "Enter":
        return row.kind === "step"
          ? run(() => act("edit", row.key))
          : canEdit
            ? run(() => onAdd({ parent: row.parent, block: row.block, index: 0 }))
            : undefined;
      case "F2":
        return change("rename");
      case "Delete":
      case "Backspace":
        return change("remove");
      case "a":
      case "Insert":
      case "+":
        return row.kind === "step"
          ? change("addAfter")
          : canEdit
            ? run(() => onAdd({ parent: row.parent, block: row.block, index: 0 }))
            : undefined;
      case "ContextMenu":
        return key === null ? undefined : run(() => openMenu(key));
      case "F10":
        return event.shiftKey && key !== null ? run(() => openMenu(key)) : undefined;
    }
  };

  const openMenu = useCallback((key: Key) => {
    menuAt.current = rowElement(list.current, key)?.querySelector<HTMLElement>(".ed-row-menu") ?? null;
    setMenu(key);
  }, []);

  const targetOf = (event: React.DragEvent): Target | null => {
    const element = (event.target as HTMLElement).closest<HTMLElement>("[data-row]");
    const dragged = draggedNow();
    const row = rows.find((each) => each.id === element?.dataset.row);
    if (!element || !row || !dragged || !canEdit) {
      return null;
    }
    const found = slotUnder(document, row, element, event.clientY, collapsed);
    return found && mayDrop(document, dragged, found.slot) ? { row: row.id, ...found } : null;
  };

  const drop = (event: React.DragEvent) => {
    const found = targetOf(event);
    const dragged = draggedNow();
    setTarget(null);
    endDrag();
    if (!found || !dragged) {
      return;
    }
    event.preventDefault();
    if (dragged.kind === "step") {
      dispatch({ type: "move", key: dragged.key, slot: found.slot });
    } else {
      dispatch({ type: "insert", slot: found.slot, step: dragged.offer.make(document) });
    }
  };

  const toggle = useCallback(
    (key: Key, isCollapsed: boolean) => dispatch({ type: "collapse", key, collapsed: isCollapsed }),
    [dispatch],
  );

  return (
    <>
      <ul
        ref={list}
        role="tree"
        aria-label={t("editor.steps.label")}
        className="ed-steps"
        style={{ height: layout.height }}
        onDragStart={(event) => setDragging((event.target as HTMLElement).dataset.row ?? null)}
        onKeyDown={onKeyDown}
        onFocus={(event) => event.target.dataset.row !== undefined && setFocused(event.target.dataset.row)}
        onDragOver={(event) => {
          const found = targetOf(event);
          if (found) {
            event.preventDefault();
          }
          setTarget((before) => (before?.row === found?.row && before?.edge === found?.edge ? before : found));
        }}
        onDragLeave={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget as Node | null)) {
            setTarget(null);
          }
        }}
        onDrop={drop}
        onDragEnd={() => {
          setTarget(null);
          setDragging(null);
          endDrag();
        }}
      >
        {rows.map((row, index) => {
          // What is selected, focused or dragged stays, wherever it is.
          const isDrawn = index >= seen.first && index < seen.last;
          if (!isDrawn && row.id !== current && row.id !== selected && row.id !== dragging) {
            return null;
          }
          const top = layout.tops[index] ?? 0;
          return row.kind === "step" ? (
            <StepCard
              key={row.id}
              step={row.key}
              own={document.nodes[row.key]?.own ?? null}
              level={row.level}
              top={top}
              position={row.position}
              size={row.size}
              hasBlocks={row.hasBlocks}
              isCollapsed={row.isCollapsed}
              isSelected={row.key === selected}
              isTabbable={row.id === current}
              drop={target?.row === row.id ? target.edge : null}
              findings={findings.byStep.get(row.key)}
              onSelect={select}
              onToggle={toggle}
              onMenu={openMenu}
              onAct={act}
            />
          ) : (
            <BlockHead
              key={row.id}
              id={row.id}
              parent={row.parent}
              block={row.block}
              level={row.level}
              top={top}
              position={row.position}
              size={row.size}
              count={row.count}
              isTabbable={row.id === current}
              isTarget={target?.row === row.id}
              onAdd={onAdd}
            />
          );
        })}
      </ul>
      <RowMenu
        at={menuAt}
        row={menu}
        title={menu === null ? "" : title(menu)}
        onClose={() => setMenu(null)}
        onAct={act}
      />
    </>
  );
});

/** The rows that the part of the list in sight needs. */
function useRangeSeen(list: React.RefObject<HTMLElement | null>, layout: ReturnType<typeof layoutOf>): Range {
  const [seen, setSeen] = useState<Range>(() => rangeOf(layout, 0, 2000));
  const current = useRef(layout);
  current.current = layout;
  useEffect(() => {
    const element = list.current;
    const around = element?.closest<HTMLElement>(".ed-canvas");
    if (!element || !around) {
      return;
    }
    const measure = () => {
      const from = around.getBoundingClientRect().top - element.getBoundingClientRect().top;
      const next = rangeOf(current.current, from, from + around.clientHeight);
      setSeen((before) => (before.first === next.first && before.last === next.last ? before : next));
    };
    measure();
    around.addEventListener("scroll", measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(around);
    return () => {
      around.removeEventListener("scroll", measure);
      observer.disconnect();
    };
  }, [list, layout]);
  return seen;
}

/** Where the browser lets nobody read the clipboard. */
let clipboard = "";

function rowElement(list: HTMLElement | null, id: string): HTMLElement | null {
  return list?.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"]`) ?? null;
}

/** The place after what is selected, which is where the palette adds. */
export function slotAfter(document: WorkflowDocument, selected: Selected): Slot {
  const position = selected === "workflow" ? undefined : positionOf(document, selected);
  return position
    ? { parent: position.parent, block: position.block, index: position.index + 1 }
    : { parent: null, block: ROOT_BLOCK, index: listAt(document, null, ROOT_BLOCK).length };
}
