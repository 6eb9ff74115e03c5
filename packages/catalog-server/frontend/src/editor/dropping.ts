/** Where what is dragged over the list would be dropped. */

import type { Dragged } from "./drag";
import { type Key, positionOf, ROOT_BLOCK, type Slot, type WorkflowDocument } from "./model/document";
import { isInside } from "./model/edits";
import type { rowsOf } from "./rows";

export interface Target {
  row: string;
  edge: "before" | "after" | "inside";
  slot: Slot;
}

export function slotUnder(
  document: WorkflowDocument,
  row: ReturnType<typeof rowsOf>[number],
  element: HTMLElement,
  y: number,
  collapsed: ReadonlySet<Key>,
): Omit<Target, "row"> | null {
  if (row.kind === "block") {
    return { edge: "inside", slot: { parent: row.parent, block: row.block, index: 0 } };
  }
  const position = positionOf(document, row.key);
  if (!position) {
    return null;
  }
  const { top, height } = element.getBoundingClientRect();
  const isUpper = y < top + height / 2;
  if (!isUpper && row.hasBlocks && !collapsed.has(row.key)) {
    // Below its head are its blocks: only the first one's beginning is there.
    const block = Object.keys(document.nodes[row.key]?.blocks ?? {})[0] ?? ROOT_BLOCK;
    return { edge: "after", slot: { parent: row.key, block, index: 0 } };
  }
  return {
    edge: isUpper ? "before" : "after",
    slot: { parent: position.parent, block: position.block, index: position.index + (isUpper ? 0 : 1) },
  };
}

export function mayDrop(document: WorkflowDocument, dragged: Dragged, slot: Slot): boolean {
  if (dragged.kind === "offer") {
    return true;
  }
  const { key } = dragged;
  return !(slot.parent === key || (slot.parent !== null && isInside(document, slot.parent, key)));
}
