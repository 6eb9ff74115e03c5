/** What an administrator has to know of the platform's state, as sentences. */

import { named, type Translate } from "../i18n";
import type { Health, Worker } from "./data";

/** Everything that is not as it should be; empty: all is well. */
export function problemsOf(t: Translate, health: Health): string[] {
  const { database, temporal, migrations, discovery, workers } = health;
  const causes = [database, temporal, migrations, workers].flatMap(({ cause }) => cause ?? []);
  return [
    ...new Set(causes),
    ...Object.entries(migrations.pending ?? {}).map(([name, ids]) =>
      t("system.problem.migrations", { name, ids: ids.join(", ") }),
    ),
    ...discovery.missingRequired.map((name) => t("system.problem.required", { name })),
    ...discovery.failed.map(({ distribution: name, phase, cause }) =>
      t("system.problem.failed", { name, phase: named(t, "system.phase", phase), cause }),
    ),
    ...discovery.blocked.map(({ distribution: name, cause }) => t("system.problem.blocked", { name, cause })),
    ...(workers.live?.length === 0 ? [t("system.problem.noWorker")] : []),
    ...(workers.live?.some((worker) => !worker.sameFingerprint) ? [t("system.problem.workers")] : []),
  ];
}

/** In what a worker differs from the server; empty: in nothing. */
export function differencesOf(t: Translate, worker: Worker): string[] {
  if (worker.sameFingerprint) {
    return [];
  }
  const actions = (
    [
      ["system.difference.missing", worker.missingActions],
      ["system.difference.changed", worker.differentActions],
      ["system.difference.additional", worker.additionalActions],
    ] as const
  ).flatMap(([id, ids]) => (ids.length === 0 ? [] : [t(id, { count: ids.length, ids: ids.join(", ") })]));
  const distributions = worker.differentDistributions.map(({ name, here, there }) =>
    here === null
      ? t("system.difference.onlyThere", { name, there })
      : there === null
        ? t("system.difference.onlyHere", { name, here })
        : t("system.difference.version", { name, here, there }),
  );
  return [...distributions, ...actions];
}
