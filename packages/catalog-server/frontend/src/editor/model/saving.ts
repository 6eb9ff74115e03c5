/** What is to be saved, and when: the draft follows the document by itself, and never over somebody else's. */

export type Saving =
  /** Everything is stored. */
  | { status: "saved"; etag: string }
  /** There are changes that nobody has sent yet. */
  | { status: "changed"; etag: string }
  /** Some are on their way; `again` when there were more since. */
  | { status: "saving"; etag: string; again: boolean }
  /** They could not be stored; `retry` when trying again may help. */
  | { status: "failed"; etag: string; message: string; retry: boolean }
  /** Somebody else has saved since. */
  | { status: "conflict"; etag: string };

export type SavingEvent =
  | { type: "edited" }
  | { type: "sent" }
  | { type: "stored"; etag: string }
  | { type: "refused"; message: string; retry: boolean }
  | { type: "conflicted" }
  /** What somebody else saved is to be written over; their tag. */
  | { type: "overwrite"; etag: string }
  /** What is stored was read anew. */
  | { type: "loaded"; etag: string };

export function nextSaving(state: Saving, event: SavingEvent): Saving {
  const { etag } = state;
  switch (event.type) {
    case "edited":
      if (state.status === "conflict" || state.status === "changed") {
        return state;
      }
      return state.status === "saving" ? { ...state, again: true } : { status: "changed", etag };
    case "sent":
      return { status: "saving", etag, again: false };
    case "stored":
      return state.status === "saving" && state.again
        ? { status: "changed", etag: event.etag }
        : { status: "saved", etag: event.etag };
    case "refused":
      return { status: "failed", etag, message: event.message, retry: event.retry };
    case "conflicted":
      return { status: "conflict", etag };
    case "overwrite":
      return { status: "changed", etag: event.etag };
    case "loaded":
      return { status: "saved", etag: event.etag };
  }
}

/** Whether leaving now would lose something. */
export function isUnsaved(state: Saving): boolean {
  return state.status !== "saved";
}

/** Whether the document is to be sent in a moment. */
export function isDue(state: Saving): boolean {
  return state.status === "changed" || (state.status === "failed" && state.retry);
}
