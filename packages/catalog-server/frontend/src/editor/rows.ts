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
