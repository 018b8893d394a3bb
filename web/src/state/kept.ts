/** What this browser keeps; where it keeps nothing, as in some private windows, the page works without. */

let person = "";
let gone = false;

/** From now on drafts and deletions are kept for this person; without sign-in, for whoever uses the browser. */
export function keepFor(somebody: string): void {
  person = somebody;
}

/** Nothing that was kept for the person stays in this browser, and nothing more is kept. */
export function forgetPerson(): void {
  gone = true;
  for (const key of Object.keys(localStorage)) if (key.startsWith(`c1fn:${person}:`)) localStorage.removeItem(key);
}

/** The theme is the browser's, everything else the person's. */
const keyOf = (name: string): string => (person && name !== "theme" ? `c1fn:${person}:${name}` : `c1fn:${name}`);

export function kept<T>(name: string, fallback: T): T {
  try {
    return JSON.parse(localStorage.getItem(keyOf(name)) ?? "") as T;
  } catch {
    return fallback;
  }
}

/** False if there is no room for it. */
export function keep(name: string, value: unknown): boolean {
  if (gone) return true;
  try {
    localStorage.setItem(keyOf(name), JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
