import { ChevronRight } from "lucide-react";
import { createContext, memo, useContext, useState } from "react";

import type { ActionContract, Catalog } from "../api/catalog";
import type { StepType } from "../editor/data";
import { typeOf } from "../editor/model/document";
import type { Json } from "../editor/model/json";
import { titleOf, typeLabel } from "../editor/tiles";
import { named, useT } from "../i18n";
import { ModuleIcon, TypeIcon } from "../ui/icons";
import { Badge, Button } from "../ui/kit";
import { type Step, STEP_TONES } from "./data";
import { milliseconds } from "./format";
import { StepDetails } from "./StepDetails";
import type { Part, StepNode } from "./tree";

/** What the steps of a run are shown with. */
export interface RunContent {
  runId: string;
  workflowId: string;
  canRun: boolean;
  catalog: Catalog;
  actions: ReadonlyMap<string, ActionContract>;
  stepTypes: ReadonlyMap<string, StepType>;
  /** The run has ended: what was not reached will not be. */
  isOver: boolean;
  onSettle: (invocationId: string) => void;
}

const Content = createContext<RunContent | null>(null);

/** What the steps of the run are shown with. */
export function useRunContent(): RunContent {
  const content = useContext(Content);
  if (content === null) {
    throw new Error("outside of a run");
  }
  return content;
}

/** The steps of a run, with those inside of them. */
export function StepTree({ nodes, content }: { nodes: readonly StepNode[]; content: RunContent }) {
  return (
    <Content value={content}>
      <Steps nodes={nodes} />
    </Content>
  );
}

function Steps({ nodes }: { nodes: readonly StepNode[] }) {
  return (
    <ol className="run-steps">
      {nodes.map((node) => (
        <li key={node.key}>
          <StepRow node={node} />
          <Parts parts={node.parts} />
        </li>
      ))}
    </ol>
  );
}

const StepRow = memo(function StepRow({ node }: { node: StepNode }) {
  const t = useT();
  const content = useRunContent();
  const { own, step } = node;
  const [chosen, setChosen] = useState<boolean | null>(null);
  // What went wrong shows itself, where it went wrong.
  const isOpen = chosen ?? (node.parts.length === 0 && step !== undefined && concerns(step));
  const type = typeOf(own) || (step?.type ?? "");
  const title = own === undefined ? (step?.definitionStepId ?? node.path) : titleOf(t, content, own);
  const module = step?.actionId ? content.catalog.moduleOf(step.actionId) : moduleIn(content, own);
  return (
    <article className={`run-step ${step === undefined && node.parts.length === 0 ? "unreached" : ""}`}>
      <button
        type="button"
        className="run-step-head"
        aria-expanded={isOpen}
        disabled={step === undefined}
        onClick={() => setChosen(!isOpen)}
      >
        {type === "action.call" ? <ModuleIcon token={module?.iconToken} /> : <TypeIcon type={type} />}
        <span className="run-step-name">
          <strong>{title}</strong>
          <small>{subtitle(content, t, type, title, step?.actionId ?? undefined)}</small>
        </span>
        {step?.wouldDo ? <Badge tone="warning">{t("runs.wouldDo")}</Badge> : null}
        {step && step.attempt > 1 ? <Badge>{t("runs.attempt", { number: step.attempt })}</Badge> : null}
        {step ? (
          <Badge tone={STEP_TONES[step.status]}>{named(t, "runs.step", step.status)}</Badge>
        ) : node.parts.length === 0 ? (
          <span className="muted">{t(content.isOver ? "runs.step.notReached" : "runs.step.toCome")}</span>
        ) : null}
        <span className="run-step-time">{step?.durationMs == null ? "" : milliseconds(step.durationMs)}</span>
        <ChevronRight size={16} aria-hidden className={`run-turn ${isOpen ? "turned" : ""}`} />
      </button>
      {isOpen && step ? <StepDetails step={step} /> : null}
    </article>
  );
});

/** Whether somebody has to look at it. */
function concerns({ status, type, error }: Step): boolean {
  return status === "FAILED" || (status === "WAITING" && (error !== null || type === "human.task"));
}

function moduleIn(content: RunContent, own: Json | undefined) {
  const actionId = (own as { config?: { actionId?: string } } | undefined)?.config?.actionId;
  return actionId === undefined ? undefined : content.catalog.moduleOf(actionId);
}

/** What it is, where its title does not say so. */
function subtitle(
  content: RunContent,
  t: ReturnType<typeof useT>,
  type: string,
  title: string,
  actionId: string | undefined,
): string {
  if (actionId === undefined) {
    const label = typeLabel(t, content, type);
    return label === title ? "" : label;
  }
  const module = content.catalog.moduleOf(actionId);
  const action = module?.actions.find((each) => each.id === actionId)?.label ?? actionId;
  return [module?.label, action === title ? undefined : action].filter(Boolean).join(" · ");
}

// ── Blocks and items ────────────────────────────────────────────────────────────────────────────────────────────

/** Items of a loop that are shown at once. */
const SHOWN = 25;

function Parts({ parts }: { parts: readonly Part[] }) {
  const t = useT();
  const [shown, setShown] = useState(SHOWN);
  if (parts.length === 0) {
    return null;
  }
  // What went wrong is never behind what did not.
  const visible = parts.filter((part, index) => index < shown || part.state !== "done");
  return (
    <div className="run-parts">
      {visible.map((part) =>
        part.item === null ? (
          <Block key={part.block} part={part} />
        ) : (
          <Item key={part.item} part={part} isAlone={parts.length === 1} />
        ),
      )}
      {visible.length < parts.length ? (
        <Button onPress={() => setShown(shown + 100)}>
          {t("runs.moreItems", { count: parts.length - visible.length })}
        </Button>
      ) : null}
    </div>
  );
}

function Block({ part }: { part: Part }) {
  const t = useT();
  return (
    <section>
      <h3 className="run-block">{named(t, "runs.block", part.block)}</h3>
      <Steps nodes={part.steps} />
    </section>
  );
}

const PART_TONES = { failed: "danger", waiting: "warning", underWay: "accent", done: "success" } as const;

function Item({ part, isAlone }: { part: Part; isAlone: boolean }) {
  const t = useT();
  const [chosen, setChosen] = useState<boolean | null>(null);
  const isOpen = chosen ?? (isAlone || part.state === "failed" || part.state === "waiting");
  return (
    <section>
      <button type="button" className="run-item" aria-expanded={isOpen} onClick={() => setChosen(!isOpen)}>
        <ChevronRight size={16} aria-hidden className={`run-turn ${isOpen ? "turned" : ""}`} />
        {t("runs.item", { number: (part.item ?? 0) + 1 })}
        <Badge tone={PART_TONES[part.state]}>{named(t, "runs.part", part.state)}</Badge>
      </button>
      {isOpen ? <Steps nodes={part.steps} /> : null}
    </section>
  );
}
