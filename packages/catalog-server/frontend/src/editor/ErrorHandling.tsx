import { Switch } from "react-aria-components";

import { useT } from "../i18n";
import { useShared } from "./context";
import { useSubject } from "./field";
import { anyField } from "./FixedInput";
import { configOf } from "./model/document";
import { isObject, type Json } from "./model/json";
import { CommittedText, DurationField, PlainChoice, PlainNumber } from "./plain";
import { COMPUTED, ValueField } from "./ValueField";

const RETRY: Json = { maxAttempts: 3, backoffMs: 1000, backoffMultiplier: 2, jitter: true };

/** What happens when a step fails: tried again, gone on without, and never done twice. */
export function ErrorHandling({ hasIdempotencyKey = false }: { hasIdempotencyKey?: boolean }) {
  const t = useT();
  const { canEdit } = useShared();
  const { own, set, findings } = useSubject();
  const step = isObject(own) ? own : {};
  const config = configOf(own);
  const retry = isObject(step.retry) ? step.retry : undefined;
  const policyPlace = isObject(config.onError) && !isObject(step.onError) ? ["config", "onError"] : ["onError"];
  const isUsed =
    retry !== undefined ||
    isObject(step.onError) ||
    isObject(config.onError) ||
    config.idempotencyKey !== undefined ||
    findings.some((finding) => /^(retry|onError|config\.idempotencyKey)/.test(finding.field));
  return (
    <details className="ed-more-section" open={isUsed || undefined}>
      <summary>{t("editor.errors.title")}</summary>
      <PlainChoice
        place={[...policyPlace, "policy"]}
        label={t("editor.onError")}
        fallback="fail"
        options={[
          { value: "fail", label: t("editor.onError.fail") },
          { value: "continue", label: t("editor.onError.continue"), description: t("editor.onError.continue.hint") },
        ]}
        onChange={(policy) => set(policyPlace, policy === "fail" ? undefined : { policy })}
      />
      <div data-field="retry" className="ed-field">
        <Switch
          className="ed-switch"
          isSelected={retry !== undefined}
          isDisabled={!canEdit}
          onChange={(isOn) => set(["retry"], isOn ? RETRY : undefined)}
        >
          <span className="ed-switch-track" aria-hidden />
          {t("editor.retry")}
        </Switch>
      </div>
      {retry ? (
        <div className="ed-object">
          <PlainNumber place={["retry", "maxAttempts"]} label={t("editor.retry.maxAttempts")} />
          <DurationField place={["retry", "backoffMs"]} label={t("editor.retry.backoffMs")} />
          <PlainNumber
            place={["retry", "backoffMultiplier"]}
            label={t("editor.retry.backoffMultiplier")}
            placeholder="2"
          />
          <DurationField place={["retry", "maxDelayMs"]} label={t("editor.retry.maxDelayMs")} isOptional />
          <CommittedText
            place={["retry", "retryOn"]}
            label={t("editor.retry.retryOn")}
            description={t("editor.retry.retryOn.hint")}
            value={Array.isArray(retry.retryOn) ? retry.retryOn.join(", ") : ""}
            onCommit={(text) => {
              const codes = text.split(/[,\s]+/).filter(Boolean);
              set(["retry", "retryOn"], codes.length === 0 ? undefined : codes);
            }}
          />
        </div>
      ) : null}
      {hasIdempotencyKey ? (
        <ValueField
          place={["config", "idempotencyKey"]}
          field={anyField("idempotencyKey", {
            label: t("editor.idempotencyKey"),
            description: t("editor.idempotencyKey.hint"),
            kind: "text",
            schema: { type: "string" },
          })}
          modes={COMPUTED}
        />
      ) : null}
    </details>
  );
}
