/** How people sign in: `config.json` beside the page. Without it, or without `oidc` in it, the page asks nobody. */

export type Oidc = {
  authority: string; // the issuer, as its tokens name it
  clientId: string;
  scope?: string;
  audience?: string; // where an issuer needs it to make a token for the API
  logoutUrl?: string; // where to go after signing out, if the issuer's discovery document does not say it
  token?: "access" | "id"; // which of its tokens the API is sent
};

/** config.json, or this page's way of signing in, cannot be used: what is wrong, and what to do. */
export class SignInProblem extends Error {
  constructor(
    readonly title: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** Statuses from here on are a fault of the server; below, there is no such file. S3 says 403 for one that is missing. */
const FAULT = 500;

/** What config.json has as `oidc`, not looked at yet. */
export async function configured(): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch("config.json", { cache: "no-cache" });
  } catch {
    throw unloaded("The server does not answer.");
  }
  if (response.status >= FAULT) throw unloaded(`The server answered ${response.status}.`);
  const page = (response.headers.get("content-type") ?? "").startsWith("text/html"); // of a server that has one for every path
  if (!response.ok || page) return undefined;
  const found = await response.json().catch(() => {
    throw new SignInProblem("This site's config.json is not JSON", "Whoever runs this site can mend it.");
  });
  return found?.oidc;
}

const unloaded = (why: string) => new SignInProblem("This site's config.json could not be loaded", `${why} Reload the page to try again.`);
