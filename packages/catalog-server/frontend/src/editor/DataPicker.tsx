import { ChevronRight, CircleDashed, Search } from "lucide-react";
import { type ReactNode, useDeferredValue, useMemo, useState } from "react";
import { Button, Input, SearchField, Tree, TreeItem, TreeItemContent } from "react-aria-components";

import { type MessageId, useT } from "../i18n";
import { ModuleIcon, TypeIcon } from "../ui/icons";
import { useShared } from "./context";
import { useDocument } from "./current";
import { ModalDialog } from "./kit";
import { childrenOf, type DataNode, fitOf, nodeOfVariable, pickedSource } from "./model/data";
import { typeOf } from "./model/document";
import type { Group, Scope, Typed } from "./model/scope";
import { sampleText } from "./samples";
import { moduleOf, titleOf } from "./tiles";

/** How deep a search looks, and how much of what it finds is shown. */
const DEPTH = 5;
const SHOWN = 24;
/** So many of the nearest steps stand in the tree; a search finds the others. */
const NEAREST = 30;
/** From the beginning the nearest groups are open, until there are so many rows. */
const OPEN = 24;

interface PickerGroup {
  id: string;
  label: string;
  icon: ReactNode;
  isStep: boolean;
  nodes: DataNode[];
}

/** What can be read at a place, to pick from: by a tree, or by a search in all of it. */
export function DataPicker({
  title,
  scope,
  target,
  onPick,
  onClose,
}: {
  title: string;
  scope: Scope;
  target: Typed | undefined;
  onPick: (source: string) => void;
  onClose: () => void;
}) {
  const t = useT();
  const groups = usePickerGroups(scope);
  const [query, setQuery] = useState("");
  const [expanded, setExpanded] = useState<Set<string | number>>(() => initiallyExpanded(groups));
  const wanted = useDeferredValue(query);
  const isSearching = wanted.trim() !== "";
  const entries = useMemo(() => (isSearching ? entriesOf(groups) : []), [groups, isSearching]);
  const found = useMemo(() => (isSearching ? search(entries, wanted) : null), [entries, wanted, isSearching]);
  // The dialog is there at once, and its tree follows.
  const isOpen = useDeferredValue(true, false);
  const near = useMemo(() => nearest(groups), [groups]);
  const more = found === null ? groups.length - near.length : found.length - SHOWN;
  const byId = useMemo(() => new Map<string, DataNode>(), []);
  const pick = (id: string | number) => {
    const node = byId.get(String(id));
    if (node && (target === undefined || fitOf(node, target) !== "no")) {
      onPick(pickedSource(node, target));
    }
  };
  const item = (node: DataNode, group: PickerGroup, isFlat: boolean, isWhole = false): ReactNode => {
    const id = `${group.id}:${node.source}`;
    const hasChildren = !isFlat && !isWhole && node.hasChildren;
    const name = isWhole ? t("editor.picker.whole") : isFlat ? node.source : node.label;
    byId.set(id, node);
    const fit = fitOf(node, target);
    const children = hasChildren && expanded.has(id) ? childrenOf(node) : [];
    const words = [
      name,
      t(`editor.data.${node.kind}`),
      node.mayBeNull ? t("editor.data.mayBeNull") : "",
      fit === "no"
        ? t("editor.data.misfit")
        : fit === "text"
          ? t("editor.data.asText")
          : fit === "first"
            ? t("editor.data.first")
            : "",
      previewText(t, node),
    ];
    return (
      <TreeItem
        key={id}
        id={id}
        textValue={words.filter(Boolean).join(", ")}
        className={`ed-data ${fit === "no" ? "ed-data-misfit" : ""}`}
        hasChildItems={hasChildren}
        onAction={() => (fit === "no" && hasChildren ? toggle(id) : pick(id))}
      >
        <TreeItemContent>
          {({ level }) => (
            <div className="ed-data-row" style={{ "--level": level - 1 } as React.CSSProperties}>
              {hasChildren ? (
                <Button slot="chevron" className="ed-fold">
                  <ChevronRight size={14} aria-hidden />
                </Button>
              ) : (
                <span className="ed-fold" />
              )}
              <span className={`ed-kind ed-kind-${node.kind}`} aria-hidden>
                {KIND_SIGNS[node.kind]}
              </span>
              <span className="ed-data-name" title={node.description || node.source}>
                {name}
              </span>
              {node.mayBeNull ? (
                <span className="ed-null" title={t("editor.data.mayBeNull.hint")}>
                  <CircleDashed size={12} aria-hidden /> {t("editor.data.mayBeNull")}
                </span>
              ) : null}
              {fit === "no" ? <span className="ed-misfit">{t("editor.data.misfit")}</span> : null}
              {fit === "text" ? <span className="ed-convert">{t("editor.data.asText")}</span> : null}
              {fit === "first" ? <span className="ed-convert">{t("editor.data.first")}</span> : null}
              <span className={node.isReal ? "ed-sample" : "ed-sample ed-sample-made"}>{previewText(t, node)}</span>
            </div>
          )}
        </TreeItemContent>
        {children.map((child) => item(child, group, false))}
      </TreeItem>
    );
  };
  const toggle = (id: string) =>
    setExpanded((before) => {
      const next = new Set(before);
      if (!next.delete(id)) {
        next.add(id);
      }
      return next;
    });
  return (
    <ModalDialog title={title} isOpen onClose={onClose} closeLabel={t("editor.close")} className="ed-picker">
      <SearchField
        className="ed-search"
        value={query}
        onChange={setQuery}
        aria-label={t("editor.picker.search")}
        autoFocus
      >
        <Input className="ed-input" placeholder={t("editor.picker.search")} />
      </SearchField>
      <p className="ed-picker-note">
        <Search size={12} aria-hidden /> {t(scope.isReal ? "editor.picker.real" : "editor.picker.madeUp")}
      </p>
      {found !== null && found.length === 0 ? (
        <p className="ed-empty">{t("editor.picker.nothing", { query: wanted })}</p>
      ) : null}
      {isOpen && (found === null || found.length > 0) ? (
        <Tree
          aria-label={title}
          className="ed-data-tree"
          selectionMode="none"
          expandedKeys={expanded}
          onExpandedChange={setExpanded}
          disabledBehavior="selection"
        >
          {found
            ? found.slice(0, SHOWN).map(({ node, group }) => item(node, group, true))
            : near.map((group) => (
                <TreeItem
                  key={group.id}
                  id={group.id}
                  textValue={group.label}
                  className="ed-data ed-data-group"
                  hasChildItems
                  onAction={() => toggle(group.id)}
                >
                  <TreeItemContent>
                    <div className="ed-data-row" style={{ "--level": 0 } as React.CSSProperties}>
                      <Button slot="chevron" className="ed-fold">
                        <ChevronRight size={14} aria-hidden />
                      </Button>
                      {group.icon}
                      <span className="ed-data-name">{group.label}</span>
                    </div>
                  </TreeItemContent>
                  {expanded.has(group.id)
                    ? group.nodes.map((node) => item(node, group, false, isWholeOf(node, group)))
                    : null}
                </TreeItem>
              ))}
        </Tree>
      ) : null}
      {more > 0 ? (
        <p className="ed-more">{t(found === null ? "editor.picker.more" : "editor.palette.more", { count: more })}</p>
      ) : null}
    </ModalDialog>
  );
}

