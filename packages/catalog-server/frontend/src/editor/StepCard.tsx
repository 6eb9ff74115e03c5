import {
  ChevronDown,
  ChevronRight,
  CircleAlert,
  Ellipsis,
  GripVertical,
  Plug,
  Plus,
  TriangleAlert,
} from "lucide-react";
import { type CSSProperties, memo } from "react";

import { type MessageId, useT } from "../i18n";
import { ModuleIcon, TypeIcon } from "../ui/icons";
import { useShared } from "./context";
import { startDrag } from "./drag";
import { typeOf, type Key, type Slot } from "./model/document";
import type { Finding } from "./model/findings";
import type { Json } from "./model/json";
import type { RowAction } from "./RowMenu";
import { summaryOf } from "./summary";
import { contractOf, EffectBadge, moduleOf, titleOf, typeLabel } from "./tiles";

interface StepCardProps {
  step: Key;
  own: Json;
  level: number;
  top: number;
  position: number;
  size: number;
  hasBlocks: boolean;
  isCollapsed: boolean;
  isSelected: boolean;
  isTabbable: boolean;
  drop: "before" | "after" | "inside" | null;
  findings: readonly Finding[] | undefined;
  onSelect: (key: Key) => void;
  onToggle: (key: Key, collapsed: boolean) => void;
  onMenu: (key: Key) => void;
  onAct: (action: RowAction, key: Key) => void;
}

const placed = (level: number, top: number) => ({ "--level": level - 1, top }) as CSSProperties;

/** One step. Its buttons are for the mouse: the keyboard has the row itself, and its menu. */
export const StepCard = memo(function StepCard(props: StepCardProps) {
  const { step, own, level, hasBlocks, isCollapsed, isSelected, drop, onSelect, onToggle, onMenu, onAct } = props;
  const t = useT();
  const shared = useShared();
  const type = typeOf(own);
  const title = titleOf(t, shared, own);
  const summary = summaryOf(t, shared, own);
  const kind = typeLabel(t, shared, type);
  const module = type === "action.call" ? moduleOf(shared, own) : undefined;
  const contract = type === "action.call" ? contractOf(shared, own) : undefined;
  const errors = props.findings?.filter((finding) => finding.severity === "error").length ?? 0;
  const warnings = (props.findings?.length ?? 0) - errors;
  const isUnavailable = type === "action.call" && (module ? !module.available : true);
  const isUnknown = type !== "action.call" && !shared.stepTypes.has(type);
  return (
    <li
      role="treeitem"
      aria-level={level}
      aria-posinset={props.position}
      aria-setsize={props.size}
      aria-selected={isSelected}
      aria-expanded={hasBlocks ? !isCollapsed : undefined}
      aria-labelledby={`${step}-words ${step}-badges`}
      tabIndex={props.isTabbable ? 0 : -1}
      data-row={step}
      className="ed-row"
      data-drop={drop ?? undefined}
      style={placed(level, props.top)}
      draggable={shared.canEdit}
      onDragStart={(event) => {
        event.stopPropagation();
        startDrag(event, { kind: "step", key: step });
      }}
      onClick={() => onSelect(step)}
      onDoubleClick={() => onAct("edit", step)}
      onContextMenu={(event) => {
        event.preventDefault();
        onSelect(step);
        onMenu(step);
      }}
    >
      <div className="ed-step">
        <GripVertical className="ed-grip" size={14} aria-hidden />
        {type === "action.call" ? <ModuleIcon token={module?.iconToken} /> : <TypeIcon type={type} />}
        <span id={`${step}-words`} className="ed-step-words">
          <span className="ed-step-title">{title}</span>
          {summary ? <span className="ed-step-summary">{summary}</span> : null}
          {type === "action.call" || kind === title ? null : <span className="visually-hidden">{kind}</span>}
        </span>
        <span id={`${step}-badges`} className="ed-step-badges">
          {isUnavailable ? (
            <span className="ed-badge ed-badge-unavailable" title={module?.reason ?? undefined}>
              <Plug size={12} aria-hidden /> {t(module ? "editor.unavailable.badge" : "editor.unavailable.missing")}
            </span>
          ) : null}
          {isUnknown ? (
            <span className="ed-badge ed-badge-unavailable">{t("editor.unavailable.unknownType")}</span>
          ) : null}
          {contract && contract.effect !== "READ" && !isUnavailable ? <EffectBadge effect={contract.effect} /> : null}
          {errors > 0 ? (
            <span className="ed-badge ed-badge-error" title={t("editor.findings.errors", { count: errors })}>
              <CircleAlert size={12} aria-hidden />
              <span aria-hidden>{errors}</span>
              <span className="visually-hidden">{t("editor.findings.errors", { count: errors })}</span>
            </span>
          ) : null}
          {warnings > 0 ? (
            <span className="ed-badge ed-badge-warning" title={t("editor.findings.warnings", { count: warnings })}>
              <TriangleAlert size={12} aria-hidden />
              <span aria-hidden>{warnings}</span>
              <span className="visually-hidden">{t("editor.findings.warnings", { count: warnings })}</span>
            </span>
          ) : null}
        </span>
        {hasBlocks ? (
          <button
            type="button"
            tabIndex={-1}
            className="ed-fold"
            aria-label={
              isCollapsed ? t("editor.steps.expand", { name: title }) : t("editor.steps.collapse", { name: title })
            }
            onClick={(event) => {
              event.stopPropagation();
              onToggle(step, !isCollapsed);
            }}
          >
            {isCollapsed ? <ChevronRight size={16} aria-hidden /> : <ChevronDown size={16} aria-hidden />}
          </button>
        ) : null}
        <button
          type="button"
          tabIndex={-1}
          className="ed-icon-button ed-row-menu"
          aria-label={t("editor.menu.label", { name: title })}
          onClick={(event) => {
            event.stopPropagation();
            onSelect(step);
            onMenu(step);
          }}
        >
          <Ellipsis size={16} aria-hidden />
        </button>
      </div>
      {shared.canEdit && (!hasBlocks || isCollapsed) ? (
        <button
          type="button"
          tabIndex={-1}
          className="ed-insert"
          aria-label={t("editor.add.after", { name: title })}
          onClick={(event) => {
            event.stopPropagation();
            onAct("addAfter", step);
          }}
        >
          <Plus size={14} aria-hidden />
        </button>
      ) : null}
    </li>
  );
});

