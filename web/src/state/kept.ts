/** What this browser keeps; where it keeps nothing, as in some private windows, the page works without. */

export function kept<T>(name: string, fallback: T): T {
  try {
    return JSON.parse(localStorage.getItem(`c1fn:${name}`) ?? "") as T;
  } catch {
    return fallback;
  }
}

/** False if there is no room for it. */
export function keep(name: string, value: unknown): boolean {
  try {
    localStorage.setItem(`c1fn:${name}`, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
