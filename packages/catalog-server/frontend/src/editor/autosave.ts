import { useCallback, useEffect, useReducer, useRef } from "react";

import { Problem } from "../api/client";
import { loadWorkflow, saveDraft } from "./data";
import { toDefinition, type WorkflowDocument } from "./model/document";
import type { JsonObject } from "./model/json";
import { isDue, isUnsaved, nextSaving, type Saving } from "./model/saving";

/** Milliseconds without a change after which the draft is stored. */
const QUIET = 900;
/** Milliseconds until what failed is tried again. */
const AGAIN = 5000;

export interface Autosave {
  saving: Saving;
  /** Stores what is there now; whether it is stored then. */
  flush: () => Promise<boolean>;
  /** Writes over what somebody else saved. */
  overwrite: () => Promise<void>;
  /** Gives up the own changes for what somebody else saved. */
  takeTheirs: () => Promise<JsonObject>;
}

/** Stores the draft by itself, a moment after each change. */
export function useAutosave(workflowId: string, etag: string, document: WorkflowDocument, canEdit: boolean): Autosave {
  const [saving, dispatch] = useReducer(nextSaving, { status: "saved", etag });
  const current = useRef({ document, saving, stored: document });
  current.current.document = document;
  current.current.saving = saving;
  const sending = useRef<Promise<boolean> | null>(null);
  // The next document is what the server has.
  const isLoading = useRef(false);

  const store = useCallback(
    async (tag: string): Promise<boolean> => {
      const sent = current.current.document;
      dispatch({ type: "sent" });
      try {
        const stored = await saveDraft(workflowId, toDefinition(sent), tag);
        current.current.stored = sent;
        dispatch({ type: "stored", etag: stored });
        return true;
      } catch (error) {
        if (error instanceof Problem && error.status === 412) {
          dispatch({ type: "conflicted" });
        } else {
          const problem = error instanceof Problem ? error : undefined;
          // What the server does not take now it may take after the next change; the rest may pass, as signing in does.
          const retry = problem === undefined || problem.status >= 500 || [0, 401, 429].includes(problem.status);
          dispatch({ type: "refused", message: problem?.detail ?? "", retry });
        }
        return false;
      }
    },
    [workflowId],
  );

  useEffect(() => {
    if (isLoading.current) {
      isLoading.current = document === current.current.stored;
      current.current.stored = document;
    } else if (canEdit && document !== current.current.stored) {
      dispatch({ type: "edited" });
    }
  }, [document, canEdit]);

  useEffect(() => {
    if (!canEdit || !isDue(saving)) {
      return;
    }
    const timer = setTimeout(
      () => {
        sending.current = store(saving.etag);
      },
      saving.status === "failed" ? AGAIN : QUIET,
    );
    return () => clearTimeout(timer);
    // Every change of the document begins the wait anew.
  }, [saving, document, canEdit, store]);

  useEffect(() => {
    const guard = (event: BeforeUnloadEvent) => {
      if (isUnsaved(current.current.saving)) {
        event.preventDefault();
      }
    };
    window.addEventListener("beforeunload", guard);
    return () => window.removeEventListener("beforeunload", guard);
  }, []);

  const flush = useCallback(async () => {
    if (current.current.saving.status === "saving") {
      await sending.current;
    }
    // A render may lie between what was stored and what is known of it.
    await new Promise((resolve) => setTimeout(resolve));
    const { saving: now, document: latest, stored } = current.current;
    if (now.status === "saved" && latest === stored) {
      return true;
    }
    if (now.status === "conflict") {
      return false;
    }
    sending.current = store(now.etag);
    return sending.current;
  }, [store]);

  const overwrite = useCallback(async () => {
    const theirs = await loadWorkflow(workflowId);
    dispatch({ type: "overwrite", etag: theirs.etag });
  }, [workflowId]);

  const takeTheirs = useCallback(async () => {
    const theirs = await loadWorkflow(workflowId);
    isLoading.current = true;
    dispatch({ type: "loaded", etag: theirs.etag });
    return theirs.draft.definition;
  }, [workflowId]);

  return { saving, flush, overwrite, takeTheirs };
}
