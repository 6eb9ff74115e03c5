import { type ReactNode, useState } from "react";
import { Button as AriaButton, Disclosure, DisclosurePanel, Heading } from "react-aria-components";
import { ChevronRight } from "lucide-react";

import { detailOf } from "../api/client";
import { useLocale, useT } from "../i18n";
import { Badge, ErrorBanner, JsonView } from "../ui/kit";
import { type RunDetail, useLog } from "./data";

/** What a run was started with, what it gave, and what it wrote down; each is shown when it is asked for. */
export function RunData({ run }: { run: RunDetail }) {
  const t = useT();
  return (
    <div className="run-data">
      <Part title={t("runs.payload")}>{() => <JsonView value={run.payload} label={t("runs.payload")} />}</Part>
      {run.result === null ? null : (
        <Part title={t("runs.result")}>{() => <JsonView value={run.result} label={t("runs.result")} />}</Part>
      )}
      <Part title={t("runs.log")}>{() => <Log run={run} />}</Part>
    </div>
  );
}

function Part({ title, children }: { title: string; children: () => ReactNode }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Disclosure className="run-disclosure" isExpanded={isOpen} onExpandedChange={setIsOpen}>
      <Heading level={2}>
        <AriaButton slot="trigger" className="run-item">
          <ChevronRight size={16} aria-hidden className={`run-turn ${isOpen ? "turned" : ""}`} />
          {title}
        </AriaButton>
      </Heading>
      <DisclosurePanel>{isOpen ? children() : null}</DisclosurePanel>
    </Disclosure>
  );
}

const LEVEL_TONES = { DEBUG: "plain", INFO: "plain", WARN: "warning", ERROR: "danger" } as const;

function Log({ run }: { run: RunDetail }) {
  const t = useT();
  const { intl } = useLocale();
  const { data: lines, error } = useLog(run.runId, run.status, true);
  if (error && lines === undefined) {
    return <ErrorBanner>{t("runs.failed", { detail: detailOf(error) })}</ErrorBanner>;
  }
  if (lines?.length === 0) {
    return <p className="muted">{t("runs.log.empty")}</p>;
  }
  return (
    <ol className="run-log">
      {lines?.map((line) => (
        <li key={line.logId}>
          <time dateTime={line.at ?? ""} className="muted">
            {line.at ? intl.formatTime(line.at, { timeStyle: "medium" }) : ""}
          </time>
          {line.level === "INFO" || line.level === undefined ? null : (
            <Badge tone={LEVEL_TONES[line.level]}>{line.level}</Badge>
          )}
          <span>{line.message}</span>
        </li>
      ))}
    </ol>
  );
}
