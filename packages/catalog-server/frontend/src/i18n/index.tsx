import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { I18nProvider } from "react-aria-components";
import { createIntl, createIntlCache, type IntlShape } from "react-intl";

import { configure } from "../api/client";
import deConnections from "./de/connections.json";
import deEditor from "./de/editor.json";
import deJobs from "./de/jobs.json";
import dePublish from "./de/publish.json";
import deRuns from "./de/runs.json";
import deSecrets from "./de/secrets.json";
import deShell from "./de/shell.json";
import deSystem from "./de/system.json";
import deTasks from "./de/tasks.json";
import deValues from "./de/values.json";
import deVersions from "./de/versions.json";
import deWorkflows from "./de/workflows.json";
import enConnections from "./en/connections.json";
import enEditor from "./en/editor.json";
import enJobs from "./en/jobs.json";
import enPublish from "./en/publish.json";
import enRuns from "./en/runs.json";
import enSecrets from "./en/secrets.json";
import enShell from "./en/shell.json";
import enSystem from "./en/system.json";
import enTasks from "./en/tasks.json";
import enValues from "./en/values.json";
import enVersions from "./en/versions.json";
import enWorkflows from "./en/workflows.json";
import { pseudo } from "./pseudo";

const en = {
  ...enConnections,
  ...enEditor,
  ...enJobs,
  ...enPublish,
  ...enRuns,
  ...enSecrets,
  ...enShell,
  ...enSystem,
  ...enTasks,
  ...enValues,
  ...enVersions,
  ...enWorkflows,
};
const de: Record<keyof typeof en, string> = {
  ...deConnections,
  ...deEditor,
  ...deJobs,
  ...dePublish,
  ...deRuns,
  ...deSecrets,
  ...deShell,
  ...deSystem,
  ...deTasks,
  ...deValues,
  ...deVersions,
  ...deWorkflows,
};

export type MessageId = keyof typeof en;
export type Values = Record<string, string | number | boolean | Date | null | undefined>;

/** `x-pseudo` is no language: it marks what goes through the catalogs, so that a test sees what does not. */
export const LOCALES = { en: "English", de: "Deutsch", "x-pseudo": "Pseudo" } as const;
export type Locale = keyof typeof LOCALES;

const CATALOGS: Record<Locale, Record<MessageId, string>> = { en, de, "x-pseudo": pseudo(en) };
const STORED = "designer.locale";

interface Language {
  locale: Locale;
  setLocale: (locale: Locale) => void;
  intl: IntlShape;
}

const Context = createContext<Language | null>(null);

function chosen(): Locale {
  const stored = localStorage.getItem(STORED);
  if (stored !== null && stored in LOCALES) {
    return stored as Locale;
  }
  return navigator.languages.some((language) => language.startsWith("de")) &&
    !navigator.languages[0]?.startsWith("en")
    ? "de"
    : "en";
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [locale, setLocale] = useState<Locale>(chosen);
  const formats = locale === "x-pseudo" ? "en" : locale;
  configure({ language: formats, unreachable: CATALOGS[locale]["shell.unreachable"] });
  useEffect(() => {
    document.documentElement.lang = formats;
  }, [formats]);
  const value = useMemo<Language>(
    () => ({
      locale,
      setLocale: (next) => {
        localStorage.setItem(STORED, next);
        setLocale(next);
      },
      intl: createIntl({ locale: formats, messages: CATALOGS[locale] }, createIntlCache()),
    }),
    [locale, formats],
  );
  return (
    <I18nProvider locale={formats}>
      <Context value={value}>{children}</Context>
    </I18nProvider>
  );
}

export function useLocale(): Language {
  const language = useContext(Context);
  if (language === null) {
    throw new Error("outside of LanguageProvider");
  }
  return language;
}

export type Translate = (id: MessageId, values?: Values) => string;

/** Answers words of the interface in the language of its user. */
export function useT(): Translate {
  const { intl } = useLocale();
  return useMemo(() => (id, values) => intl.formatMessage({ id }, values), [intl]);
}

/** The words for something that the server names, or the name itself where there are none. */
export function named(t: Translate, prefix: string, name: string): string {
  const id = `${prefix}.${name}`;
  return id in en ? t(id as MessageId) : name;
}
