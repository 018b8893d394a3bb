/** Whether somebody is signed in, as the views show it. */
import { useSyncExternalStore } from "react";

export type Status =
  | { kind: "out"; title?: string; detail?: string } // with why the last try went wrong
  | { kind: "in"; name: string }
  | { kind: "ended"; name: string } // the session is over: what is on the screen stays
  | { kind: "leaving"; name?: string }; // on the way to the issuer; with a name the screen stays meanwhile

let status: Status = { kind: "out" };

const listeners = new Set<() => void>();

export const now = (): Status => status;

export function become(next: Status): void {
  status = next;
  listeners.forEach((listener) => listener());
}

export function useStatus(): Status {
  return useSyncExternalStore(subscribe, now);
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => void listeners.delete(changed);
}
