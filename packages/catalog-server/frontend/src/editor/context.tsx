import { createContext, type Dispatch, useContext } from "react";

import type { ActionContract, Catalog, EventType } from "../api/catalog";
import type { StepType } from "./data";
import type { Action } from "./model/editor";
import type { Remembered } from "./model/modes";
import type { Environment } from "./model/scope";

/** What every part of the editor shares; it changes seldom, and never with the document. */
export interface Shared {
  readonly workflowId: string;
  readonly canEdit: boolean;
  readonly canRun: boolean;
  readonly catalog: Catalog;
  readonly actions: ReadonlyMap<string, ActionContract>;
  readonly events: readonly EventType[];
  readonly stepTypes: ReadonlyMap<string, StepType>;
  readonly dispatch: Dispatch<Action>;
  /** What fields had in their other modes, by step and place. */
  readonly memory: Map<string, Remembered>;
  /** Tells who cannot see it what happened. */
  readonly announce: (words: string) => void;
  /** The names of the tenant's secrets, where the user may see them. */
  readonly secretNames: readonly string[] | undefined;
}

export const SharedContext = createContext<Shared | null>(null);
export const EnvironmentContext = createContext<Environment | null>(null);

export function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (shared === null) {
    throw new Error("outside of the editor");
  }
  return shared;
}

export function useEnvironment(): Environment {
  const environment = useContext(EnvironmentContext);
  if (environment === null) {
    throw new Error("outside of the editor");
  }
  return environment;
}