const KIND_SIGNS = {
  text: "T",
  number: "#",
  flag: "?",
  moment: "◷",
  list: "[ ]",
  object: "{ }",
  unknown: "·",
} as const;

function usePickerGroups(scope: Scope): PickerGroup[] {
  const t = useT();
  const shared = useShared();
  const document = useDocument();
  return useMemo(
    () =>
      scope.groups.map((group, index): PickerGroup => {
        const own = group.step === undefined ? undefined : document.nodes[group.step]?.own;
        return {
          id: `g${index}`,
          label: labelOf(group, own === undefined ? "" : titleOf(t, shared, own)),
          icon:
            own === undefined ? (
              <TypeIcon
                type={group.kind === "payload" || group.kind === "event" ? "event.wait" : "state.set"}
                size={14}
              />
            ) : typeOf(own) === "action.call" ? (
              <ModuleIcon token={moduleOf(shared, own)?.iconToken} size={16} />
            ) : (
              <TypeIcon type={typeOf(own)} size={14} />
            ),
          isStep: group.kind === "step",
          nodes: nodesOf(group),
        };
      }),
    [scope, document, shared, t],
  );

  function labelOf(group: Group, title: string): string {
    return group.kind === "step" ? title : t(`editor.group.${group.kind}` as MessageId, { name: title });
  }
}

/** The variables of a group; where it has but one, the fields of that stand for it. */
function nodesOf(group: Group): DataNode[] {
  const nodes = group.variables.map(nodeOfVariable);
  const [only, ...others] = nodes;
  return only?.kind === "object" && only.hasChildren && others.length === 0 ? [only, ...childrenOf(only)] : nodes;
}

/** All but the steps that are far away. */
function nearest(groups: readonly PickerGroup[]): PickerGroup[] {
  let steps = 0;
  return groups.filter(({ isStep }) => !isStep || ++steps <= NEAREST);
}

function initiallyExpanded(groups: readonly PickerGroup[]): Set<string | number> {
  const open = new Set<string | number>();
  let rows = 0;
  for (const group of groups) {
    if (rows >= OPEN) {
      break;
    }
    rows += group.nodes.length;
    open.add(group.id);
  }
  return open;
}

/** The sample of a value; of what holds others only how many. */
function previewText(t: ReturnType<typeof useT>, node: DataNode): string {
  if (Array.isArray(node.sample)) {
    return t("editor.data.items", { count: node.sample.length });
  }
  return node.kind === "object" ? "" : sampleText(node.sample);
}

/** Whether the fields of a node stand beside it. */
function isWholeOf(node: DataNode, group: PickerGroup): boolean {
  return node === group.nodes[0] && group.nodes.length > 1 && group.nodes[1]?.path.length === node.path.length + 1;
}

interface Entry {
  node: DataNode;
  group: PickerGroup;
  /** What it is found by, and what of that is its own name. */
  words: string;
  name: string;
}

/** All that can be found, made once for a search's many letters. */
function entriesOf(groups: readonly PickerGroup[]): Entry[] {
  const entries: Entry[] = [];
  for (const group of groups) {
    const walk = (node: DataNode, depth: number) => {
      const { source, name, label, description, sample } = node;
      entries.push({
        node,
        group,
        words: `${group.label} ${source} ${label} ${description} ${sampleText(sample)}`.toLowerCase(),
        name: `${name} ${label}`.toLowerCase(),
      });
      if (depth < DEPTH && node.hasChildren) {
        for (const child of childrenOf(node)) {
          walk(child, depth + 1);
        }
      }
    };
    for (const node of group.nodes) {
      if (!isWholeOf(node, group)) {
        walk(node, 0);
      }
    }
  }
  return entries;
}

/** Those that have all words; first those that have them in their names. */
function search(entries: readonly Entry[], query: string): Entry[] {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ name }: Entry) => wanted.filter((word) => !name.includes(word)).length;
  return entries
    .filter(({ words }) => wanted.every((word) => words.includes(word)))
    .sort((one, other) => rank(one) - rank(other));
}
