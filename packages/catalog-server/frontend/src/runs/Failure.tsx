import type { ReactNode } from "react";
import { Link } from "react-router";

import { type MessageId, useT } from "../i18n";
import { ErrorBanner } from "../ui/kit";
import type { RunError } from "./data";

type Advice = "connection" | "secret" | "system" | "workflow" | "input" | "passing" | "settle";

const BY_CODE: Readonly<Record<string, Advice>> = {
  INTEGRATION_INACTIVE: "connection",
  INTEGRATION_NOT_CONFIGURED: "connection",
  RECONNECT_REQUIRED: "connection",
  SECRET_NOT_FOUND: "secret",
  ACTION_NOT_ON_WORKERS: "system",
  UNKNOWN_ACTION: "system",
  INVALID_CONFIG: "workflow",
  UNSUPPORTED_STEP_TYPE: "workflow",
  EFFECT_UNCERTAIN: "settle",
};
const BY_CATEGORY: Readonly<Record<string, Advice>> = {
  ExpressionError: "workflow",
  ValidationError: "input",
  TransientError: "passing",
  TimeoutError: "passing",
};

/** Why something failed, and what to do next. */
export function Failure({
  error,
  workflowId,
  action,
}: {
  error: RunError;
  workflowId?: string;
  action?: ReactNode;
}) {
  const t = useT();
  const advice = BY_CODE[error.code] ?? BY_CATEGORY[error.category ?? ""];
  const places: Partial<Record<Advice, string>> = {
    connection: "/connections",
    secret: "/secrets",
    system: "/system",
    workflow: workflowId && `/workflows/${workflowId}`,
  };
  const place = advice && places[advice];
  return (
    <ErrorBanner action={action}>
      <p className="failure">
        {error.message} <code>{error.code}</code>
      </p>
      {advice ? (
        <p>
          {t(`runs.advice.${advice}` as MessageId)}{" "}
          {place ? <Link to={place}>{t(`runs.advice.${advice}.go` as MessageId)}</Link> : null}
        </p>
      ) : null}
    </ErrorBanner>
  );
}
