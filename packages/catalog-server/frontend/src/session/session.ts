import { useQuery } from "@tanstack/react-query";

import { get, Problem, type Schemas } from "../api/client";

export type Session = Schemas["SessionAnswer"];

/** Who is signed in; null: nobody. */
export function useSession() {
  return useQuery({
    queryKey: ["session"],
    queryFn: async ({ signal }) => {
      try {
        return await get<Session>("/api/session", signal);
      } catch (error) {
        if (error instanceof Problem && error.status === 401) {
          return null;
        }
        throw error;
      }
    },
    staleTime: 60_000,
  });
}

export const may = (session: Session, permission: string) => session.permissions.includes(permission);
