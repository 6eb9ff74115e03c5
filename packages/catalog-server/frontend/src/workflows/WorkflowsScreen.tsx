import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Activity, Copy, Download, History, MoreHorizontal, Pause, Play, Plus, Trash2, TriangleAlert, Upload } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { FileTrigger, Input, SearchField } from "react-aria-components";
import { Link, useNavigate } from "react-router";

import { useCatalog } from "../api/catalog";
import { get, post, Problem, put, remove, type Schemas } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import { RUN_TONES } from "../runs/data";
import { may, type Session } from "../session/session";
import { ModuleIcon } from "../ui/icons";
import { Badge, Button, Empty, ErrorBanner, IconButton, Loading, MenuButton } from "../ui/kit";
import { tell } from "../ui/toasts";
import { useWorkflows, type WorkflowRow } from "./data";
import "./workflows.css";

type Definition = Record<string, unknown>;

/** All workflows of the tenant. */
export default function WorkflowsScreen({ session }: { session: Session }) {
  const t = useT();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [search, setSearch] = useState("");
  const searched = useDeferredValue(search.trim());
  const workflows = useWorkflows(searched);
  const [leaving, setLeaving] = useState<ReadonlySet<string>>(new Set());
  const rows = (workflows.data?.pages.flatMap((page) => page.workflows) ?? []).filter(
    (row) => !leaving.has(row.workflowId),
  );
  const canManage = may(session, "workflow:manage");
  const again = () => queries.invalidateQueries({ queryKey: ["workflows"] });
  const failed = (error: unknown) =>
    tell(t("workflows.failed", { detail: error instanceof Problem ? error.detail : String(error) }));

  const create = useMutation({
    mutationFn: (definition: Definition) =>
      post<Schemas["DefinitionAnswer"]>("/api/workflow-definitions", { definition }),
    onError: failed,
    onSettled: again,
  });
  const bringIn = useMutation({
    mutationFn: async (file: File) =>
      post<Schemas["ImportAnswer"]>("/api/workflow-definitions/import", JSON.parse(await file.text())),
    onSuccess: (answer) => tell(t("workflows.imported", { count: answer.createdWorkflows.length })),
    onError: failed,
    onSettled: again,
  });

  const begin = async () => {
    const made = await create.mutateAsync(emptyWorkflow(t("workflows.newName")));
    await navigate(`/workflows/${made.workflowId}`);
  };

  const duplicate = async (row: WorkflowRow) => {
    const { definition } = await get<Schemas["DefinitionAnswer"]>(
      `/api/workflow-definitions/${row.workflowId}/${row.draftVersion}`,
    );
    const name = t("workflows.copyOf", { name: row.name });
    await create.mutateAsync({ ...definition, name });
    tell(t("workflows.duplicated", { name }));
  };

  const pause = async (row: WorkflowRow, isPaused: boolean) => {
    const settle = (paused: boolean) =>
      put(`/api/workflow-definitions/${row.workflowId}/metadata`, { isPaused: paused }).then(again, failed);
    await settle(isPaused);
    tell(t(isPaused ? "workflows.paused" : "workflows.resumed", { name: row.name }), () => void settle(!isPaused));
  };

  /** It is gone from the list at once, and from the server when nobody has undone it. */
  const discard = (row: WorkflowRow) => {
    let undone = false;
    const restore = () => setLeaving((before) => new Set([...before].filter((id) => id !== row.workflowId)));
    setLeaving((before) => new Set([...before, row.workflowId]));
    tell(
      t("workflows.deleted", { name: row.name }),
      () => {
        undone = true;
        restore();
      },
      () => {
        if (!undone) {
          remove(`/api/workflow-definitions/${row.workflowId}`).then(again, (error: unknown) => {
            restore();
            failed(error);
          });
        }
      },
    );
  };

  const act = (row: WorkflowRow, what: string) => {
    const acts: Record<string, () => unknown> = {
      duplicate: () => duplicate(row).catch(failed),
      export: () => save(row).catch(failed),
      pause: () => pause(row, true),
      resume: () => pause(row, false),
      delete: () => discard(row),
      versions: () => navigate(`/workflows/${row.workflowId}/versions`),
      runs: () => navigate(`/runs?workflow=${row.workflowId}`),
    };
    acts[what]?.();
  };

  return (
    <div className="page">
      <title>{t("workflows.title")}</title>
      <header className="page-head">
        <h1>{t("workflows.title")}</h1>
        {canManage ? (
          <div className="page-tools">
            <FileTrigger
              acceptedFileTypes={["application/json"]}
              onSelect={(files) => files?.[0] && bringIn.mutate(files[0])}
            >
              <Button isDisabled={bringIn.isPending}>
                <Upload size={16} aria-hidden />
                {t("workflows.import")}
              </Button>
            </FileTrigger>
            <Button kind="primary" isDisabled={create.isPending} onPress={() => void begin().catch(() => undefined)}>
              <Plus size={16} aria-hidden />
              {t("workflows.create")}
            </Button>
          </div>
        ) : null}
      </header>
      <SearchField aria-label={t("workflows.search")} value={search} onChange={setSearch} className="workflows-search">
        <Input className="input" placeholder={t("workflows.search")} />
      </SearchField>
      {workflows.error && workflows.data === undefined ? (
        <ErrorBanner
          action={<Button onPress={() => void workflows.refetch()}>{t("shell.again")}</Button>}
        >
          {t("workflows.failed", { detail: workflows.error instanceof Problem ? workflows.error.detail : "" })}
        </ErrorBanner>
      ) : workflows.isPending ? (
        <Loading />
      ) : rows.length === 0 ? (
        <Empty title={t(searched ? "workflows.noMatch" : "workflows.empty")}>
          {searched ? null : <p>{t("workflows.emptyHint")}</p>}
        </Empty>
      ) : (
        <div className="table-box">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t("workflows.name")}</th>
                <th scope="col">{t("workflows.modules")}</th>
                <th scope="col">{t("workflows.status")}</th>
                <th scope="col" className="starts">
                  {t("workflows.trigger")}
                </th>
                <th scope="col">{t("workflows.lastRun")}</th>
                <th scope="col">
                  <span className="visually-hidden">{t("workflows.actions")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={row.workflowId} row={row} canManage={canManage} isAdmin={may(session, "workflow:admin")} onAct={act} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {workflows.hasNextPage ? (
        <Button isDisabled={workflows.isFetchingNextPage} onPress={() => void workflows.fetchNextPage()}>
          {t("workflows.moreWorkflows")}
        </Button>
      ) : null}
    </div>
  );
}

function Row({
  row,
  canManage,
  isAdmin,
  onAct,
}: {
  row: WorkflowRow;
  canManage: boolean;
  isAdmin: boolean;
  onAct: (row: WorkflowRow, what: string) => void;
}) {
  const t = useT();
  const choices = [
    ...(canManage ? [{ id: "duplicate", label: t("workflows.duplicate"), icon: <Copy size={16} aria-hidden /> }] : []),
    { id: "versions", label: t("versions.title"), icon: <History size={16} aria-hidden /> },
    { id: "runs", label: t("runs.title"), icon: <Activity size={16} aria-hidden /> },
    { id: "export", label: t("workflows.export"), icon: <Download size={16} aria-hidden /> },
    ...(canManage
      ? [
          row.isPaused
            ? { id: "resume", label: t("workflows.resume"), icon: <Play size={16} aria-hidden /> }
            : { id: "pause", label: t("workflows.pause"), icon: <Pause size={16} aria-hidden /> },
          { id: "delete", label: t("workflows.delete"), icon: <Trash2 size={16} aria-hidden />, isDangerous: true },
        ]
      : []),
  ];
  return (
    <tr>
      <th scope="row">
        <Link to={`/workflows/${row.workflowId}`} className="row-link">
          {row.name}
        </Link>
        {row.description ? <small>{row.description}</small> : null}
      </th>
      <td>
        <Modules row={row} isAdmin={isAdmin} />
      </td>
      <td>
        <Status row={row} />
      </td>
      <td className="muted starts">{triggerText(row, t)}</td>
      <td>
        <LastRuns row={row} />
      </td>
      <td className="table-actions">
        <MenuButton
          label={t("workflows.more", { name: row.name })}
          button={
            <IconButton label={t("workflows.more", { name: row.name })}>
              <MoreHorizontal size={16} aria-hidden />
            </IconButton>
          }
          choices={choices}
          onChoose={(what) => onAct(row, what)}
        />
      </td>
    </tr>
  );
}

function Status({ row }: { row: WorkflowRow }) {
  const t = useT();
  if (row.isPaused) {
    return <Badge tone="warning">{t("workflows.status.paused")}</Badge>;
  }
  return row.publishedVersion === null ? (
    <Badge>{t("workflows.status.draft")}</Badge>
  ) : (
    <Badge tone="success">
      {t("workflows.status.published")} · {t("workflows.version", { version: row.publishedVersion })}
    </Badge>
  );
}

/** How the last runs went, the newest first; each leads to its run. */
function LastRuns({ row }: { row: WorkflowRow }) {
  const t = useT();
  const { intl } = useLocale();
  const [last, ...before] = row.lastRuns;
  if (!last) {
    return <span className="muted">{t("workflows.neverRun")}</span>;
  }
  const at = (run: typeof last) => intl.formatDate(run.createdAt, { dateStyle: "short", timeStyle: "short" });
  return (
    <span className="last-run">
      <Link to={`/runs/${last.runId}`} className="last-run-link">
        <Badge tone={RUN_TONES[last.status]}>{named(t, "workflows.run", last.status)}</Badge>
        <time dateTime={last.createdAt} className="muted">
          {at(last)}
        </time>
      </Link>
      <span className="dots">
        {before.map((run) => (
          <Link
            key={run.runId}
            to={`/runs/${run.runId}`}
            className={`dot ${RUN_TONES[run.status]}`}
            title={`${named(t, "workflows.run", run.status)}, ${at(run)}`}
            aria-label={`${named(t, "workflows.run", run.status)}, ${at(run)}`}
          />
        ))}
      </span>
    </span>
  );
}

/** The modules that the draft uses; one that cannot be used says why. */
function Modules({ row, isAdmin }: { row: WorkflowRow; isAdmin: boolean }) {
  const t = useT();
  const catalog = useCatalog();
  if (!catalog) {
    return null;
  }
  const used = new Map(row.actionIds.map((id) => [catalog.moduleOf(id)?.groupKey ?? id, id] as const));
  return (
    <span className="modules">
      {[...used].map(([key, actionId]) => {
        const module = catalog.moduleByKey.get(key);
        const isMissing = module === undefined || !module.available;
        const reason = module === undefined ? t("workflows.module.missing", { action: actionId }) : module.reason;
        const label = [module?.label ?? actionId, isMissing ? (reason ?? t("workflows.module.unavailable")) : null]
          .filter(Boolean)
          .join(": ");
        const icon = <ModuleIcon token={module?.iconToken} size={16} />;
        return isMissing && isAdmin ? (
          <Link key={key} to="/connections" className="module missing" title={label} aria-label={label}>
            {icon}
            <TriangleAlert size={12} aria-hidden />
          </Link>
        ) : (
          <span key={key} className={`module ${isMissing ? "missing" : ""}`} role="img" title={label} aria-label={label}>
            {icon}
            {isMissing ? <TriangleAlert size={12} aria-hidden /> : null}
          </span>
        );
      })}
    </span>
  );
}

function triggerText(row: WorkflowRow, t: ReturnType<typeof useT>): string {
  const trigger = row.trigger as { type?: string; eventName?: string } | null;
  return trigger?.type === "event"
    ? t("workflows.trigger.event", { event: trigger.eventName ?? "?" })
    : named(t, "workflows.trigger", trigger?.type ?? "manual");
}

/** The bundle as a file of the user's. */
async function save(row: WorkflowRow): Promise<void> {
  const bundle = await get<unknown>(`/api/workflow-definitions/${row.workflowId}/export`);
  const address = URL.createObjectURL(new Blob([JSON.stringify(bundle, null, 2)], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: `${row.key ?? row.name}.json` });
  link.click();
  URL.revokeObjectURL(address);
}

function emptyWorkflow(name: string): Definition {
  return { id: crypto.randomUUID(), version: 1, name, payloadSchemaRef: "payload.Empty.v1", steps: [] };
}
