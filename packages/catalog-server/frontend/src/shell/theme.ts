import { useSyncExternalStore } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const STORED = "designer.theme";
const listeners = new Set<() => void>();

function stored(): Theme {
  const theme = localStorage.getItem(STORED) as Theme | null;
  return theme !== null && THEMES.includes(theme) ? theme : "system";
}

/** Shows the theme that was chosen last. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = stored();
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(STORED, theme);
  applyTheme();
  for (const listener of listeners) {
    listener();
  }
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, stored);
}
