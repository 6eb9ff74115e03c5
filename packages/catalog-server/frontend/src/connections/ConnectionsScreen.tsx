import { Link } from "react-router";

import { detailOf } from "../api/client";
import { named, useT } from "../i18n";
import { may, type Session } from "../session/session";
import { ModuleIcon } from "../ui/icons";
import { Badge, Button, Empty, ErrorBanner } from "../ui/kit";
import { type Integration, STATUS_TONES, useIntegrations } from "./data";
import "./connections.css";

/** All installed integrations, and how the tenant stands with each. */
export default function ConnectionsScreen({ session }: { session: Session }) {
  const t = useT();
  const integrations = useIntegrations();
  const isAdmin = may(session, "workflow:admin");
  return (
    <div className="page">
      <title>{t("connections.title")}</title>
      <header className="page-head">
        <h1>{t("connections.title")}</h1>
      </header>
      {integrations.error && integrations.data === undefined ? (
        <ErrorBanner action={<Button onPress={() => void integrations.refetch()}>{t("shell.again")}</Button>}>
          {detailOf(integrations.error)}
        </ErrorBanner>
      ) : integrations.data === undefined ? (
        <div className="skeleton connection-skeleton" role="status" aria-label={t("shell.loading")} />
      ) : integrations.data.length === 0 ? (
        <Empty title={t("connections.empty")}>
          <p>{t("connections.emptyHint")}</p>
        </Empty>
      ) : (
        <ul className="connections">
          {integrations.data.map((integration) => (
            <li key={integration.provider}>
              <Card integration={integration} isAdmin={isAdmin} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Card({ integration, isAdmin }: { integration: Integration; isAdmin: boolean }) {
  const t = useT();
  const { provider, label, description, icon, status, reason, account, affectedWorkflows } = integration;
  return (
    <article className="connection">
      <ModuleIcon token={icon} size={28} />
      <div className="connection-words">
        <h2>
          {isAdmin ? <Link to={`/connections/${encodeURIComponent(provider)}`}>{label}</Link> : label}
          <Badge tone={STATUS_TONES[status]}>{named(t, "connections.status", status)}</Badge>
        </h2>
        <p className="muted">{description}</p>
        {reason ? <p className="connection-reason">{reason.message}</p> : null}
      </div>
      <p className="muted connection-use">
        {[account, affectedWorkflows > 0 ? t("connections.usedBy", { count: affectedWorkflows }) : null]
          .filter(Boolean)
          .join(" · ")}
      </p>
    </article>
  );
}
