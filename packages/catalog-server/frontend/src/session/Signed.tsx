import { type ReactNode, useEffect, useState } from "react";
import { Dialog, Modal, ModalOverlay } from "react-aria-components";

import { Problem } from "../api/client";
import { useT } from "../i18n";
import { Frame } from "../shell/Frame";
import { Button, Empty } from "../ui/kit";
import { type Session, useSession } from "./session";
import { SignIn, SignInCard } from "./SignIn";

/**
 * A screen for whoever is signed in; others sign in first, and are where they wanted to be.
 *
 * A session that ends takes nothing away: one signs in above the screen, which keeps what was typed.
 */
export function Signed({ children }: { children: (session: Session) => ReactNode }) {
  const t = useT();
  const session = useSession();
  const [first, setFirst] = useState<Session | null>(null);
  if (session.data && first === null) {
    setFirst(session.data);
  }
  const isAnother = Boolean(session.data && first && nameOf(session.data) !== nameOf(first));
  useEffect(() => {
    if (isAnother) {
      window.location.reload(); // what is here is not theirs
    }
  }, [isAnother]);
  const shown = session.data ?? (session.data === null ? first : null);
  if (shown && !isAnother) {
    return (
      <>
        <Frame session={shown}>{children(shown)}</Frame>
        <ModalOverlay isOpen={session.data === null} isKeyboardDismissDisabled className="overlay">
          <Modal className="sign-in-again">
            <Dialog aria-label={t("shell.signIn.again")}>
              <SignInCard title={t("shell.signIn.again")} hint={t("shell.signIn.againHint")} />
            </Dialog>
          </Modal>
        </ModalOverlay>
      </>
    );
  }
  if (session.data === null) {
    return <SignIn />;
  }
  if (session.error) {
    return (
      <main>
        <Empty title={t("shell.unreachable")}>
          <p>{session.error instanceof Problem && session.error.status > 0 ? session.error.detail : ""}</p>
          <Button onPress={() => void session.refetch()}>{t("shell.again")}</Button>
        </Empty>
      </main>
    );
  }
  return <div role="status" aria-label={t("shell.loading")} />;
}

const nameOf = ({ tenant, user }: Session) => `${tenant} ${user}`;
