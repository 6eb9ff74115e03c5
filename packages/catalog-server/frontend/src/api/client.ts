import { useSyncExternalStore } from "react";

import type { components } from "./schema";

export type Schemas = components["schemas"];

/** What a failed request was answered with (RFC 9457), or that nothing was answered. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly document: Record<string, unknown> = {},
  ) {
    super(detail);
  }

  /** Every wrong value, with its path. */
  get errors(): { path: string; code: string; message: string }[] {
    return (this.document.errors as { path: string; code: string; message: string }[] | undefined) ?? [];
  }
}

/** What went wrong, in the server's words. */
export function detailOf(error: unknown): string {
  return error instanceof Problem ? error.detail : String(error);
}

export interface Answer<T> {
  body: T;
  etag: string | null;
}

interface Options {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

let language = "en";
let unreachable = "";
let onSignedOut: () => void = () => undefined;
let isReachable = true;
const watchers = new Set<() => void>();

/** Whether the server has answered the last request. */
export function useReachable(): boolean {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => isReachable,
  );
}

function note(answered: boolean): void {
  if (answered !== isReachable) {
    isReachable = answered;
    watchers.forEach((watcher) => watcher());
  }
}

/** Which language the server is asked for, what is said where it does not answer, and what happens when it may not know the session any more. */
export function configure(options: { language?: string; unreachable?: string; onSignedOut?: () => void }): void {
  language = options.language ?? language;
  unreachable = options.unreachable ?? unreachable;
  onSignedOut = options.onSignedOut ?? onSignedOut;
}

export async function send<T>(method: string, path: string, options: Options = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { "Accept-Language": language, ...options.headers };
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal ?? AbortSignal.timeout(30_000),
    });
  } catch (error) {
    if (options.signal?.aborted) {
      throw error;
    }
    note(false);
    throw new Problem(0, "UNREACHABLE", unreachable);
  }
  note(true);
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  const body = isJson && text ? (JSON.parse(text) as unknown) : undefined;
  if (!response.ok) {
    const document = (body ?? {}) as Record<string, unknown>;
    if (response.status === 401 && path !== "/api/session") {
      onSignedOut();
    }
    throw new Problem(
      response.status,
      String(document.code ?? "UNREADABLE_ANSWER"),
      String(document.detail ?? ""),
      document,
    );
  }
  return { body: body as T, etag: response.headers.get("ETag") };
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send<T>("GET", path, { signal })).body;
}

export async function post<T>(path: string, body: unknown = {}, headers?: Record<string, string>): Promise<T> {
  return (await send<T>("POST", path, { body, headers })).body;
}

export async function put<T>(path: string, body: unknown): Promise<T> {
  return (await send<T>("PUT", path, { body })).body;
}

export async function remove(path: string): Promise<void> {
  await send("DELETE", path);
}

/** A path with its query; what is undefined or empty is left out. */
export function withQuery(path: string, query: Record<string, string | number | boolean | undefined | null>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") {
      given.append(name, String(value));
    }
  }
  const text = given.toString();
  return text ? `${path}?${text}` : path;
}
