/** A run as it goes on. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { get } from "../api/client";
import { isUnderWay, type RunDetail, type Step } from "./data";

interface Steps {
  steps: Step[];
}

/** Milliseconds between two looks where the server's stream cannot be had. */
const LOOK = 3_000;

/** A run and its steps; while it is under way, the server says at once what changes. */
export function useLiveRun(id: string) {
  const queries = useQueryClient();
  const [isCut, setCut] = useState(false);
  const run = useQuery({
    queryKey: ["run", id],
    queryFn: ({ signal }) => get<RunDetail>(`/api/workflow-runs/${id}`, signal),
    refetchInterval: (query) => (isCut && isUnderWay(query.state.data?.status) ? LOOK : false),
  });
  const goesOn = isUnderWay(run.data?.status);
  const steps = useQuery({
    queryKey: ["steps", id],
    queryFn: ({ signal }) => get<Steps>(`/api/workflow-runs/${id}/steps`, signal),
    refetchInterval: isCut && goesOn ? LOOK : false,
  });
  const isKnown = steps.data !== undefined;
  useEffect(() => {
    // What changes before this is read is told again at the stream's beginning.
    if (!goesOn || !isKnown) {
      return;
    }
    const stream = new EventSource(`/api/workflow-runs/${id}/events`);
    const news = new Map<string, Step>();
    let frame = 0;
    const show = () => {
      frame = 0;
      queries.setQueryData<Steps>(["steps", id], (before) => merged(before, news));
      news.clear();
    };
    stream.addEventListener("step", (event: MessageEvent<string>) => {
      const step = JSON.parse(event.data) as Step;
      news.set(step.stepId, step);
      frame ||= requestAnimationFrame(show);
    });
    const take = (event: MessageEvent<string>) => {
      const changed = JSON.parse(event.data) as Partial<RunDetail>;
      queries.setQueryData<RunDetail>(["run", id], (before) => before && { ...before, ...changed });
    };
    stream.addEventListener("run", take);
    stream.addEventListener("end", take);
    stream.addEventListener("open", () => setCut(false));
    stream.addEventListener("error", () => setCut(stream.readyState === EventSource.CLOSED));
    return () => {
      stream.close();
      cancelAnimationFrame(frame);
      for (const key of ["run", "steps"]) {
        void queries.invalidateQueries({ queryKey: [key, id] });
      }
    };
  }, [id, goesOn, isKnown, queries]);
  // What was read once is shown on, whatever becomes of a later look.
  const error = (run.data ? null : run.error) ?? (steps.data ? null : steps.error);
  const again = () => {
    void run.refetch();
    void steps.refetch();
  };
  return { run, steps: steps.data?.steps, error, again };
}

function merged(before: Steps | undefined, news: ReadonlyMap<string, Step>): Steps {
  const known = new Map(before?.steps.map((step) => [step.stepId, step]));
  for (const [id, step] of news) {
    known.set(id, step);
  }
  return { steps: [...known.values()].sort((one, other) => one.sequence - other.sequence) };
}
