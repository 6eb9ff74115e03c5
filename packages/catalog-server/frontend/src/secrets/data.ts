import { useQuery } from "@tanstack/react-query";

import { get, type Schemas } from "../api/client";

export type Secret = Schemas["SecretAnswer"];

/** The tenant's secrets, by name; their values are told to nobody. */
export function useSecrets() {
  return useQuery({
    queryKey: ["secrets"],
    queryFn: ({ signal }) => get<Schemas["SecretList"]>("/api/workflow/secrets", signal),
    select: ({ secrets }) => secrets,
  });
}

export function pathOf(name: string): string {
  return `/api/workflow/secrets/${encodeURIComponent(name)}`;
}
