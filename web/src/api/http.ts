/** Requests and refusals. Paths are relative, so that the page works below any path. */
import { request } from "../signin/send";

/** A refusal, in the server's own words (RFC 9457). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
    readonly code = "",
  ) {
    super(detail);
  }

  /** What was asked for is not there: it never was, or was deleted, or the server lost it in a restart. */
  get missing(): boolean {
    return this.code === "not_found";
  }
}

/** The server cannot be reached, or something in between answers in its place. */
export class Unreachable extends Refusal {
  constructor() {
    super(0, "The server does not answer", "Check your connection, then try again.");
  }
}

/** A request whose answer is JSON, or nothing. */
export async function call(method: string, path: string, body?: object, init: RequestInit = {}): Promise<Response> {
  const json = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await request(`api/${path}`, { method, ...json, ...init });
  } catch (error) {
    throw init.signal?.aborted ? error : new Unreachable();
  }
  if (!response.ok) throw await refused(response);
  if (isPage(response)) throw new Unreachable();
  return response;
}

export async function refused(response: Response): Promise<Refusal> {
  const problem = await response.json().catch(() => ({}));
  const { title = `The server answered ${response.status}`, detail = "Try again in a moment.", code = "" } = problem;
  return new Refusal(response.status, `${title}`, `${detail}`, `${code}`);
}

/** A web page in place of an answer: of a proxy, or of a network that wants a person to sign in. */
export function isPage(response: Response): boolean {
  return (response.headers.get("content-type") ?? "").startsWith("text/html");
}

export const segment = encodeURIComponent;
