import { useRef } from "react";

import { post, Problem } from "./client";

/** Sends a request that starts a run; the same one again, after no answer came to it, starts the same run. */
export function useStarting<T>(): (path: string, body?: unknown) => Promise<T> {
  const sent = useRef<{ what: string; key: string } | null>(null);
  return async (path, body = {}) => {
    const what = `${path} ${JSON.stringify(body)}`;
    const key = sent.current?.what === what ? sent.current.key : newKey();
    sent.current = { what, key };
    try {
      const answer = await post<T>(path, body, { "Idempotency-Key": key });
      sent.current = null;
      return answer;
    } catch (error) {
      if (error instanceof Problem && error.status >= 400 && error.status < 500) {
        sent.current = null; // refused: nothing was started
      }
      throw error;
    }
  };
}

/** Not `randomUUID`, which there is only where the page came by HTTPS. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
