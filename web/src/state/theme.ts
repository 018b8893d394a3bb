/** The theme that a person chose, or the system's. */
import { useSyncExternalStore } from "react";
import { create } from "zustand";
import { keep, kept } from "./kept";

export const CHOICES = ["light", "dark", "system"] as const;
export type Choice = (typeof CHOICES)[number];

const found = kept<Choice>("theme", "system");

export const useChoice = create<{ choice: Choice }>(() => ({ choice: CHOICES.includes(found) ? found : "system" }));

export function choose(choice: Choice): void {
  keep("theme", choice);
  useChoice.setState({ choice });
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function subscribe(changed: () => void): () => void {
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

export function useTheme(): "light" | "dark" {
  const system = useSyncExternalStore(subscribe, () => (dark.matches ? "dark" : "light"));
  const { choice } = useChoice();
  return choice === "system" ? system : choice;
}
