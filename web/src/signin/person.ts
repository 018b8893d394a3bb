/** Who is at the page: signs them in and out, and gives each request their token. */
import { checked } from "./checked";
import { SignInProblem } from "./config";
import { type Begun, here, Issuer, Over } from "./issuer";
import { sendBy, signedIn } from "./send";
import { type Session, sessionOf, Sessions } from "./session";
import { become, now } from "./status";

/** What waits in this tab while its person is at the issuer. */
const BEGUN = "c1fn:signing-in";

/** Milliseconds after which an issuer that did not answer is asked for a new token again, while the old one still works. */
const LATER = 30_000;

/** Milliseconds for the issuer to take the refresh token back: a person who signs out waits no longer. */
const LEAVING = 3_000;

/** Codes of the API for a request without a token that it takes. */
const NOT_TAKEN = ["unauthorized", "invalid_token"];

let issuer: Issuer;
let sessions: Sessions;
let owner = "";
let sub: string;
let forget = () => undefined as void;

/** A name for what this person keeps in this browser; empty if nobody is signed in. */
export const person = (): string => owner;

/** Told when the person signs out, in any tab: what the page keeps of them goes. */
export function whenSignedOut(act: () => void): void {
  forget = act;
}

/** Finish a sign-in, or go on with this browser's session. Afterwards the status says what to show. */
export async function arrive(configured: unknown): Promise<void> {
  const returned = cleared();
  try {
    const oidc = checked(configured);
    if (!window.isSecureContext) {
      throw new SignInProblem("Signing in needs https", "Open this page by its https address; on your own machine, by http://localhost or http://127.0.0.1.");
    }
    issuer = new Issuer(oidc);
    sessions = new Sessions(`${oidc.authority} ${oidc.clientId}`, { session: heard, out: left });
    sendBy(send);
    window.addEventListener("pageshow", ({ persisted }) => persisted && window.location.reload()); // by the button "back"
    if (returned) await redeem(returned);
    const session = sessions.session ?? (await sessions.ofOthers());
    if (!session) return;
    sessions.take(session);
    sub = session.sub;
    owner = `${oidc.authority} ${sub}`;
    become({ kind: "in", name: session.name });
  } catch (error) {
    become(failed(error));
  }
}

/** What an issuer sent back in the address, which is cleared of it before anything else is asked for. */
function cleared(): URLSearchParams | undefined {
  const address = new URL(window.location.href);
  const { searchParams: found } = address;
  if (!found.has("state") || !(found.has("code") || found.has("error"))) return undefined;
  window.history.replaceState(null, "", here());
  return found;
}

async function redeem(returned: URLSearchParams): Promise<void> {
  const kept = sessionStorage.getItem(BEGUN);
  sessionStorage.removeItem(BEGUN); // it serves once
  if (!kept) {
    if (sessions.session) return; // the button "back" of a person who is signed in
    throw new SignInProblem("This sign-in was not begun here", "It was begun in another tab, or its link was opened twice. Sign in from here.");
  }
  const begun: Begun = JSON.parse(kept);
  window.history.replaceState(null, "", here() + begun.back);
  const tokens = await issuer.redeem(returned, begun);
  await sessions.tell(sessionOf(tokens, { sub: tokens.sub!, name: tokens.name! }));
}

function failed(error: unknown) {
  if (error instanceof SignInProblem) return { kind: "out", title: error.title, detail: error.message } as const;
  const detail = "Cookies and site data may be blocked for this page: signing in needs them. Allow them, then try again.";
  return { kind: "out", title: "This browser cannot sign in here", detail } as const;
}

/** Go to the issuer. */
export async function signIn(): Promise<void> {
  if (!issuer) return window.location.reload();
  const before = now();
  become({ kind: "leaving", ...("name" in before && { name: before.name }) });
  try {
    const { address, begun } = await issuer.signIn(window.location.search + window.location.hash);
    sessionStorage.setItem(BEGUN, JSON.stringify(begun));
    window.location.assign(address);
  } catch (error) {
    become(before.kind === "ended" ? before : failed(error));
    if (before.kind === "ended") throw error;
  }
}

