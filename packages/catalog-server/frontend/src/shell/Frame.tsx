import { useMutation } from "@tanstack/react-query";
import { ChevronsUpDown, Languages, LogOut, Monitor, Moon, Sun } from "lucide-react";
import { type ReactNode, Suspense } from "react";
import { Button as AriaButton } from "react-aria-components";
import { NavLink } from "react-router";

import { detailOf, remove, useReachable } from "../api/client";
import { type Locale, LOCALES, useLocale, useT } from "../i18n";
import { AREAS } from "../routes";
import type { Session } from "../session/session";
import { MenuButton } from "../ui/kit";
import { tell, Toasts } from "../ui/toasts";
import "./shell.css";
import { setTheme, THEMES, useTheme } from "./theme";

const THEME_ICONS = { system: Monitor, light: Sun, dark: Moon };

/** What is around every screen: where one can go, and who one is. */
export function Frame({ session, children }: { session: Session; children: ReactNode }) {
  const t = useT();
  const { locale, setLocale } = useLocale();
  const theme = useTheme();
  const end = useMutation({
    mutationFn: () => remove("/api/session"),
    // A page that is loaded anew holds nothing of whoever was here.
    onSuccess: () => window.location.assign("/"),
    onError: (error) => tell(detailOf(error)),
  });
  const ThemeIcon = THEME_ICONS[theme];
  return (
    <div className="frame">
      <a className="skip" href="#screen">
        {t("shell.skip")}
      </a>
      <nav className="nav" aria-label={t("shell.navigation")}>
        <div className="nav-areas">
          {AREAS.filter((area) => !area.permission || session.permissions.includes(area.permission)).map((area) => (
            <NavLink key={area.path} to={area.path} className="nav-link">
              <area.icon size={18} aria-hidden />
              <span>{t(area.label)}</span>
            </NavLink>
          ))}
        </div>
        <div className="nav-tools">
          <MenuButton
            label={t("shell.theme")}
            button={
              <AriaButton className="nav-link" aria-label={t("shell.theme")}>
                <ThemeIcon size={18} aria-hidden />
                <span>{t(`shell.theme.${theme}`)}</span>
              </AriaButton>
            }
            choices={THEMES.map((id) => ({ id, label: t(`shell.theme.${id}`) }))}
            onChoose={(id) => setTheme(id as (typeof THEMES)[number])}
          />
          <MenuButton
            label={t("shell.language")}
            button={
              <AriaButton className="nav-link" aria-label={t("shell.language")}>
                <Languages size={18} aria-hidden />
                <span>{LOCALES[locale]}</span>
              </AriaButton>
            }
            choices={(["en", "de"] as const).map((id) => ({ id, label: LOCALES[id] }))}
            onChoose={(id) => setLocale(id as Locale)}
          />
          <MenuButton
            label={t("shell.you")}
            button={
              <AriaButton className="nav-user" aria-label={t("shell.you")}>
                <span className="avatar" aria-hidden>
                  {(session.userName ?? "?").slice(0, 1)}
                </span>
                <span className="nav-user-names">
                  <strong>{session.userName ?? t("shell.someone")}</strong>
                  <small>{session.tenantName}</small>
                </span>
                <ChevronsUpDown size={14} aria-hidden />
              </AriaButton>
            }
            choices={[{ id: "out", label: t("shell.signOut"), icon: <LogOut size={16} aria-hidden /> }]}
            onChoose={() => end.mutate()}
          />
        </div>
      </nav>
      <Unreachable />
      <main id="screen" className="screen" tabIndex={-1}>
        <Suspense fallback={<div className="screen-loading" role="status" aria-label={t("shell.loading")} />}>
          {children}
        </Suspense>
      </main>
      <Toasts />
    </div>
  );
}

/** What is shown may be old: nothing comes any more. */
function Unreachable() {
  const t = useT();
  const isReachable = useReachable();
  return (
    <div role="status" className={isReachable ? "visually-hidden" : "unreachable"}>
      {isReachable ? "" : t("shell.unreachable.hint")}
    </div>
  );
}
