/** The list of conversations. */
import { create } from "zustand";
import { Refusal } from "../api/http";
import * as api from "../api/threads";
import { read } from "../model/c1";
import { keep, kept } from "./kept";
import { notice, SHOWN, tell } from "./notices";
import { announce } from "./tabs";

/** Characters of a title that the server makes of a prompt. */
const TITLE = 80;

type List = {
  threads: api.Thread[];
  loaded: boolean;
  complete: boolean; // there are no older ones than those
  problem?: Refusal | undefined;
  search: string;
};

export const useThreads = create<List>(() => ({ threads: [], loaded: false, complete: true, search: "" }));

const { getState, setState } = useThreads;

/** Deletions that can still be undone. They are kept, so that a reload does not forget them. */
const leaving = new Set<string>();

const LATER = () => [...leaving];

let asked = 0;

export async function refreshThreads(): Promise<void> {
  asked += 1;
  const turn = asked;
  try {
    const { threads, complete } = await api.listThreads();
    if (turn !== asked) return; // a later request knows better
    setState(({ threads: before }) => ({ threads: listed(threads, before), loaded: true, complete, problem: undefined }));
  } catch (error) {
    if (error instanceof Refusal && turn === asked) setState({ loaded: true, problem: error });
  }
}

/** Those of the server, and those whose first prompt is on its way to it. */
function listed(threads: api.Thread[], before: api.Thread[]): api.Thread[] {
  const known = new Set(threads.map(({ threadId }) => threadId));
  const begun = before.filter((thread) => thread.isRunning && unsaved.has(thread.threadId) && !known.has(thread.threadId));
  known.forEach((threadId) => unsaved.delete(threadId));
  return [...begun, ...threads.filter(({ threadId }) => !leaving.has(threadId))];
}

const unsaved = new Set<string>();

/** A thread that begins with this prompt, or a branch that goes on with it. */
export function addThread(threadId: string, content: string, made?: api.Thread): void {
  const now = new Date().toISOString();
  const title = read(content).words.replace(/\s+/g, " ").slice(0, TITLE) || "New conversation";
  const thread = made ?? { threadId, title, createdAt: now, updatedAt: now, isRunning: true };
  if (!made) unsaved.add(threadId);
  setState(({ threads }) => ({ threads: [{ ...thread, isRunning: true }, ...threads.filter((one) => one.threadId !== threadId)] }));
  announce({});
}

export function forgetThread(threadId: string): void {
  unsaved.delete(threadId);
  setState(({ threads }) => ({ threads: threads.filter((thread) => thread.threadId !== threadId) }));
}

export async function rename(threadId: string, title: string): Promise<void> {
  const { threads } = getState();
  const put = (change: Partial<api.Thread>) =>
    setState({ threads: getState().threads.map((one) => (one.threadId === threadId ? { ...one, ...change } : one)) });
  const old = threads.find((one) => one.threadId === threadId)?.title;
  put({ title });
  try {
    put({ title: (await api.renameThread(threadId, title)).title });
    announce({});
  } catch (error) {
    if (old !== undefined) put({ title: old });
    tell(error);
  }
}

/** Delete a thread, after a while in which that can be undone. */
export function remove(thread: api.Thread): void {
  leaving.add(thread.threadId);
  keep("deleting", LATER());
  forgetThread(thread.threadId);
  const timer = setTimeout(() => void finish(thread.threadId), SHOWN);
  const undo = () => {
    clearTimeout(timer);
    leaving.delete(thread.threadId);
    keep("deleting", LATER());
    void refreshThreads();
  };
  notice(`“${thread.title.slice(0, 40)}” was deleted.`, { name: "Undo", run: undo });
}

async function finish(threadId: string): Promise<void> {
  try {
    await api.deleteThread(threadId);
    announce({ thread: threadId });
  } catch (error) {
    tell(error);
  }
  leaving.delete(threadId);
  keep("deleting", LATER());
  await refreshThreads();
}

/** Deletions of a page that was closed before they were sent. */
export async function finishDeletions(): Promise<void> {
  kept<string[]>("deleting", []).forEach((threadId) => leaving.add(threadId));
  await Promise.all(LATER().map(finish));
}
