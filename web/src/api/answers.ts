/** Answers as they are written: asked for, followed, stopped. A broken connection is opened again. */
import { call, isPage, Refusal, refused, segment, Unreachable } from "./http";
import { wordsOf } from "../model/words";
import { request } from "../signin/send";

/** Milliseconds before each new try of a broken answer: 15 s in all, a restart of the server included. */
const RETRIES = [500, 1000, 2000, 4000, 7500];

/** What a proxy answers while its server is away. */
const AWAY = [502, 503, 504];

/** What the server sends before the first word of an answer: no part of it. */
const KEPT_ALIVE = /^(<!-- -->)*/;

/** The prompt as it is sent: `content` is in the official client's form. */
export type Prompt = { id: string; role: "user"; content: string };

/** Ask for the end of an answer; false when it is not being written. */
export async function stop(threadId: string, responseId: string): Promise<boolean> {
  return (await (await call("POST", `threads/${segment(threadId)}/stop`, { responseId })).json()).stopping;
}

/** What is done with an answer's connection. */
export type Line = {
  signal: AbortSignal; // ends it
  lost: () => void; // it is broken, and will be opened again
};

/**
 * A prompt's answer so far, each time that it has grown. Asking again is safe: the server answers a responseId once.
 * `first` runs before each request, and refuses it by throwing.
 */
export function ask(threadId: string, responseId: string, prompt: Prompt, line: Line, first: () => Promise<void>): AsyncGenerator<string> {
  const body = JSON.stringify({ prompt, threadId, responseId });
  const headers = { "content-type": "application/json" };
  return answer(async () => {
    await first();
    return request("api/chat", { method: "POST", headers, body, signal: line.signal });
  }, line);
}

async function* answer(send: () => Promise<Response>, line: Line): AsyncGenerator<string> {
  const decoder = new Decoder();
  for await (const piece of poured(async () => (decoder.forget(), send()), line)) yield decoder.whole(piece);
}

/**
 * An answer that is being written already, from its beginning. The server tells it for a minute at a stretch, so what
 * comes after the bytes that are here is asked for until there is nothing.
 */
export async function* follow(threadId: string, responseId: string, line: Line): AsyncGenerator<string> {
  const path = `api/threads/${segment(threadId)}/turns/${segment(responseId)}`;
  const decoder = new Decoder();
  let after = 0;
  let more = true;
  const stretch = async (): Promise<Response> => {
    more = false;
    const response = await request(`${path}?after=${after}`, { signal: line.signal });
    more = response.status === 200 && !response.headers.has("c1fn-error");
    return response;
  };
  while (more) {
    for await (const piece of poured(stretch, line)) {
      after += piece.byteLength - (after ? 0 : new TextDecoder().decode(piece).match(KEPT_ALIVE)![0].length);
      yield decoder.whole(piece);
    }
  }
}

/** The text so far of bytes that arrive in pieces. */
class Decoder {
  #text = "";
  #decoder = new TextDecoder();

  whole(piece: Uint8Array): string {
    this.#text += this.#decoder.decode(piece, { stream: true });
    return this.#text;
  }

  forget(): void {
    this.#text = "";
    this.#decoder = new TextDecoder();
  }
}

/** The bytes of an answer. After a broken connection they come from a new request. */
async function* poured(send: () => Promise<Response>, { signal, lost }: Line): AsyncGenerator<Uint8Array> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await send();
      await refuse(response);
      if (!response.body) return; // there is nothing more
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } catch (error) {
      if (signal.aborted || (error instanceof Refusal && !(error instanceof Unreachable))) throw error;
      const wait = RETRIES[attempt];
      if (wait === undefined) throw new Unreachable();
      lost();
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (signal.aborted) throw error;
    }
  }
}

/** A browser gets what a person can cause as a card in a 200; the header tells it from an answer. */
async function refuse(response: Response): Promise<void> {
  const code = response.headers.get("c1fn-error");
  if (!code && (AWAY.includes(response.status) || (response.ok && isPage(response)))) throw new Unreachable();
  if (!response.ok) throw await refused(response);
  if (!code) return;
  const [title = "The prompt was refused", ...detail] = wordsOf(await response.text()).split("\n\n");
  throw new Refusal(response.status, title, detail.join(" "), code);
}
