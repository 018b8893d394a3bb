/** A conversation as the page holds it: turns, made from the messages that the server lists. */
import type { Prompt } from "../api/answers";
import type { Refusal } from "../api/http";
import type { Feedback, Message } from "../api/threads";

export type State = "running" | "done" | "stopped" | "failed";

export type Turn = {
  responseId: string;
  prompt: Prompt;
  answer: string;
  state: State;
  lost?: boolean; // its connection is broken, and will be opened again
  refusal?: Refusal; // why there is no answer, in the server's words
  feedback?: Feedback;
};

export function turnsOf(messages: Message[]): Turn[] {
  const turns: Turn[] = [];
  for (const message of messages) {
    if (message.role === "user") turns.push(begun(message));
    else answered(turns, message);
  }
  return turns;
}

function begun({ id, content, running, stopped, failed }: Message): Turn {
  const prompt: Prompt = { id, role: "user", content };
  const state: State = running ? "running" : stopped ? "stopped" : failed ? "failed" : "done";
  return { responseId: running ?? stopped ?? failed ?? id, prompt, answer: "", state };
}

/** A running turn's answer so far is left out: it is followed from its beginning. */
function answered(turns: Turn[], { id, content, feedback }: Message): void {
  let turn = turns.at(-1);
  if (turn?.state === "running") return;
  if (!turn || turn.answer) turns.push((turn = begun({ id: `${id}-prompt`, role: "user", content: "" }))); // its prompt has no words
  turn.responseId = id;
  turn.answer = content;
  if (feedback) turn.feedback = feedback;
}

/** The turns that are here, with the newest ones of the server in their places, or after them; null if none is in both. */
export function merged(here: Turn[], newest: Turn[]): Turn[] | null {
  const first = here.findIndex((turn) => newest.some(({ responseId }) => responseId === turn.responseId));
  if (first < 0) return null;
  const known = new Map(here.map((turn) => [turn.responseId, turn]));
  const from = newest.findIndex(({ responseId }) => responseId === here[first]!.responseId);
  const fresh = newest.slice(from).map((turn) => {
    const old = known.get(turn.responseId);
    return old?.state === "running" && turn.state === "running" ? old : turn; // what is here of it is shown on
  });
  const unsent = here.slice(first).filter((turn) => turn.refusal && !newest.some(({ responseId }) => responseId === turn.responseId));
  return [...here.slice(0, first), ...fresh, ...unsent];
}