/** In all tabs of this browser, and at the issuer. */
export async function signOut(): Promise<void> {
  const refresh = sessions.session?.refresh;
  become({ kind: "leaving" });
  forget();
  sessions.tellOut();
  try {
    if (refresh) await Promise.race([issuer.revoke(refresh).catch(() => undefined), new Promise((resolve) => setTimeout(resolve, LEAVING))]);
    window.location.assign((await issuer.signOut()) ?? here());
  } catch {
    const detail = "The sign-in service could not be told: whoever signs in next on this machine may be let in as you. Close the browser, or sign out there.";
    become({ kind: "out", title: "You are signed out of this page alone", detail });
  }
}

/** Another tab has a session: of the same person a newer one is taken; of another, this tab begins anew. */
function heard(session: Session): void {
  const { kind } = now();
  const own = sessions.session;
  if (kind === "leaving") return;
  if (kind === "out") return window.location.reload();
  if (session.sub !== sub) {
    sessions.take(undefined);
    return window.location.reload();
  }
  if (own && own.made >= session.made) return;
  sessions.take(session);
  become({ kind: "in", name: session.name });
  if (kind === "ended") signedIn.dispatchEvent(new Event("regained"));
}

/** Another tab has signed out: nothing of the person stays on this screen. */
function left(): void {
  if (!owner || now().kind === "leaving") return;
  forget();
  sessions.take(undefined);
  window.location.replace(here());
}

/** A request with the person's token. One that is not taken is renewed, and the request sent once more. */
async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let { session } = sessions;
  if (session && Date.now() >= Math.max(session.renewAt, later)) {
    session = await renewed(session).catch(() => session); // it may still be good
  }
  const response = await fetch(path, signed(init, session));
  if (!notTaken(response)) return response;
  if (!session) return now().kind === "in" || now().kind === "ended" ? over() : response;
  try {
    await response.body?.cancel();
    const fresh = await renewed(session);
    if (!fresh) return over();
    const second = await fetch(path, signed(init, fresh));
    return notTaken(second) && !second.headers.has("c1fn-error") ? NOT_FOR_THIS_API() : second;
  } catch (error) {
    if (error instanceof SignInProblem) return problem(503, "issuer_unavailable", error.title, error.message);
    throw error;
  }
}

function signed(init: RequestInit, session: Session | undefined): RequestInit {
  const headers = new Headers(init.headers);
  if (session) headers.set("authorization", `Bearer ${session.token}`);
  return { ...init, headers };
}

const notTaken = (response: Response): boolean => response.status === 401 || NOT_TAKEN.includes(response.headers.get("c1fn-error") ?? "");

let later = 0;

/** A newer session than this one; undefined when it is over. */
async function renewed(old: Session): Promise<Session | undefined> {
  return sessions.alone(async () => {
    const { session } = sessions;
    if (session?.token !== old.token) return session; // another request or tab has renewed it, or it has ended
    try {
      if (!old.refresh) throw new Over();
      const fresh = sessionOf(await issuer.renew(old.refresh, old.sub), old);
      await sessions.tell(fresh);
      return fresh;
    } catch (error) {
      if (!(error instanceof Over)) {
        later = Date.now() + LATER;
        throw error;
      }
      sessions.take(undefined);
      become({ kind: "ended", name: old.name });
      return undefined;
    }
  });
}

const over = () => problem(401, "signed_out", "Your sign-in has ended", "Sign in again to go on. Nothing was lost.");

const NOT_FOR_THIS_API = () =>
  problem(401, "token_refused", "The server does not take this sign-in", "You are signed in, but the server refuses the token: whoever runs this site can compare its config.json with the server's settings.");

/** As the API tells its errors (RFC 9457). */
function problem(status: number, code: string, title: string, detail: string): Response {
  const headers = { "content-type": "application/problem+json", "c1fn-error": code };
  return new Response(JSON.stringify({ title, detail, code }), { status, headers });
}
