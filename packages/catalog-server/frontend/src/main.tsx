import "@fontsource-variable/inter";
import "./styles/tokens.css";
import "./styles/base.css";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, RouterProvider } from "react-router";

import { configure, Problem } from "./api/client";
import { LanguageProvider } from "./i18n";
import { ROUTES } from "./routes";
import { applyTheme } from "./shell/theme";

/** What was refused is refused again; only what passes is worth another try. */
const passes = (error: Error) => !(error instanceof Problem && error.status > 0 && error.status < 500);

const queries = new QueryClient({
  defaultOptions: {
    // Without a network there may still be a way to the server; where there is none, that is told.
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      retry: (count, error) => count < 2 && passes(error),
      refetchInterval: ({ state }) => (state.error !== null && passes(state.error) ? 10_000 : false),
    },
  },
});

// Asked anew, and not taken as ended: the answer may be older than the next session.
configure({ onSignedOut: () => void queries.invalidateQueries({ queryKey: ["session"] }) });
applyTheme();
createRoot(document.getElementById("root") as HTMLElement).render(
  <QueryClientProvider client={queries}>
    <LanguageProvider>
      <RouterProvider router={createBrowserRouter(ROUTES)} />
    </LanguageProvider>
  </QueryClientProvider>,
);
