/** The visible rows of the step list: steps, and the heads of blocks. */

import { type Key, listAt, type StepNode, type WorkflowDocument } from "./model/document";

export interface StepRow {
  readonly kind: "step";
  readonly id: string;
  readonly key: Key;
  readonly level: number;
  readonly position: number;
  readonly size: number;
  readonly hasBlocks: boolean;
  readonly isCollapsed: boolean;
}

export interface BlockRow {
  readonly kind: "block";
  readonly id: string;
  readonly parent: Key;
  readonly block: string;
  readonly level: number;
  readonly position: number;
  readonly size: number;
  readonly count: number;
}

export type Row = StepRow | BlockRow;

export function rowsOf(document: WorkflowDocument, collapsed: ReadonlySet<Key>): Row[] {
  const rows: Row[] = [];
  const walk = (keys: readonly Key[], level: number) => {
    keys.forEach((key, index) => {
      const blocks = Object.keys((document.nodes[key] as StepNode).blocks);
      const isCollapsed = collapsed.has(key);
      rows.push({
        kind: "step",
        id: key,
        key,
        level,
        position: index + 1,
        size: keys.length,
        hasBlocks: blocks.length > 0,
        isCollapsed,
      });
      if (isCollapsed) {
        return;
      }
      blocks.forEach((block, at) => {
        const inner = listAt(document, key, block);
        rows.push({
          kind: "block",
          id: `${key}/${block}`,
          parent: key,
          block,
          level: level + 1,
          position: at + 1,
          size: blocks.length,
          count: inner.length,
        });
        walk(inner, level + 2);
      });
    });
  };
  walk(document.steps, 1);
  return rows;
}

// ── What is drawn ───────────────────────────────────────────────────────────────────────────────────────────────

/** Pixels, as the style sheet has them. */
const HEIGHTS = { step: 60, block: 34 } as const;
/** So few are all drawn. */
const ALL = 150;
/** Rows that are drawn beyond what is seen, and by how many at once the range moves. */
const BEYOND = 12;

export interface Layout {
  readonly tops: readonly number[];
  readonly height: number;
}

export function layoutOf(rows: readonly Row[]): Layout {
  const tops: number[] = [];
  let height = 0;
  for (const row of rows) {
    tops.push(height);
    height += HEIGHTS[row.kind];
  }
  return { tops, height };
}

export interface Range {
  readonly first: number;
  readonly last: number;
}

/** The rows between two heights, and some more. */
export function rangeOf(layout: Layout, from: number, to: number): Range {
  const { tops } = layout;
  if (tops.length <= ALL) {
    return { first: 0, last: tops.length };
  }
  const at = (height: number) => {
    let low = 0;
    let high = tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((tops[middle] as number) <= height) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  };
  const step = (index: number) => Math.floor(index / BEYOND) * BEYOND;
  return { first: Math.max(0, step(at(from)) - BEYOND), last: Math.min(tops.length, step(at(to)) + 2 * BEYOND) };
}
