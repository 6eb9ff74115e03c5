import { useEffect, useState } from "react";

import { validate } from "./data";
import { toDefinition, type WorkflowDocument } from "./model/document";
import { type Findings, indexFindings, NO_FINDINGS } from "./model/findings";

/** Milliseconds without a change after which the server is asked. */
const QUIET = 450;

export interface Validation {
  findings: Findings;
  /** Whether the server has said anything yet. */
  isKnown: boolean;
  /** Whether they are about the document as it is now. */
  isCurrent: boolean;
  /** Whether the server could not be asked. */
  isFailed: boolean;
}

/** What the server says about the document, a moment after each change and whenever the catalog has changed. */
export function useValidation(document: WorkflowDocument, catalog: unknown): Validation {
  const [validated, setValidated] = useState<{ document: WorkflowDocument; findings: Findings } | null>(null);
  const [isFailed, setFailed] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const verdict = await validate(toDefinition(document), controller.signal);
        const findings = indexFindings(document, [...verdict.errors, ...verdict.warnings]);
        setValidated({ document, findings });
        setFailed(false);
      } catch {
        if (!controller.signal.aborted) {
          setFailed(true);
        }
      }
    }, QUIET);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
    // The catalog is not read, but what it holds decides what the server finds.
  }, [document, catalog]);
  return {
    findings: validated?.findings ?? NO_FINDINGS,
    isKnown: validated !== null,
    isCurrent: validated?.document === document,
    isFailed,
  };
}
