/** Every request to the API goes through here. On a page with sign-in, it carries a token. */

export type Send = (path: string, init?: RequestInit) => Promise<Response>;

let send: Send = (path, init) => fetch(path, init);

export const request: Send = (path, init) => send(path, init);

export function sendBy(other: Send): void {
  send = other;
}

/** Tells `regained` when another tab has signed the same person in again. */
export const signedIn = new EventTarget();
