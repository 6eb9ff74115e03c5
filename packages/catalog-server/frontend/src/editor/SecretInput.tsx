import { useId } from "react";

import { useT } from "../i18n";
import { useShared } from "./context";
import type { InputProps } from "./inputs";
import type { Json } from "./model/json";

/** The name of a secret, which is resolved where it is used and shown nowhere. */
export function SecretInput({
  name,
  onChange,
  labelId,
  describedBy,
  isInvalid,
  isDisabled,
}: InputProps & { name: string; onChange: (value: Json | undefined) => void }) {
  const t = useT();
  const { secretNames } = useShared();
  const list = useId();
  return (
    <>
      <input
        className="ed-input ed-mono"
        value={name}
        list={list}
        placeholder={t("editor.secret.placeholder")}
        aria-labelledby={labelId}
        aria-describedby={describedBy}
        aria-invalid={isInvalid}
        disabled={isDisabled}
        onChange={(event) => {
          const text = event.target.value.toUpperCase().replace(/[^A-Z0-9_]/g, "_");
          onChange(text === "" ? undefined : { $secret: text });
        }}
      />
      <datalist id={list}>
        {secretNames?.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </>
  );
}
