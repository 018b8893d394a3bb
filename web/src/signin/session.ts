/**
 * The session of one browser: one person in all of its tabs.
 *
 * It is kept in this tab's sessionStorage, which a reload leaves and the tab's end empties. A new tab asks the others
 * for it over a BroadcastChannel, which only pages of this origin hear. Issuers take a refresh token once: who uses an
 * old one again is taken for a thief, and loses the whole session. So one tab at a time renews, under a lock; the lock
 * is let go after the news has been told: when it has come back to this tab, it is on its way to the others.
 */

export type Session = {
  token: string; // what the API is sent
  refresh?: string;
  sub: string;
  name: string;
  made: number; // when it was told, by this machine's clock
  renewAt: number; // when to renew it, by the same clock
};

type News = { ask: true } | { answer: Session } | { session: Session } | { out: true };

const KEPT = "c1fn:session";

/** Milliseconds to wait for other tabs: they answer within a few. */
const ASKED = 200;

/** Milliseconds for news to come back; then the lock is let go anyway. */
const TOLD = 1_000;

/** Seconds before its end at which a token is renewed, or a fifth of a short life: a request is under way for some. */
const EARLY = 30;

export function sessionOf(tokens: { token: string; refresh?: string; lifetime?: number }, who: { sub: string; name: string }): Session {
  const { token, refresh, lifetime = Infinity } = tokens;
  const made = Date.now();
  const renewAt = made + 1000 * (lifetime - Math.min(EARLY, lifetime / 5));
  return { token, ...(refresh && { refresh }), sub: who.sub, name: who.name, made, renewAt: Math.min(renewAt, Number.MAX_SAFE_INTEGER) };
}

export class Sessions {
  #session: Session | undefined;
  readonly #name: string;
  readonly #channel: BroadcastChannel;

  /** @param of the issuer and the client: sites of one origin may have several */
  constructor(of: string, heard: { session: (session: Session) => void; out: () => void }) {
    this.#name = `c1fn:${of}`;
    this.#session = restored();
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }: MessageEvent<News>) => {
      if ("ask" in data && this.#session) this.#channel.postMessage({ answer: this.#session });
      else if ("out" in data) heard.out();
      else if ("session" in data) heard.session(data.session);
    };
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** The session of another tab, if there is one. */
  async ofOthers(): Promise<Session | undefined> {
    const told = this.#next((news) => "answer" in news, ASKED);
    this.#channel.postMessage({ ask: true });
    const news = await told;
    return news && "answer" in news ? news.answer : undefined;
  }

  /** From now on this is the session of this tab. */
  take(session: Session | undefined): void {
    this.#session = session;
    if (session) sessionStorage.setItem(KEPT, JSON.stringify(session));
    else sessionStorage.removeItem(KEPT);
  }

  /** Take it, and tell the other tabs. */
  async tell(session: Session): Promise<void> {
    this.take(session);
    const back = this.#next((news) => "session" in news && news.session.token === session.token, TOLD);
    this.#channel.postMessage({ session });
    await back;
  }

  tellOut(): void {
    this.take(undefined);
    this.#channel.postMessage({ out: true });
  }

  /** Alone among this browser's tabs. */
  async alone<T>(act: () => Promise<T>): Promise<T> {
    return navigator.locks.request(this.#name, act);
  }

  /** The next such news that another object hears: a channel does not hear what it told itself. */
  async #next(is: (news: News) => boolean, patience: number): Promise<News | undefined> {
    const ear = new BroadcastChannel(this.#name);
    try {
      return await new Promise<News | undefined>((resolve) => {
        setTimeout(() => resolve(undefined), patience);
        ear.onmessage = ({ data }: MessageEvent<News>) => is(data) && resolve(data);
      });
    } finally {
      ear.close();
    }
  }
}

function restored(): Session | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}
