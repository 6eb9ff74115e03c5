import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";

import { detailOf, Problem, put } from "../api/client";
import { useT } from "../i18n";
import { Button, ErrorBanner } from "../ui/kit";
import { tell } from "../ui/toasts";
import { pathOf } from "./data";

/** A secret to store: a new one, or another value for the one of this name. */
export function StoreSecret({
  replaced,
  taken,
  onClose,
}: {
  replaced?: string;
  taken: readonly string[];
  onClose: () => void;
}) {
  const t = useT();
  const id = useId();
  const queries = useQueryClient();
  const [name, setName] = useState(replaced ?? "");
  const [value, setValue] = useState("");
  const store = useMutation({
    mutationFn: () => put(pathOf(name), { value }),
    onSuccess: async () => {
      tell(t("secrets.isStored", { name }));
      onClose();
      await Promise.all(["secrets", "secretNames"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
    },
  });
  const problems = store.error instanceof Problem ? store.error.errors : [];
  const problemOf = (field: string) => problems.find(({ path }) => path === field)?.message;
  const isTaken = replaced === undefined && taken.includes(name);
  const send = (event: FormEvent) => {
    event.preventDefault();
    store.mutate();
  };
  return (
    <form className="secret-form" onSubmit={send}>
      {store.error && problems.length === 0 ? <ErrorBanner>{detailOf(store.error)}</ErrorBanner> : null}
      {replaced === undefined ? (
        <div className="field">
          <label htmlFor={`${id}-name`}>{t("secrets.name")}</label>
          <input
            id={`${id}-name`}
            className="input secret-name"
            autoComplete="off"
            autoFocus
            spellCheck={false}
            maxLength={128}
            value={name}
            aria-describedby={`${id}-name-help`}
            aria-invalid={problemOf("name") !== undefined}
            onChange={(event) => {
              setName(event.target.value.toUpperCase().replace(/[^A-Z0-9_]/g, "_"));
              store.reset();
            }}
          />
          <p id={`${id}-name-help`} className={problemOf("name") ? "field-error" : "field-help"}>
            {problemOf("name") ?? t("secrets.name.help")}
          </p>
          {isTaken ? (
            <p className="banner warning" role="status">
              {t("secrets.name.taken")}
            </p>
          ) : null}
        </div>
      ) : (
        <p className="muted">{t("secrets.replace.what")}</p>
      )}
      <div className="field">
        <label htmlFor={`${id}-value`}>{t("secrets.value")}</label>
        {/* No field for a password: that one takes no lines, and a key may have many. */}
        <textarea
          id={`${id}-value`}
          className="input secret-value"
          rows={3}
          autoComplete="off"
          autoFocus={replaced !== undefined}
          spellCheck={false}
          value={value}
          aria-describedby={`${id}-value-help`}
          aria-invalid={problemOf("value") !== undefined}
          onChange={(event) => setValue(event.target.value)}
        />
        <p id={`${id}-value-help`} className={problemOf("value") ? "field-error" : "field-help"}>
          {problemOf("value") ?? t("secrets.value.help")}
        </p>
      </div>
      <footer className="dialog-foot">
        <Button onPress={onClose}>{t("shell.cancel")}</Button>
        <Button kind="primary" type="submit" isDisabled={name === "" || value === "" || store.isPending}>
          {t(isTaken ? "secrets.replace" : "secrets.store")}
        </Button>
      </footer>
    </form>
  );
}
