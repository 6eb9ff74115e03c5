import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { Radio, RadioGroup } from "react-aria-components";

import { useActions } from "../api/catalog";
import { detailOf, post } from "../api/client";
import { fieldsOf } from "../editor/model/fields";
import { type MessageId, useLocale, useT } from "../i18n";
import { Button, ErrorBanner, Facts, JsonView, ModalDialog } from "../ui/kit";
import { tell } from "../ui/toasts";
import { type Effect, forgetRun } from "./data";
import { ValueFields } from "../values/ValueFields";
import { readTexts, type Texts } from "../values/values";

const DECISIONS = ["happened", "send_again", "fail"] as const;
type Decision = (typeof DECISIONS)[number];

/** A person says what became of an effect of which nobody knows. */
export function SettleDialog({ effect, onClose }: { effect: Effect | null; onClose: () => void }) {
  const t = useT();
  return (
    <ModalDialog title={t("runs.settle.title")} isOpen={effect !== null} onClose={onClose}>
      {effect ? <Settle effect={effect} onClose={onClose} /> : null}
    </ModalDialog>
  );
}

function Settle({ effect, onClose }: { effect: Effect; onClose: () => void }) {
  const t = useT();
  const { intl } = useLocale();
  const queries = useQueryClient();
  const reasonId = useId();
  const contract = useActions()?.get(`${effect.actionId}@${effect.actionVersion}`);
  const fields = contract ? fieldsOf(contract.outputSchema) : [];
  const [decision, setDecision] = useState<Decision | null>(null);
  const [reason, setReason] = useState("");
  const [texts, setTexts] = useState<Texts>({});
  const [wrong, setWrong] = useState<readonly string[]>([]);
  const settle = useMutation({
    mutationFn: (output: unknown) =>
      post(`/api/workflow-runs/effects/${effect.invocationId}/settle`, {
        decision,
        reason: reason.trim(),
        ...(decision === "happened" ? { output } : {}),
      }),
    onSuccess: async () => {
      tell(t("runs.settle.done"));
      onClose();
      await Promise.all([effect.runId, ...effect.waitingRunIds].map((runId) => forgetRun(queries, runId)));
    },
  });
  const send = () => {
    const read = readTexts(decision === "happened" ? fields : [], texts);
    setWrong(read.wrong);
    if (read.wrong.length === 0) {
      settle.mutate(read.values);
    }
  };
  return (
    <>
      {settle.error ? <ErrorBanner>{t("runs.failed", { detail: detailOf(settle.error) })}</ErrorBanner> : null}
      <p>
        {t("runs.settle.what", {
          action: effect.actionLabel ?? effect.actionId,
          module: effect.moduleLabel ?? "",
          at: intl.formatDate(effect.sentAt, { dateStyle: "medium", timeStyle: "medium" }),
        })}
      </p>
      <Facts
        facts={[
          [t("runs.settle.cause"), effect.cause?.message],
          [t("runs.settle.lastLook"), effect.lastLook],
        ]}
      />
      <JsonView value={effect.input} label={t("runs.input")} />
      <RadioGroup
        className="choices"
        aria-label={t("runs.settle.question")}
        value={decision}
        onChange={(value) => setDecision(value as Decision)}
      >
        <h3 aria-hidden>{t("runs.settle.question")}</h3>
        {DECISIONS.map((each) => (
          <Radio key={each} value={each} className="choice">
            <span className="choice-mark" aria-hidden />
            <span>
              <strong>{t(`runs.settle.${each}` as MessageId)}</strong>
              <small className="muted">{t(`runs.settle.${each}.hint` as MessageId)}</small>
            </span>
          </Radio>
        ))}
      </RadioGroup>
      {decision === "happened" && fields.length > 0 ? (
        <section className="run-form">
          <h3>{t("runs.settle.output")}</h3>
          <ValueFields
            fields={fields}
            texts={texts}
            wrong={wrong}
            onChange={(name, text) => setTexts({ ...texts, [name]: text })}
          />
        </section>
      ) : null}
      <div className="field">
        <label htmlFor={reasonId}>{t("runs.settle.reason")}</label>
        <input
          id={reasonId}
          type="text"
          className="input"
          aria-required
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        <p className="field-help">{t("runs.settle.reason.hint")}</p>
      </div>
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button
          kind="primary"
          isDisabled={decision === null || reason.trim() === "" || settle.isPending}
          onPress={send}
        >
          {t("runs.settle.do")}
        </Button>
      </footer>
    </>
  );
}
