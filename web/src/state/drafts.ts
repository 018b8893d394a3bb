/** What was typed and not sent, for each thread. */
import { keep, kept } from "./kept";

/** Threads whose drafts are kept, the newest ones. */
const MOST = 30;

type Drafts = [threadId: string, text: string][];

const all = (): Drafts => kept<Drafts>("drafts", []);

const nameOf = (threadId: string | null): string => threadId ?? "";

export function draftOf(threadId: string | null): string {
  flush();
  return all().find(([id]) => id === nameOf(threadId))?.[1] ?? "";
}

export function keepDraft(threadId: string | null, text: string): void {
  const others = all().filter(([id]) => id !== nameOf(threadId));
  const newest: Drafts = text.trim() ? [[nameOf(threadId), text]] : [];
  const drafts = [...newest, ...others].slice(0, MOST);
  while (drafts.length && !keep("drafts", drafts)) drafts.pop(); // a browser has room for about 5 MB
  if (!drafts.length) keep("drafts", drafts);
}

/** Milliseconds after the last key before a draft is kept. */
const PAUSE = 300;

let typed: { threadId: string | null; text: string; timer: ReturnType<typeof setTimeout> } | undefined;

/** Keep it when its writer pauses, leaves the thread or leaves the page. */
export function typeDraft(threadId: string | null, text: string): void {
  if (typed && typed.threadId !== threadId) flush();
  clearTimeout(typed?.timer);
  typed = { threadId, text, timer: setTimeout(flush, PAUSE) };
}

function flush(): void {
  if (!typed) return;
  const { threadId, text, timer } = typed;
  clearTimeout(timer);
  typed = undefined;
  keepDraft(threadId, text);
}

window.addEventListener("pagehide", flush);
