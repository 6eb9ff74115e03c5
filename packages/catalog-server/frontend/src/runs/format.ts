import type { Translate } from "../i18n";
import type { Run } from "./data";

/** How a run is called: as its workflow, or as what it tries out. */
export function nameOf(t: Translate, run: Pick<Run, "workflowName" | "cause">): string {
  return run.workflowName ?? t(run.cause === "test" ? "runs.ofTest" : "runs.ofNone");
}

/** How long a run took, or has taken so far. */
export function duration(run: Pick<Run, "startedAt" | "completedAt">): string {
  if (run.startedAt === null) {
    return "";
  }
  const end = run.completedAt === null ? Date.now() : Date.parse(run.completedAt);
  return milliseconds(end - Date.parse(run.startedAt));
}

export function milliseconds(taken: number): string {
  const whole = Math.max(0, Math.round(taken));
  if (whole < 1000) {
    return `${whole} ms`;
  }
  if (whole < 59_950) {
    return `${(whole / 1000).toFixed(1)} s`;
  }
  const seconds = Math.round(whole / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
