import { useMemo } from "react";

import { type Catalog, useActions, useCatalog } from "../api/catalog";
import { detailOf } from "../api/client";
import { useT } from "../i18n";
import { JobList } from "../jobs/JobList";
import { ModuleIcon } from "../ui/icons";
import { Badge, Button, ErrorBanner, Loading, Table } from "../ui/kit";
import { type Health, HEALTH_TONES, useHealth, type Worker } from "./data";
import { differencesOf, problemsOf } from "./problems";
import "./system.css";

/** For administrators: what is installed, which processes run it, and what goes on in the background. */
export default function SystemScreen() {
  const t = useT();
  const health = useHealth();
  return (
    <div className="page">
      <title>{t("system.title")}</title>
      <header className="page-head">
        <div className="page-title">
          <h1>{t("system.title")}</h1>
          {health.data ? (
            <span role="status">
              <Badge tone={HEALTH_TONES[health.data.status]}>{t(`system.status.${health.data.status}`)}</Badge>
            </span>
          ) : null}
        </div>
      </header>
      {health.error ? (
        <ErrorBanner action={<Button onPress={() => void health.refetch()}>{t("shell.again")}</Button>}>
          {detailOf(health.error)}
        </ErrorBanner>
      ) : health.data === undefined ? (
        <Loading />
      ) : (
        <>
          <Problems health={health.data} />
          <Packages health={health.data} />
          <Processes health={health.data} />
        </>
      )}
      <section aria-label={t("system.jobs")}>
        <h2 className="section-title">{t("system.jobs")}</h2>
        <JobList canRun />
      </section>
    </div>
  );
}

function Problems({ health }: { health: Health }) {
  const t = useT();
  const problems = problemsOf(t, health);
  if (problems.length === 0) {
    return <p className="muted">{t("system.well")}</p>;
  }
  return (
    <section aria-label={t("system.problems")}>
      <h2 className="section-title">{t("system.problems")}</h2>
      <ul className={`banner system-problems ${health.status === "unavailable" ? "" : "warning"}`}>
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </section>
  );
}

/** Every package that is installed, with the modules that it brings, or why it brings none. */
function Packages({ health }: { health: Health }) {
  const t = useT();
  const contents = useContents();
  const { loaded, failed, blocked } = health.discovery;
  const rows = [
    ...loaded.map((each) => ({ ...each, state: "loaded" as const, cause: null })),
    ...failed.map((each) => ({ ...each, version: each.version ?? "–", state: "failed" as const })),
    ...blocked.map((each) => ({ ...each, state: "blocked" as const })),
  ].sort((one, other) => one.distribution.localeCompare(other.distribution));
  return (
    <section aria-label={t("system.packages")}>
      <h2 className="section-title">{t("system.packages")}</h2>
      <Table columns={[t("system.package"), t("system.version"), t("system.state"), t("system.modules")]}>
        {rows.map(({ distribution, version, state, cause }) => (
          <tr key={distribution}>
            <th scope="row">
              <code>{distribution}</code>
              {cause === null ? null : <small className="system-cause">{cause}</small>}
            </th>
            <td className="muted">{version}</td>
            <td>
              <Badge tone={STATE_TONES[state]}>{t(`system.state.${state}`)}</Badge>
            </td>
            <td>
              <Modules contents={contents?.get(distribution) ?? NOTHING} />
            </td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

const STATE_TONES = { loaded: "success", failed: "danger", blocked: "warning" } as const;

interface Contents {
  modules: Catalog["modules"];
  actions: number;
}

const NOTHING: Contents = { modules: [], actions: 0 };

function Modules({ contents: { modules, actions } }: { contents: Contents }) {
  const t = useT();
  return modules.length === 0 ? (
    <span className="muted">–</span>
  ) : (
    <ul className="system-modules">
      {modules.map((module) => (
        <li key={module.groupKey}>
          <ModuleIcon token={module.iconToken} />
          {module.label}
        </li>
      ))}
      <li className="muted">{t("system.actions", { count: actions })}</li>
    </ul>
  );
}

/** The modules and the number of actions of each package. */
function useContents(): Map<string, Contents> | undefined {
  const actions = useActions();
  const catalog = useCatalog();
  return useMemo(() => {
    if (!actions || !catalog) {
      return undefined;
    }
    const found = new Map<string, Contents>();
    for (const action of actions.values()) {
      const { modules, actions: count } = found.get(action.distribution) ?? NOTHING;
      const module = catalog.moduleByKey.get(action.groupKey);
      const isNew = module !== undefined && !modules.includes(module);
      found.set(action.distribution, { modules: isNew ? [...modules, module] : modules, actions: count + 1 });
    }
    return found;
  }, [actions, catalog]);
}

/** This server and the workers: whether they can all do the same. */
function Processes({ health }: { health: Health }) {
  const t = useT();
  return (
    <section aria-label={t("system.processes")}>
      <h2 className="section-title">{t("system.processes")}</h2>
      <Table columns={[t("system.process"), t("system.fingerprint"), t("system.compared"), t("system.heard")]}>
        <tr>
          <th scope="row">{t("system.server")}</th>
          <td>
            <Fingerprint value={health.fingerprint} />
          </td>
          <td className="muted">–</td>
          <td className="muted">{t("system.now")}</td>
        </tr>
        {health.workers.live?.map((worker) => (
          <WorkerRow key={worker.identity} worker={worker} />
        ))}
      </Table>
    </section>
  );
}

function WorkerRow({ worker }: { worker: Worker }) {
  const t = useT();
  const differences = differencesOf(t, worker);
  return (
    <tr>
      <th scope="row">{t("system.worker", { name: worker.identity })}</th>
      <td>
        <Fingerprint value={worker.fingerprint} />
      </td>
      <td>
        {worker.sameFingerprint ? (
          <Badge tone="success">{t("system.same")}</Badge>
        ) : (
          <>
            <Badge tone="warning">{t("system.different")}</Badge>
            <ul className="system-differences">
              {differences.map((difference) => (
                <li key={difference}>{difference}</li>
              ))}
            </ul>
          </>
        )}
      </td>
      <td className="muted">{t("system.secondsAgo", { seconds: Math.round(worker.heartbeatAgeSeconds) })}</td>
    </tr>
  );
}

function Fingerprint({ value }: { value: string }) {
  return (
    <code className="muted" title={value}>
      {value.slice(0, 12)}
    </code>
  );
}
