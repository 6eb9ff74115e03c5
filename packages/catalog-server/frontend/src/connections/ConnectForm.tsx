import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { Checkbox, CheckboxGroup, Radio, RadioGroup } from "react-aria-components";

import { detailOf, post, Problem, type Schemas } from "../api/client";
import { useT } from "../i18n";
import { CopyField } from "../ui/CopyField";
import { Button, ErrorBanner } from "../ui/kit";
import { tell } from "../ui/toasts";
import { type Detail, forgetConnection, type FormField, pathOf } from "./data";

/** Connects with what is entered, by one of the ways that the integration knows. */
export function ConnectForm({ detail, onClose }: { detail: Detail; onClose: () => void }) {
  const t = useT();
  const queries = useQueryClient();
  const [key, setKey] = useState(detail.method ?? detail.methods[0]?.key ?? "");
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [scopes, setScopes] = useState<readonly string[]>(() => firstScopes(detail));
  const method = detail.methods.find((each) => each.key === key);
  const connect = useMutation({
    mutationFn: () =>
      post<Schemas["Connected"]>(`${pathOf(detail.provider)}/connect`, {
        method: key,
        values: entered(method?.fields ?? [], values),
        ...(detail.scopes.length > 0 ? { scopes } : {}),
      }),
    onSuccess: async (answer) => {
      if (answer.status === "redirect" && answer.authorizeUrl) {
        window.location.assign(answer.authorizeUrl);
        return;
      }
      tell(t("connections.connected", { name: detail.label }));
      onClose();
      await forgetConnection(queries);
    },
  });
  const problems = connect.error instanceof Problem ? connect.error.errors : [];
  const problemOf = (name: string) => problems.find(({ path }) => path === `values.${name}`)?.message;
  const isOfFields = problems.length > 0 && problems.every(({ path }) => path.startsWith("values."));
  const send = (event: FormEvent) => {
    event.preventDefault();
    connect.mutate();
  };
  const leaves = connect.data?.status === "redirect";
  return (
    <form className="connection-form" onSubmit={send}>
      {connect.error && !isOfFields ? <ErrorBanner>{detailOf(connect.error)}</ErrorBanner> : null}
      {detail.methods.length > 1 ? (
        <RadioGroup
          className="choices"
          aria-label={t("connections.method")}
          value={key}
          onChange={(next) => {
            setKey(next);
            connect.reset();
          }}
        >
          {detail.methods.map((each) => (
            <Radio key={each.key} value={each.key} className="choice">
              <span className="choice-mark" aria-hidden />
              <span>
                <strong>{each.label}</strong>
                <small className="muted">{each.description}</small>
              </span>
            </Radio>
          ))}
        </RadioGroup>
      ) : (
        <p className="muted">{method?.description}</p>
      )}
      {method?.redirects && detail.redirectUri ? (
        <CopyField
          label={t("connections.redirectUri")}
          value={detail.redirectUri}
          help={t("connections.redirectUri.hint", { name: detail.label })}
        />
      ) : null}
      {method?.fields.map((field) => (
        <Input
          key={`${key} ${field.name}`}
          field={field}
          value={values[field.name]}
          problem={problemOf(field.name)}
          onChange={(value) => setValues({ ...values, [field.name]: value })}
        />
      ))}
      {detail.scopes.length > 0 ? (
        <CheckboxGroup
          className="choices"
          aria-label={t("connections.scopes")}
          value={[...scopes]}
          onChange={(next) => setScopes(next)}
        >
          <h3 aria-hidden>{t("connections.scopes")}</h3>
          {detail.scopes.map((scope) => (
            <Checkbox key={scope.key} value={scope.key} className="choice" isReadOnly={scope.required}>
              <span className="choice-mark box" aria-hidden />
              <span>
                <strong>{scope.label}</strong>
                <small className="muted">
                  {scope.description} {scope.required ? t("connections.scopes.required") : ""}
                </small>
              </span>
            </Checkbox>
          ))}
        </CheckboxGroup>
      ) : null}
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="primary" type="submit" isDisabled={connect.isPending || leaves}>
          {connect.isPending || leaves
            ? t("connections.connecting")
            : t(method?.redirects ? "connections.goOn" : "connections.connect", { name: detail.label })}
        </Button>
      </footer>
    </form>
  );
}

/** What is allowed already; at first all there is. */
function firstScopes(detail: Detail): string[] {
  const granted = detail.scopes.filter((scope) => scope.granted || scope.required);
  const isKnown = detail.scopes.some((scope) => scope.granted);
  return (isKnown ? granted : detail.scopes).map((scope) => scope.key);
}

/** What was typed, and what is stored and shown; a secret that was not typed stays as it is stored. */
function entered(fields: readonly FormField[], values: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, value } of fields) {
    const typed = values[name] ?? value;
    if (typed !== null && typed !== "") {
      found[name] = typed;
    }
  }
  return found;
}

const OTHER = " other";

function Input({
  field,
  value,
  problem,
  onChange,
}: {
  field: FormField;
  value: string | undefined;
  problem: string | undefined;
  onChange: (value: string) => void;
}) {
  const t = useT();
  const id = useId();
  const shown = value ?? field.value ?? "";
  const isListed = (one: string) => field.choices.some((choice) => choice.value === one);
  const [isOther, setOther] = useState(field.choices.length > 0 && shown !== "" && !isListed(shown));
  const isStoredSecret = field.kind === "secret" && field.isStored;
  const help = [field.help, isStoredSecret ? t("connections.field.stored") : ""].filter(Boolean).join(" ");
  const common = {
    "aria-invalid": problem !== undefined,
    "aria-required": field.required && !isStoredSecret,
    "aria-describedby": `${id}-help`,
    className: "input",
  };
  const text = {
    ...common,
    value: shown,
    type: field.kind === "secret" ? "password" : "text",
    autoComplete: "off",
    spellCheck: false,
    placeholder: isStoredSecret ? "••••••••" : undefined,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  return (
    <div className="field">
      <label htmlFor={id}>
        {field.label} {field.required ? null : <span className="muted">{t("connections.field.optional")}</span>}
      </label>
      {field.choices.length > 0 ? (
        <select
          {...common}
          id={id}
          value={isOther ? OTHER : shown}
          onChange={(event) => {
            const next = event.target.value;
            setOther(next === OTHER);
            onChange(next === OTHER ? "" : next);
          }}
        >
          <option value="">{t("connections.field.choose")}</option>
          {field.choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
          {field.other ? <option value={OTHER}>{t("connections.field.other")}</option> : null}
        </select>
      ) : (
        <input id={id} {...text} />
      )}
      {isOther ? <input {...text} aria-label={t("connections.field.otherOf", { field: field.label })} /> : null}
      <p id={`${id}-help`} className={problem ? "field-error" : "field-help"}>
        {problem ?? help}
      </p>
    </div>
  );
}
