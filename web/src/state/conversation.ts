/** The conversation on the screen: its turns, and what becomes of them. */
import { create } from "zustand";
import * as answers from "../api/answers";
import { Refusal, Unreachable } from "../api/http";
import * as api from "../api/threads";
import { read, wrapped } from "../model/c1";
import { merged, type Turn, turnsOf } from "../model/turns";
import { keepDraft } from "./drafts";
import { tell } from "./notices";
import { announce } from "./tabs";
import { addThread, forgetThread, refreshThreads } from "./threads";

/** Milliseconds between two drawings of an answer that grows: the official client's own pace. */
const PACE = 70;

export type Conversation = {
  threadId: string | null; // null: none that the server knows yet
  status: "ready" | "loading" | "missing" | "unreachable";
  problem?: Refusal;
  turns: Turn[];
  before: number | null; // there are older turns before this number
  older: boolean; // they are being loaded
};

const EMPTY: Conversation = { threadId: null, status: "ready", turns: [], before: null, older: false };

export const useConversation = create<Conversation>(() => EMPTY);

const { getState, setState } = useConversation;

/** What is left to its thread when another one is opened. */
let open = new AbortController();

function leave(): AbortSignal {
  open.abort(); // no stop: the server finishes what it writes
  open = new AbortController();
  return open.signal;
}

export const isRunning = (state: Conversation): boolean => state.turns.at(-1)?.state === "running";

export function openNew(): void {
  leave();
  setState(EMPTY, true);
}

export async function openThread(threadId: string): Promise<void> {
  const signal = leave();
  setState({ ...EMPTY, threadId, status: "loading" }, true);
  try {
    const { messages, before } = await api.loadMessages(threadId);
    if (signal.aborted) return;
    setState({ status: "ready", turns: turnsOf(messages), before });
    void following(threadId, signal);
  } catch (error) {
    if (!signal.aborted) setState(unopened(error));
  }
}

function unopened(error: unknown): Partial<Conversation> {
  const problem = error instanceof Refusal ? error : new Unreachable();
  return { status: problem.missing ? "missing" : "unreachable", problem };
}

/** Take over what the server has by now: other tabs and machines write to the same thread. */
export async function refresh(): Promise<void> {
  const { threadId, status } = getState();
  if (threadId === null || status !== "ready" || isRunning(getState())) return;
  const { signal } = open;
  try {
    await renewed(threadId, signal);
    void following(threadId, signal);
  } catch (error) {
    if (!signal.aborted && error instanceof Refusal && error.missing) setState(unopened(error));
  }
}

/** Take over the newest turns; all that fit a page, if those are not the ones that are here. */
async function renewed(threadId: string, signal: AbortSignal, limit?: number): Promise<void> {
  const { messages, before } = await api.loadMessages(threadId, null, limit);
  if (signal.aborted) return;
  const newest = turnsOf(messages);
  const turns = merged(getState().turns, newest);
  if (turns) setState({ turns });
  else if (limit === undefined) setState({ turns: newest, before });
  else await renewed(threadId, signal);
}

export async function loadOlder(): Promise<void> {
  const { threadId, before, older } = getState();
  if (threadId === null || before === null || older) return;
  const { signal } = open;
  setState({ older: true });
  try {
    const page = await api.loadMessages(threadId, before);
    if (signal.aborted) return;
    setState(({ turns }) => ({ turns: [...turnsOf(page.messages), ...turns], before: page.before, older: false }));
  } catch (error) {
    if (signal.aborted) return;
    setState({ older: false });
    tell(error);
  }
}

/** Send words that a person typed. */
export function send(words: string): Promise<void> {
  return post(wrapped(words));
}

/** Send a prompt in the official client's form: of the composer, of a button, of a form. */
export async function post(content: string): Promise<void> {
  if (isRunning(getState())) return;
  const prompt: answers.Prompt = { id: crypto.randomUUID(), role: "user", content };
  const turn: Turn = { responseId: crypto.randomUUID(), prompt, answer: "", state: "running" };
  const { threadId } = getState();
  setState(({ turns }) => ({ turns: [...turns, turn] }));
  await answered(threadId ?? begin(content), turn, threadId !== null);
}

/** The new thread is the server's once its first prompt is. */
function begin(content: string): string {
  const threadId = crypto.randomUUID();
  addThread(threadId, content);
  setState({ threadId });
  return threadId;
}

/** The same prompt once more: in its place if it has no answer yet, otherwise in a new thread that branches before it. */
export async function again(turn: Turn): Promise<void> {
  const { threadId, turns } = getState();
  if (threadId === null || isRunning(getState())) return;
  if (turn.state === "failed" && turns.at(-1) === turn) {
    const fresh: Turn = { responseId: turn.responseId, prompt: turn.prompt, answer: "", state: "running" };
    setState({ turns: [...turns.slice(0, -1), fresh] });
    if (turn.refusal) keepDraft(turns.length === 1 ? null : threadId, "");
    if (turn.refusal && turns.length === 1) addThread(threadId, turn.prompt.content);
    return answered(threadId, fresh, turns.length > 1);
  }
  await branch(turn, turn.prompt.content);
}

/** Another prompt in the place of this turn's: in a new thread that branches before it. */
export const edit = (turn: Turn, words: string): Promise<void> => branch(turn, wrapped(words));

