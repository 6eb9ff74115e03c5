import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft } from "lucide-react";
import { useEffect, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";

import { detailOf, post, Problem, type Schemas } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import { JobList } from "../jobs/JobList";
import { ModuleIcon } from "../ui/icons";
import { Badge, Button, Empty, ErrorBanner, Facts, ModalDialog, WorkflowLinks } from "../ui/kit";
import { tell } from "../ui/toasts";
import { ConnectForm } from "./ConnectForm";
import { type Detail, forgetConnection, pathOf, STATUS_TONES, useIntegration } from "./data";
import { Disconnect } from "./Disconnect";
import { Mappings } from "./Mappings";
import { Webhook } from "./Webhook";
import "./connections.css";

/** One integration: connecting it, and what goes on between it and the tenant. */
export default function ConnectionScreen() {
  const t = useT();
  const { provider = "" } = useParams();
  const integration = useIntegration(provider);
  if (integration.error && !integration.data) {
    const isGone = integration.error instanceof Problem && integration.error.status === 404;
    return (
      <Empty title={isGone ? t("connections.gone") : detailOf(integration.error)}>
        <Link to="/connections">{t("connections.back")}</Link>
      </Empty>
    );
  }
  if (!integration.data) {
    return <div className="page" role="status" aria-label={t("shell.loading")} />;
  }
  return <Shown key={provider} detail={integration.data} />;
}

function Shown({ detail }: { detail: Detail }) {
  const t = useT();
  const queries = useQueryClient();
  const [connects, setConnects] = useState(false);
  const [disconnects, setDisconnects] = useState(false);
  const failure = useReturn(detail.label);
  const isConnected = detail.status !== "not_connected";
  const mustConnect = !isConnected || detail.status === "reconnect_required";
  const test = useMutation({
    mutationFn: () => post<Schemas["CheckAnswer"]>(`${pathOf(detail.provider)}/test`),
    onSuccess: ({ ok }) => tell(t(ok ? "connections.test.ok" : "connections.test.failed", { name: detail.label })),
    onError: (error) => tell(detailOf(error)),
    onSettled: () => forgetConnection(queries),
  });
  return (
    <div className="page">
      <title>{detail.label}</title>
      <header className="page-head">
        <div className="page-title">
          <Link to="/connections" aria-label={t("connections.back")} className="page-back">
            <ChevronLeft size={18} aria-hidden />
          </Link>
          <ModuleIcon token={detail.icon} size={28} />
          <h1>{detail.label}</h1>
          <span role="status">
            <Badge tone={STATUS_TONES[detail.status]}>{named(t, "connections.status", detail.status)}</Badge>
          </span>
        </div>
        <div className="page-tools">
          {isConnected ? (
            <>
              <Button kind="quiet" onPress={() => setDisconnects(true)}>
                {t("connections.disconnect")}
              </Button>
              <Button isDisabled={test.isPending} onPress={() => test.mutate()}>
                {t(test.isPending ? "connections.test.pending" : "connections.test")}
              </Button>
            </>
          ) : null}
          <Button kind={mustConnect ? "primary" : "plain"} onPress={() => setConnects(true)}>
            {t(isConnected ? "connections.connectAgain" : "connections.connect")}
          </Button>
        </div>
      </header>
      <p className="muted">{detail.description}</p>
      {failure ? <ErrorBanner>{failure}</ErrorBanner> : null}
      {detail.reason ? (
        <ErrorBanner>
          {detail.reason.message} <code>{detail.reason.code}</code>
        </ErrorBanner>
      ) : null}
      {isConnected ? <Connected detail={detail} /> : null}
      <Uses detail={detail} />
      <ModalDialog
        title={t("connections.connect.title", { name: detail.label })}
        isOpen={connects}
        onClose={() => setConnects(false)}
      >
        <ConnectForm detail={detail} onClose={() => setConnects(false)} />
      </ModalDialog>
      <ModalDialog
        title={t("connections.disconnect.title", { name: detail.label })}
        isOpen={disconnects}
        onClose={() => setDisconnects(false)}
      >
        <Disconnect detail={detail} onClose={() => setDisconnects(false)} />
      </ModalDialog>
    </div>
  );
}

/** Back from the other system: tells how it went, once; answers why it did not work. */
function useReturn(name: string): string | null {
  const t = useT();
  const queries = useQueryClient();
  const [query, setQuery] = useSearchParams();
  const [failure, setFailure] = useState<string | null>(null);
  const result = query.get("result");
  const code = query.get("code") ?? "";
  useEffect(() => {
    if (result === null) {
      return;
    }
    if (result === "connected") {
      tell(t("connections.connected", { name }));
      void forgetConnection(queries);
    } else {
      const known = named(t, "connections.failed", code);
      setFailure(known === code ? t("connections.failed", { code }) : known);
    }
    setQuery({}, { replace: true });
  }, [result, code, name, t, queries, setQuery]);
  return failure;
}

/** What there is to see of a connection that is there. */
function Connected({ detail }: { detail: Detail }) {
  const t = useT();
  const { intl } = useLocale();
  const method = detail.methods.find(({ key }) => key === detail.method);
  const granted = detail.scopes.filter((scope) => scope.granted).map((scope) => scope.label);
  const since = detail.connectedAt && intl.formatDate(detail.connectedAt, { dateStyle: "medium", timeStyle: "short" });
  return (
    <>
      <Facts
        facts={[
          [t("connections.account"), detail.account],
          [t("connections.since"), since],
          [t("connections.method"), method?.label],
          [t("connections.scopes.granted"), granted.join(", ")],
        ]}
      />
      {detail.mappings.map((kind) => (
        <Mappings key={kind.key} provider={detail.provider} kind={kind} name={detail.label} />
      ))}
      <section aria-label={t("jobs.title")}>
        <h2 className="section-title">{t("jobs.title")}</h2>
        <JobList provider={detail.provider} canRun />
      </section>
      {detail.webhook ? <Webhook detail={detail} webhook={detail.webhook} /> : null}
    </>
  );
}

function Uses({ detail }: { detail: Detail }) {
  const t = useT();
  return (
    <section aria-label={t("connections.workflows")}>
      <h2 className="section-title">{t("connections.workflows")}</h2>
      {detail.workflows.length === 0 ? (
        <p className="muted">{t("connections.workflows.none")}</p>
      ) : (
        <WorkflowLinks workflows={detail.workflows} />
      )}
    </section>
  );
}
