import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";

import { get, post, Problem, send } from "../api/client";
import { useT } from "../i18n";
import { Button, ErrorBanner } from "../ui/kit";
import "./session.css";

interface DevelopmentUser {
  name: string;
  company: string;
}

/** Where one comes who is not signed in. */
export function SignIn() {
  const t = useT();
  return (
    <main className="sign-in">
      <title>{t("shell.signIn.title")}</title>
      <SignInCard title={t("shell.signIn.title")} />
    </main>
  );
}

/** In development by one click; else with a token of whoever signs people in. */
export function SignInCard({ title, hint }: { title: string; hint?: string }) {
  const t = useT();
  const queries = useQueryClient();
  const users = useQuery({
    queryKey: ["development users"],
    queryFn: ({ signal }) => get<DevelopmentUser[]>("/api/session/development", signal),
  });
  const [token, setToken] = useState("");
  const field = useId();
  const begin = useMutation({
    mutationFn: (name: string | null) =>
      name === null
        ? send("POST", "/api/session", { headers: { Authorization: `Bearer ${token.trim()}` } })
        : post("/api/session/development", { name }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["session"] });
      await queries.invalidateQueries(); // what was refused meanwhile
    },
  });
  return (
    <div className="sign-in-card">
      <h1>{title}</h1>
      {hint ? <p className="muted">{hint}</p> : null}
      {begin.error ? (
        <ErrorBanner>{begin.error instanceof Problem && begin.error.detail ? begin.error.detail : t("shell.signIn.failed")}</ErrorBanner>
      ) : null}
      {users.data?.length ? (
        <section aria-labelledby={`${field}-users`}>
          <p id={`${field}-users`} className="sign-in-lead">
            {t("shell.signIn.sampleUsers")}
          </p>
          {users.data.map((user) => (
            <button
              key={`${user.company} ${user.name}`}
              type="button"
              className="sign-in-user"
              disabled={begin.isPending}
              onClick={() => begin.mutate(user.name)}
            >
              <span aria-hidden className="avatar">
                {user.name.slice(0, 1)}
              </span>
              <span>
                <strong>{user.name}</strong>
                <small>{user.company}</small>
              </span>
            </button>
          ))}
        </section>
      ) : null}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          begin.mutate(null);
        }}
      >
        <div className="field">
          <label htmlFor={field}>{t("shell.signIn.token")}</label>
          <textarea
            id={field}
            className="input"
            rows={3}
            spellCheck={false}
            autoComplete="off"
            value={token}
            aria-describedby={`${field}-help`}
            onChange={(event) => setToken(event.target.value)}
          />
          <span id={`${field}-help`} className="field-help">
            {t("shell.signIn.tokenHelp")}
          </span>
        </div>
        <Button kind="primary" type="submit" isDisabled={!token.trim() || begin.isPending}>
          {t("shell.signIn.do")}
        </Button>
      </form>
    </div>
  );
}
