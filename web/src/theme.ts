import { useSyncExternalStore } from "react";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function subscribe(changed: () => void): () => void {
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

/** The system's theme, followed as it changes. */
export function useTheme(): "light" | "dark" {
  return useSyncExternalStore(subscribe, () => (dark.matches ? "dark" : "light"));
}
