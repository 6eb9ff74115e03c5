import { useMutation, useQueryClient } from "@tanstack/react-query";

import { detailOf, post, type Schemas } from "../api/client";
import { named, useLocale, useT } from "../i18n";
import { CopyField } from "../ui/CopyField";
import { Badge, Button, ErrorBanner, Facts } from "../ui/kit";
import { tell } from "../ui/toasts";
import { type Detail, pathOf } from "./data";

const TONES = { off: "plain", registered: "success", failed: "danger", manual: "accent" } as const;

/** Whether the other system tells what happens there. */
export function Webhook({ detail, webhook }: { detail: Detail; webhook: Schemas["WebhookAnswer"] }) {
  const t = useT();
  const { intl } = useLocale();
  const queries = useQueryClient();
  const register = useMutation({
    mutationFn: () => post<Schemas["WebhookRegistered"]>(`${pathOf(detail.provider)}/webhook`),
    onSuccess: ({ status }) => {
      if (status === "registered") {
        tell(t("connections.webhook.done"));
      }
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["integration", detail.provider] }),
  });
  const manual = register.data?.status === "manual" ? register.data : null;
  const problem = register.error ? detailOf(register.error) : webhook.reason?.message;
  const moment = (at: string | null) =>
    at === null ? null : intl.formatDate(at, { dateStyle: "medium", timeStyle: "short" });
  return (
    <section aria-label={t("connections.webhook")}>
      <div className="section-head">
        <h2 className="section-title">{t("connections.webhook")}</h2>
        <Badge tone={TONES[webhook.status]}>{named(t, "connections.webhook", webhook.status)}</Badge>
        <Button isDisabled={register.isPending} onPress={() => register.mutate()}>
          {t(webhook.status === "off" ? "connections.webhook.register" : "connections.webhook.again")}
        </Button>
      </div>
      <p className="muted">{t("connections.webhook.hint", { name: detail.label })}</p>
      {problem ? <ErrorBanner>{problem}</ErrorBanner> : null}
      <Facts
        facts={[
          [t("connections.webhook.last"), moment(webhook.lastReceivedAt)],
          [t("connections.webhook.waiting"), webhook.waiting],
          [t("connections.webhook.parked"), webhook.parked],
        ]}
      />
      {manual ? (
        <div className="connection-form">
          <p>{t("connections.webhook.manual.hint", { name: detail.label })}</p>
          <CopyField label={t("connections.webhook.url")} value={manual.url ?? ""} />
          <CopyField label={t("connections.webhook.header")} value={manual.header ?? ""} />
          <CopyField label={t("connections.webhook.value")} value={manual.value ?? ""} />
        </div>
      ) : null}
    </section>
  );
}
