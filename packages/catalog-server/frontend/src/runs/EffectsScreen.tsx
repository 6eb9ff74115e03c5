import { ChevronLeft } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import { detailOf } from "../api/client";
import { useLocale, useT } from "../i18n";
import { may, type Session } from "../session/session";
import { Button, Empty, ErrorBanner, Table } from "../ui/kit";
import { type Effect, useEffects } from "./data";
import { SettleDialog } from "./Settle";
import "./runs.css";

/** Effects of which nobody knows whether they happened, until a person says so. */
export default function EffectsScreen({ session }: { session: Session }) {
  const t = useT();
  const { intl } = useLocale();
  const effects = useEffects();
  const [settled, setSettled] = useState<Effect | null>(null);
  const rows = effects.data?.pages.flatMap((page) => page.effects);
  return (
    <div className="page">
      <title>{t("runs.effects")}</title>
      <header className="page-head">
        <div className="page-title">
          <Link to="/runs" aria-label={t("runs.back")} className="page-back">
            <ChevronLeft size={18} aria-hidden />
          </Link>
          <h1>{t("runs.effects")}</h1>
        </div>
      </header>
      {effects.error ? <ErrorBanner>{t("runs.failed", { detail: detailOf(effects.error) })}</ErrorBanner> : null}
      {rows?.length === 0 ? (
        <Empty title={t("runs.effects.none")}>
          <p>{t("runs.effects.noneHint")}</p>
        </Empty>
      ) : rows ? (
        <>
          <p className="muted">{t("runs.effects.hint")}</p>
          <Table columns={[t("runs.effects.action"), t("runs.workflow"), t("runs.effects.sentAt"), null]}>
            {rows.map((effect) => (
              <tr key={effect.invocationId}>
                <th scope="row">
                  {effect.actionLabel ?? effect.actionId}
                  <small>{effect.moduleLabel}</small>
                </th>
                <td>
                  <Link to={`/runs/${effect.runId}`}>{effect.workflowName ?? t("runs.ofNone")}</Link>
                </td>
                <td className="muted">
                  {intl.formatDate(effect.sentAt, { dateStyle: "medium", timeStyle: "medium" })}
                </td>
                <td className="table-tools">
                  {may(session, "workflow:run") ? (
                    <Button onPress={() => setSettled(effect)}>{t("runs.settle.open")}</Button>
                  ) : null}
                </td>
              </tr>
            ))}
          </Table>
        </>
      ) : effects.error ? null : (
        <div role="status" aria-label={t("shell.loading")} />
      )}
      {effects.hasNextPage ? <Button onPress={() => void effects.fetchNextPage()}>{t("runs.more")}</Button> : null}
      <SettleDialog effect={settled} onClose={() => setSettled(null)} />
    </div>
  );
}
