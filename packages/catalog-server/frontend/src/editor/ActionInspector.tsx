import { Plug, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import type { ActionContract, CatalogModule } from "../api/catalog";
import { useT } from "../i18n";
import { IconButton } from "../ui/kit";
import { useShared } from "./context";
import { ErrorHandling } from "./ErrorHandling";
import { useSubject } from "./field";
import { FieldFrame, FindingLine } from "./FieldFrame";
import { anyField } from "./FixedInput";
import { Select } from "./kit";
import { configOf } from "./model/document";
import { withAction } from "./model/edits";
import { alternatives, fieldsOf, words } from "./model/fields";
import { findingsAt } from "./model/findings";
import { isObject, type JsonObject } from "./model/json";
import { CommittedText } from "./plain";
import { StepTest } from "./StepTest";
import { newAction } from "./tiles";
import { ValueField } from "./ValueField";

const INPUT = ["config", "inputMapping"] as const;

/** A step that calls an action of a module. */
export function ActionInspector({
  contract,
  module,
}: {
  contract: ActionContract | undefined;
  module: CatalogModule | undefined;
}) {
  const t = useT();
  const shared = useShared();
  const { dispatch } = shared;
  const { key, own } = useSubject();
  const config = configOf(own);
  return (
    <>
      {module && !module.available ? (
        <div className="ed-note ed-note-warning">
          <p>
            <Plug size={14} aria-hidden /> {module.reason || t("editor.unavailable.unknown")}
          </p>
          <Link to="/connections" className="ed-link">
            {t("editor.unavailable.connect")}
          </Link>
        </div>
      ) : null}
      <ActionChoice contract={contract} module={module} />
      {contract ? (
        <>
          <Inputs contract={contract} />
          <StepTest key={contract.id} contract={contract} />
        </>
      ) : (
        <div className="ed-section">
          <p className="ed-note ed-note-warning">
            {t("editor.unavailable.action", { action: String(config.actionId ?? "") })}
          </p>
          <OtherInputs known={NONE} />
        </div>
      )}
      <section className="ed-section">
        <h3>{t("editor.section.result")}</h3>
        <CommittedText
          place={["config", "saveAs"]}
          label={t("editor.saveAs")}
          description={
            typeof config.saveAs === "string"
              ? t("editor.saveAs.hint", { path: config.saveAs.includes(".") ? config.saveAs : `vars.${config.saveAs}` })
              : t("editor.saveAs.none")
          }
          value={typeof config.saveAs === "string" ? config.saveAs : ""}
          onCommit={(path) => key !== null && dispatch({ type: "saveAs", key, path })}
        />
      </section>
      <ErrorHandling hasIdempotencyKey />
    </>
  );
}

const NONE: ReadonlySet<string> = new Set();

/** The action: one of the step's module, and of no other. */
function ActionChoice({
  contract,
  module,
}: {
  contract: ActionContract | undefined;
  module: CatalogModule | undefined;
}) {
  const t = useT();
  const shared = useShared();
  const { dispatch, canEdit } = shared;
  const { key, own, findings, set } = useSubject();
  const config = configOf(own);
  const actionId = String(config.actionId ?? "");
  const ids = [...new Set(module?.actions.map((action) => action.id) ?? [])];
  const options = ids.map((id) => {
    const action = module?.actions.find((each) => each.id === id);
    return { value: id, label: action?.label ?? id, description: action?.description };
  });
  if (!ids.includes(actionId)) {
    options.unshift({
      value: actionId,
      label: contract?.label ?? actionId,
      description: t("editor.unavailable.missing"),
    });
  }
  const versions = module?.actions.filter((action) => action.id === actionId).map((action) => action.version) ?? [];
  return (
    <>
      <FieldFrame
        place={["config", "actionId"]}
        label={t("editor.action")}
        findings={[...findingsAt(findings, "config.actionId")]}
        tools={<span className="ed-muted">{t("editor.action.version", { version: String(config.version ?? 1) })}</span>}
      >
        {() => (
          <Select
            label={t("editor.action")}
            value={actionId}
            options={options}
            isDisabled={!canEdit || module === undefined}
            onChange={(chosen) => {
              if (module && key !== null && chosen !== actionId) {
                dispatch({ type: "replace", key, own: withAction(own, newAction(module, chosen), contract?.label) });
              }
            }}
          />
        )}
      </FieldFrame>
      {versions.length > 1 || findingsAt(findings, "config.version").length > 0 ? (
        <FieldFrame place={["config", "version"]} label={t("editor.action.versionField")}>
          {() => (
            <Select
              label={t("editor.action.versionField")}
              value={String(config.version ?? 1)}
              options={[...new Set([...versions, Number(config.version ?? 1)])].map((each) => ({
                value: String(each),
                label: String(each),
              }))}
              isDisabled={!canEdit}
              onChange={(chosen) => set(["config", "version"], Number(chosen))}
            />
          )}
        </FieldFrame>
      ) : null}
    </>
  );
}

/** The inputs: those that are needed or given, and the others on demand. */
function Inputs({ contract }: { contract: ActionContract }) {
  const t = useT();
  const { own, findings } = useSubject();
  const fields = fieldsOf(contract.inputSchema);
  const groups = alternatives(contract.inputSchema);
  const [shown] = useState(() => {
    const mapping = configOf(own).inputMapping;
    const given = isObject(mapping) ? Object.keys(mapping) : [];
    const needed = [...given, ...groups.flatMap((group) => group.fields)];
    // Where nothing has to be given, the first inputs say what can be.
    const isFree = needed.length === 0 && !fields.some((field) => field.isRequired);
    return new Set(isFree ? fields.slice(0, 3).map((field) => field.name) : needed);
  });
  const isFirst = (name: string, isRequired: boolean) =>
    isRequired ||
    shown.has(name) ||
    fields.length <= 4 ||
    findingsAt(findings, `config.inputMapping.${name}`).length > 0;
  const first = fields.filter((field) => isFirst(field.name, field.isRequired));
  const rest = fields.filter((field) => !first.includes(field));
  const general = findings.filter((finding) => finding.field === "config.inputMapping");
  const label = (name: string) => fields.find((field) => field.name === name)?.label ?? words(name);
  return (
    <section className="ed-section" data-field="config.inputMapping">
      <h3>{t("editor.section.inputs")}</h3>
      {(general.length > 0 ? [] : groups).map((group) => (
        <p key={group.fields.join()} className="ed-muted">
          {t(group.isExclusive ? "editor.inputs.oneOf" : "editor.inputs.anyOf", {
            fields: group.fields.map(label).join(", "),
          })}
        </p>
      ))}
      {general.map((finding, index) => (
        <FindingLine key={`${finding.code} ${index}`} finding={finding} />
      ))}
      {fields.length === 0 ? <p className="ed-muted">{t("editor.inputs.none")}</p> : null}
      {first.map((field) => (
        <ValueField key={field.name} place={[...INPUT, field.name]} field={field} optionsField={field.name} />
      ))}
      <OtherInputs known={new Set(fields.map((field) => field.name))} />
      {rest.length > 0 ? (
        <details className="ed-more-section">
          <summary>{t("editor.inputs.more", { count: rest.length })}</summary>
          {rest.map((field) => (
            <ValueField key={field.name} place={[...INPUT, field.name]} field={field} optionsField={field.name} />
          ))}
        </details>
      ) : null}
    </section>
  );
}

/** What is mapped though the action has no such input; it stays until somebody removes it. */
function OtherInputs({ known }: { known: ReadonlySet<string> }) {
  const t = useT();
  const { canEdit } = useShared();
  const { own, set } = useSubject();
  const mapping = configOf(own).inputMapping;
  const others = isObject(mapping) ? Object.keys(mapping).filter((name) => !known.has(name)) : [];
  return others.map((name) => (
    <div key={name} className="ed-list-item">
      <ValueField place={[...INPUT, name]} field={anyField(name)} className="ed-field-inner" />
      <IconButton
        isDisabled={!canEdit}
        label={t("editor.map.remove", { name })}
        onPress={() => {
          const { [name]: _, ...left } = mapping as JsonObject;
          set(INPUT, left);
        }}
      >
        <Trash2 size={14} aria-hidden />
      </IconButton>
    </div>
  ));
}
