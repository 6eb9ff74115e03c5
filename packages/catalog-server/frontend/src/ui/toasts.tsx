/** Short words on what was just done, with a way to undo it. */

import { X } from "lucide-react";
import {
  Button as AriaButton,
  Text,
  UNSTABLE_Toast as Toast,
  UNSTABLE_ToastContent as ToastContent,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from "react-aria-components";

import { useT } from "../i18n";

interface Told {
  text: string;
  undo?: () => void;
}

const queue = new ToastQueue<Told>({ maxVisibleToasts: 3 });
const SHOWN_FOR = 8000;

/**
 * Says it, to a screen reader too.
 *
 * @param undo Takes it back, as long as the words are there.
 * @param onOver Called when they are gone, and it was not taken back.
 */
export function tell(text: string, undo?: () => void, onOver?: () => void): void {
  queue.add({ text, undo }, { timeout: SHOWN_FOR, onClose: onOver });
}

export function Toasts() {
  const t = useT();
  return (
    <ToastRegion queue={queue} className="toasts" aria-label={t("shell.notices")}>
      {({ toast }) => (
        <Toast toast={toast} className="toast">
          <ToastContent>
            <Text slot="title">{toast.content.text}</Text>
          </ToastContent>
          {toast.content.undo ? (
            <AriaButton
              className="button"
              onPress={() => {
                toast.content.undo?.();
                queue.close(toast.key);
              }}
            >
              {t("shell.undo")}
            </AriaButton>
          ) : null}
          <AriaButton slot="close" className="button quiet icon" aria-label={t("shell.close")}>
            <X size={16} aria-hidden />
          </AriaButton>
        </Toast>
      )}
    </ToastRegion>
  );
}
