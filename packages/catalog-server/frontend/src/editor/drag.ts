/** Dragging steps and tiles: what is on its way. The browser shows its data to nobody before the drop. */

import type { DragEvent } from "react";

import type { Key } from "./model/document";
import type { Offer } from "./offer";

export type Dragged = { kind: "step"; key: Key } | { kind: "offer"; offer: Offer };

let dragged: Dragged | null = null;

export function startDrag(event: DragEvent, what: Dragged): void {
  dragged = what;
  event.dataTransfer.effectAllowed = what.kind === "step" ? "move" : "copy";
  // Without data some browsers do not begin.
  event.dataTransfer.setData("text/plain", what.kind === "step" ? what.key : what.offer.label);
}

export function endDrag(): void {
  dragged = null;
}

export function draggedNow(): Dragged | null {
  return dragged;
}