async function branch(turn: Turn, content: string): Promise<void> {
  const { threadId, turns, before } = getState();
  if (threadId === null) return;
  if (turn.refusal && !turn.answer && turns.at(-1) === turn) {
    setState({ turns: turns.slice(0, -1) }); // the server never had it
    return post(content);
  }
  const signal = leave();
  try {
    const thread = await api.fork(threadId, { before: turn.responseId });
    if (signal.aborted) return;
    addThread(thread.threadId, content, thread);
    setState({ threadId: thread.threadId, turns: turns.slice(0, turns.indexOf(turn)), before });
    await post(content);
  } catch (error) {
    tell(error);
  }
}

export async function stop(): Promise<void> {
  const { threadId, turns } = getState();
  const turn = turns.at(-1);
  if (threadId === null || turn?.state !== "running") return;
  const heard = await answers.stop(threadId, turn.responseId).catch(() => false);
  if (heard || getState().turns.at(-1)?.responseId !== turn.responseId) return;
  leave(); // without the server, at least this page stops waiting
  change(turn.responseId, { state: "stopped" });
}

export async function rate(turn: Turn, feedback: api.Feedback | null): Promise<void> {
  const { threadId } = getState();
  const { feedback: old, ...rest } = turn;
  replace(turn.responseId, feedback ? { ...rest, feedback } : rest);
  try {
    await api.rate(threadId!, turn.responseId, feedback);
  } catch (error) {
    replace(turn.responseId, old ? { ...rest, feedback: old } : rest);
    tell(error);
  }
}

let saving = Promise.resolve();

/** Keep an answer with the state of its form; one after the other, so that the last one wins. */
export function save(responseId: string, answer: string): void {
  const { threadId } = getState();
  if (threadId === null) return;
  change(responseId, { answer });
  saving = saving.then(() => api.saveAnswer(threadId, responseId, answer)).catch(tell);
}

/** Follow the newest answer, if it is being written. */
async function following(threadId: string, signal: AbortSignal): Promise<void> {
  const turn = getState().turns.at(-1);
  if (turn?.state === "running") await shown(threadId, turn, answers.follow(threadId, turn.responseId, line(turn, signal)), signal);
}

async function answered(threadId: string, turn: Turn, continues: boolean): Promise<void> {
  const { signal } = open;
  const first = continues ? () => present(threadId) : async () => undefined;
  await shown(threadId, turn, answers.ask(threadId, turn.responseId, turn.prompt, line(turn, signal), first), signal);
}

const line = ({ responseId }: Turn, signal: AbortSignal): answers.Line => ({ signal, lost: () => change(responseId, { lost: true }) });

/** A thread that the server no longer has would be begun anew, without what came before. */
async function present(threadId: string): Promise<void> {
  await api.loadMessages(threadId, null, 1);
}

async function shown(threadId: string, turn: Turn, texts: AsyncGenerator<string>, signal: AbortSignal): Promise<void> {
  let answer = "";
  let drawn = 0;
  try {
    for await (const text of texts) {
      if (signal.aborted) return;
      if (!drawn) announce({ thread: threadId }); // the server has the prompt
      answer = text;
      if (Date.now() - drawn < PACE) continue;
      drawn = Date.now();
      change(turn.responseId, { answer, lost: false });
    }
    if (!signal.aborted) change(turn.responseId, { answer, state: "done", lost: false });
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Refusal && error.missing) return lost(turn, error);
    change(turn.responseId, { state: "failed", refusal: error instanceof Refusal ? error : new Unreachable() });
  }
  if (!signal.aborted) await settled(threadId, signal);
}

/** How the answer ended stands in the thread: complete, stopped or failed. The question that it answered has no buttons now. */
async function settled(threadId: string, signal: AbortSignal): Promise<void> {
  announce({ thread: threadId });
  const { turns } = getState();
  if (turns.length === 1 && turns[0]!.refusal) forgetThread(threadId); // the server lists it, if it has it after all
  void refreshThreads();
  await renewed(threadId, signal, 2).catch(() => undefined); // it is shown as far as it came
  if (!signal.aborted) keepRefused(threadId);
}

/** A prompt that the server did not take is still there after a reload: signing in again, say, is one. One whose answer has begun was taken. */
function keepRefused(threadId: string): void {
  const last = getState().turns.at(-1);
  if (!last?.refusal || last.answer) return;
  keepDraft(getState().turns.length === 1 ? null : threadId, read(last.prompt.content).words);
}

/** The thread is gone: its prompt becomes the draft of a new one. */
function lost(turn: Turn, problem: Refusal): void {
  const { threadId, turns } = getState();
  setState({ status: "missing", problem, turns: turns.filter(({ responseId }) => responseId !== turn.responseId) });
  if (threadId) forgetThread(threadId);
  keepDraft(null, read(turn.prompt.content).words);
}

function change(responseId: string, part: Partial<Turn>): void {
  setState(({ turns }) => ({ turns: turns.map((turn) => (turn.responseId === responseId ? { ...turn, ...part } : turn)) }));
}

function replace(responseId: string, by: Turn): void {
  setState(({ turns }) => ({ turns: turns.map((turn) => (turn.responseId === responseId ? by : turn)) }));
}
