/** Threads and their messages: docs/http.md has the endpoints. */
import { call, Refusal, segment } from "./http";

/** Pages of the thread list that are loaded: 500 threads, more than anybody scrolls through. */
const LIST_PAGES = 5;
const LIST_PAGE = 100;

/** Turns of one request: two or three screens, so that the newest ones show at once. */
const TURNS = 20;

export type Thread = {
  threadId: string;
  title: string;
  createdAt: string;
  updatedAt: string;
  isRunning: boolean;
  forkedFrom?: { threadId: string; responseId: string | null };
};

export type Feedback = { value: "up" | "down"; comment?: string };

/** A prompt names its answer's responseId by what became of it, unless it is complete. */
export type Message = {
  id: string;
  role: "user" | "assistant";
  content: string;
  running?: string;
  stopped?: string;
  failed?: string;
  feedback?: Feedback;
};

/** Messages, oldest first, and the number of the turn before which there are more. */
export type Page = { messages: Message[]; before: number | null };

export async function listThreads(): Promise<{ threads: Thread[]; complete: boolean }> {
  const threads: Thread[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < LIST_PAGES; page += 1) {
    const query = new URLSearchParams({ limit: `${LIST_PAGE}`, ...(cursor === null ? {} : { cursor }) });
    const found: { threads: Thread[]; cursor: string | null } = await (await call("GET", `threads?${query}`)).json();
    threads.push(...found.threads);
    cursor = found.cursor;
    if (cursor === null) break;
  }
  return { threads, complete: cursor === null };
}

export async function loadMessages(threadId: string, before: number | null = null, limit = TURNS): Promise<Page> {
  const query = new URLSearchParams({ limit: `${limit}`, ...(before === null ? {} : { before: `${before}` }) });
  return paged(await call("GET", `threads/${segment(threadId)}/messages?${query}`));
}

export async function renameThread(threadId: string, title: string): Promise<Thread> {
  return (await call("PUT", `threads/${segment(threadId)}`, { title })).json();
}

/** Gone is what was asked for, so a thread that is not there is no error. */
export async function deleteThread(threadId: string): Promise<void> {
  try {
    await call("DELETE", `threads/${segment(threadId)}`, undefined, { keepalive: true });
  } catch (error) {
    if (!(error instanceof Refusal && error.missing)) throw error;
  }
}

/** A new thread with the turns of this one before, or through, an answer. */
export async function fork(threadId: string, until: { before: string } | { through: string }): Promise<Thread> {
  return (await call("POST", `threads/${segment(threadId)}/fork`, { threadId: crypto.randomUUID(), ...until })).json();
}

/** Keep an answer with the state of its form. */
export async function saveAnswer(threadId: string, responseId: string, content: string): Promise<void> {
  await call("PUT", `threads/${segment(threadId)}/messages/${segment(responseId)}`, { content });
}

export async function rate(threadId: string, responseId: string, feedback: Feedback | null): Promise<void> {
  await call("PUT", `threads/${segment(threadId)}/messages/${segment(responseId)}/feedback`, feedback ?? { value: null });
}

/** The newest page, with the number that its `Link` header names. */
export async function paged(response: Response): Promise<Page> {
  const before = /[?&]before=(\d+)/.exec(response.headers.get("link") ?? "");
  return { messages: await response.json(), before: before && Number(before[1]) };
}
