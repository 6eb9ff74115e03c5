import { createContext, useContext } from "react";

import type { WorkflowDocument } from "./model/document";

/** The document as it is now: for the few parts that look beyond their own step. */
export const DocumentContext = createContext<WorkflowDocument | null>(null);

export function useDocument(): WorkflowDocument {
  const document = useContext(DocumentContext);
  if (document === null) {
    throw new Error("outside of the editor");
  }
  return document;
}
