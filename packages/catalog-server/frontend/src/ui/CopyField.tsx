import { Check, Copy } from "lucide-react";
import { useId, useState } from "react";

import { useT } from "../i18n";
import { IconButton } from "./kit";

/** A text to take over into another system. */
export function CopyField({ label, value, help }: { label: string; value: string; help?: string }) {
  const t = useT();
  const id = useId();
  const [isCopied, setCopied] = useState(false);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="copy-field">
        <input id={id} className="input" readOnly value={value} onFocus={(event) => event.target.select()} />
        <IconButton
          label={t(isCopied ? "shell.copied" : "shell.copy", { what: label })}
          onPress={() => void navigator.clipboard?.writeText(value).then(() => setCopied(true))}
        >
          {isCopied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
        </IconButton>
      </div>
      {help ? <p className="field-help">{help}</p> : null}
    </div>
  );
}
