import { createContext, useContext } from "react";

import type { Key } from "./model/document";
import type { Finding } from "./model/findings";
import type { Json, Place } from "./model/json";
import type { Scope } from "./model/scope";

/** What the fields of the inspector belong to: a step, or the workflow itself. */
export interface Subject {
  /** Of the step; null: the workflow. */
  readonly key: Key | null;
  readonly own: Json;
  readonly scope: Scope;
  /** What can be read where values are assigned one after the other. */
  readonly findings: readonly Finding[];
  /** The action whose inputs have options. */
  readonly action?: { id: string; version: number };
  readonly set: (place: Place, value: Json | undefined) => void;
}

export const SubjectContext = createContext<Subject | null>(null);

export function useSubject(): Subject {
  const subject = useContext(SubjectContext);
  if (subject === null) {
    throw new Error("outside of the inspector");
  }
  return subject;
}