interface BlockHeadProps {
  id: string;
  parent: Key;
  block: string;
  level: number;
  top: number;
  position: number;
  size: number;
  count: number;
  isTabbable: boolean;
  isTarget: boolean;
  onAdd: (slot: Slot) => void;
}

/** The head of a block of steps: "then", "else", "for each item", "try", "catch". */
export const BlockHead = memo(function BlockHead(props: BlockHeadProps) {
  const { id, parent, block, level, count } = props;
  const t = useT();
  const { canEdit } = useShared();
  const label = t(`editor.block.${block}` as MessageId);
  return (
    <li
      role="treeitem"
      aria-level={level}
      aria-posinset={props.position}
      aria-setsize={props.size}
      aria-selected={false}
      aria-labelledby={`${id}-name${canEdit && count === 0 ? ` ${id}-add` : ""}`}
      tabIndex={props.isTabbable ? 0 : -1}
      data-row={id}
      data-drop={props.isTarget ? "inside" : undefined}
      className="ed-row ed-block"
      style={placed(level, props.top)}
    >
      <span id={`${id}-name`} className="ed-block-name">
        {label}
      </span>
      {canEdit ? (
        <button
          type="button"
          tabIndex={-1}
          className={count === 0 ? "ed-block-add ed-block-add-empty" : "ed-block-add"}
          id={`${id}-add`}
          title={t("editor.add.inBlock", { name: label })}
          onClick={() => props.onAdd({ parent, block, index: 0 })}
        >
          <Plus size={14} aria-hidden />{" "}
          {count === 0 ? (
            t("editor.add.first")
          ) : (
            <span className="visually-hidden">{t("editor.add.inBlock", { name: label })}</span>
          )}
        </button>
      ) : null}
    </li>
  );
});
