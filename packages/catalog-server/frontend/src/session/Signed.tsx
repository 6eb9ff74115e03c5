import type { ReactNode } from "react";

import { Problem } from "../api/client";
import { useT } from "../i18n";
import { Frame } from "../shell/Frame";
import { Button, Empty } from "../ui/kit";
import { type Session, useSession } from "./session";
import { SignIn } from "./SignIn";

/** A screen for whoever is signed in; others sign in first, and are where they wanted to be. */
export function Signed({ children }: { children: (session: Session) => ReactNode }) {
  const t = useT();
  const session = useSession();
  if (session.data) {
    return <Frame session={session.data}>{children(session.data)}</Frame>;
  }
  if (session.data === null) {
    return <SignIn />;
  }
  if (session.error) {
    return (
      <main>
        <Empty title={t("shell.unreachable")}>
          <p>{session.error instanceof Problem ? session.error.detail : ""}</p>
          <Button onPress={() => void session.refetch()}>{t("shell.again")}</Button>
        </Empty>
      </main>
    );
  }
  return <div role="status" aria-label={t("shell.loading")} />;
}
