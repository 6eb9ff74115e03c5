import { useQuery } from "@tanstack/react-query";

import { get, Problem } from "../api/client";

interface Looked {
  ok: boolean;
  cause?: string;
}

export interface Worker {
  identity: string;
  fingerprint: string;
  heartbeatAgeSeconds: number;
  sameFingerprint: boolean;
  missingActions: string[];
  differentActions: string[];
  additionalActions: string[];
  differentDistributions: { name: string; here: string | null; there: string | null }[];
}

/** What `GET /health/ready` answers, whether the server is ready or not. */
export interface Health {
  status: "ready" | "degraded" | "unavailable";
  database: Looked;
  temporal: Looked;
  migrations: Looked & { pending?: Record<string, string[]> };
  fingerprint: string;
  discovery: {
    loaded: { distribution: string; version: string }[];
    failed: { distribution: string; version?: string; phase: string; cause: string }[];
    blocked: { distribution: string; version: string; cause: string }[];
    missingRequired: string[];
  };
  workers: Looked & { live?: Worker[] };
}

export const HEALTH_TONES = { ready: "success", degraded: "warning", unavailable: "danger" } as const;

export function useHealth() {
  return useQuery({
    queryKey: ["health"],
    queryFn: async ({ signal }) => {
      try {
        return await get<Health>("/health/ready", signal);
      } catch (error) {
        if (error instanceof Problem && error.status === 503 && "discovery" in error.document) {
          return error.document as unknown as Health;
        }
        throw error;
      }
    },
    refetchInterval: 5_000,
  });
}
