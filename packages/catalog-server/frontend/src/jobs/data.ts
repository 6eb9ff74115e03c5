import { useQuery } from "@tanstack/react-query";

import { get, type Schemas, withQuery } from "../api/client";
import { useLocale } from "../i18n";

export type Job = Schemas["JobAnswer"];
export type JobRun = Schemas["JobRunAnswer"];

export const JOB_TONES = {
  queued: "plain",
  running: "accent",
  succeeded: "success",
  failed: "danger",
  cancelled: "plain",
} as const;

/** The jobs of one integration, or of all; while one is under way, each second. */
export function useJobs(provider?: string) {
  const { locale } = useLocale();
  return useQuery({
    queryKey: ["jobs", provider, locale],
    queryFn: ({ signal }) => get<Schemas["JobList"]>(withQuery("/api/jobs", { provider }), signal),
    select: ({ jobs }) => jobs,
    refetchInterval: (query) => (query.state.data?.jobs.some((job) => job.underWay !== null) ? 1_000 : 10_000),
  });
}

/** The last runs of a job, the newest first. */
export function useJobRuns(jobId: string) {
  return useQuery({
    queryKey: ["jobRuns", jobId],
    queryFn: ({ signal }) =>
      get<Schemas["JobRunList"]>(withQuery(`/api/jobs/${encodeURIComponent(jobId)}/runs`, { limit: 20 }), signal),
    select: ({ runs }) => runs,
    refetchInterval: 5_000,
  });
}
