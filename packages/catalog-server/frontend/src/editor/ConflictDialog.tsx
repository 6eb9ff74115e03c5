import { useState } from "react";
import { useT } from "../i18n";
import { Button } from "../ui/kit";
import { ModalDialog } from "./kit";

/** Somebody else saved the draft: whose changes stay is for a person to decide. */
export function ConflictDialog({
  onTakeTheirs,
  onOverwrite,
  onCopy,
}: {
  onTakeTheirs: () => Promise<void>;
  onOverwrite: () => Promise<void>;
  onCopy: () => Promise<void>;
}) {
  const t = useT();
  const [isBusy, setBusy] = useState(false);
  const [hasFailed, setFailed] = useState(false);
  const [isCopied, setCopied] = useState(false);
  const run = (action: () => Promise<void>) => async () => {
    setBusy(true);
    setFailed(false);
    try {
      await action();
    } catch {
      setFailed(true);
    }
    setBusy(false);
  };
  return (
    <ModalDialog
      title={t("editor.conflict.title")}
      isOpen
      onClose={() => undefined}
      closeLabel={t("editor.close")}
      isDismissable={false}
      role="alertdialog"
    >
      <p>{t("editor.conflict.words")}</p>
      {hasFailed ? <p className="ed-finding ed-finding-error">{t("editor.conflict.failed")}</p> : null}
      <div className="ed-dialog-foot">
        <Button
          onPress={async () => {
            await onCopy();
            setCopied(true);
          }}
        >
          {isCopied ? t("editor.conflict.copied") : t("editor.conflict.copy")}
        </Button>
        <span className="ed-spacer" />
        <Button isDisabled={isBusy} onPress={run(onOverwrite)}>
          {t("editor.conflict.overwrite")}
        </Button>
        <Button kind="primary" isDisabled={isBusy} onPress={run(onTakeTheirs)} autoFocus>
          {t("editor.conflict.theirs")}
        </Button>
      </div>
    </ModalDialog>
  );
}
