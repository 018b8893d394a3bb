/** The server's endpoints. Paths are relative, so that the page works below any path. */
import type { Message } from "@thesysai/genui-sdk";
import type { Thread } from "@crayonai/react-core";
import { errorCard } from "./cards";

/** Pages of the thread list that are loaded: 500 threads, more than anybody scrolls through. */
const LIST_PAGES = 5;
const LIST_PAGE = 100;

/** Milliseconds before each new try of a broken answer: 15 s in all, a restart of the server included. */
const RETRIES = [500, 1000, 2000, 4000, 7500];

/** A refusal, in the server's own words (RFC 9457). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
  ) {
    super(detail);
  }
}

type Stored = Message & { running?: string };
type StoredThread = Omit<Thread, "createdAt"> & { createdAt: string };

export async function listThreads(): Promise<Thread[]> {
  const threads: Thread[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < LIST_PAGES; page += 1) {
    const query = new URLSearchParams({ limit: `${LIST_PAGE}`, ...(cursor === null ? {} : { cursor }) });
    const found: { threads: StoredThread[]; cursor: string | null } = await (await call("GET", `?${query}`)).json();
    threads.push(...found.threads.map(asThread));
    cursor = found.cursor;
    if (cursor === null) break;
  }
  return threads;
}

/** A thread titled by its first prompt. */
export async function createThread(threadId: string, content: string): Promise<Thread> {
  const response = await call("POST", "", { threadId, ...(content && { prompt: { role: "user", content } }) });
  return asThread(await response.json());
}

export async function renameThread({ threadId, title }: Thread): Promise<Thread> {
  return asThread(await (await call("PUT", at(threadId), { title })).json());
}

export async function deleteThread(threadId: string): Promise<void> {
  try {
    await call("DELETE", at(threadId));
  } catch (error) {
    if (!(error instanceof Refusal && error.status === 404)) throw error; // gone is what was asked for
  }
}

/** The messages of a thread, and the responseId of the answer that is still being written. */
export async function loadThread(threadId: string): Promise<{ messages: Message[]; running: string | undefined }> {
  const stored: Stored[] = await (await call("GET", `${at(threadId)}/messages`)).json();
  const running = stored.find((message) => message.running)?.running;
  return { messages: stored.filter((message) => message.id !== running), running };
}

/** Keep an answer with the state of its form. */
export async function saveAnswer(threadId: string, { id, content }: Message): Promise<void> {
  await call("PUT", `${at(threadId)}/messages/${encodeURIComponent(id)}`, { content });
}

/** Ask for the end of an answer; false when it is not being written. */
export async function stop(threadId: string, responseId: string): Promise<boolean> {
  return (await (await call("POST", `${at(threadId)}/stop`, { responseId })).json()).stopping;
}

/** A prompt's answer. Asking again is safe: the server answers a responseId once. */
export function ask(threadId: string, responseId: string, prompt: Message, signal: AbortSignal): Response {
  const body = JSON.stringify({ prompt, threadId, responseId });
  const headers = { "content-type": "application/json" };
  return answer(() => fetch("api/chat", { method: "POST", headers, body, signal }), signal);
}

/** An answer that is being written already, from its beginning. The server tells it for a minute at a stretch. */
export function follow(threadId: string, responseId: string, signal: AbortSignal): Response {
  const url = `api/threads/${at(threadId).slice(1)}/turns/${encodeURIComponent(responseId)}`;
  return answered(followed((after) => fetch(`${url}?after=${after}`, { signal }), signal));
}

/** Asks for what comes after the bytes that it has until there is nothing, also where a connection breaks. */
async function* followed(send: (after: number) => Promise<Response>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let after = 0;
  let more = true;
  const stretch = async (): Promise<Response> => {
    more = false;
    const response = await send(after);
    more = response.status === 200;
    return response;
  };
  while (more) {
    for await (const piece of poured(stretch, signal)) {
      after += piece.byteLength - (after ? 0 : new TextDecoder().decode(piece).match(KEPT_ALIVE)![0].length);
      yield piece;
    }
  }
}

/** What the server sends before the first word of an answer: no part of it. */
const KEPT_ALIVE = /^(<!-- -->)*/;

function answer(send: () => Promise<Response>, signal: AbortSignal): Response {
  return answered(poured(send, signal));
}

function answered(pieces: AsyncGenerator<Uint8Array>): Response {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const piece = await pieces.next();
        if (piece.done) controller.close();
        else controller.enqueue(piece.value);
      } catch (error) {
        controller.error(error);
      }
    },
    cancel: async () => void (await pieces.return(undefined)),
  });
  return new Response(body);
}

/** The bytes of an answer. A broken connection is opened again, and the answer then starts over in its place. */
async function* poured(send: () => Promise<Response>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await send();
      if (!response.ok) {
        const refusal = await refused(response);
        yield encoder.encode(errorCard(refusal.title, refusal.message));
        return;
      }
      if (!response.body) return; // there is nothing more
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const wait = RETRIES[attempt];
      if (wait === undefined) {
        yield encoder.encode(errorCard("The server does not answer", "Look after your connection, then send it again."));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

async function call(method: string, path: string, body?: object): Promise<Response> {
  const init = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`api/threads${path}`, { method, ...init });
  if (!response.ok) throw await refused(response);
  return response;
}

async function refused(response: Response): Promise<Refusal> {
  const problem = await response.json().catch(() => ({}));
  const title = problem.title ?? `The server answered ${response.status}`;
  return new Refusal(response.status, title, problem.detail ?? "Try again in a moment.");
}

const at = (threadId: string): string => `/${encodeURIComponent(threadId)}`;

const asThread = (thread: StoredThread): Thread => ({ ...thread, createdAt: new Date(thread.createdAt) });
