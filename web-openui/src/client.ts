/** The server's endpoints, as OpenUI's chat calls them. Paths are relative, so that the page works below any path. */
import { agUIAdapter } from "@openuidev/react-headless";
import type { ChatLLM, ChatStorage, Message } from "@openuidev/react-ui";
import { restStorage } from "@openuidev/react-ui";
import { request } from "../../web/src/signin/send";
import { shownAsProgram } from "./program";
import { runOf } from "./run";

/** A prompt that is being answered: sent again with its run, it gets the answer from its beginning. */
export interface Running {
  threadId: string;
  runId: string;
  prompt: string;
}

type Stored = Message & { running?: string };

const kept = restStorage({ baseUrl: "api/openui/threads", fetch: (path, init) => request(`${path}`, init) });

let found: Running | undefined;

/** The running prompt of the thread that was loaded last, once. */
export function takeRunning(): Running | undefined {
  const running = found;
  found = undefined;
  return running;
}

let resumed: Running | undefined;

/** The next prompt of this thread is this run. */
export function resume(running: Running): void {
  resumed = running;
}

let selected: string | null = null;

/** Which thread is on the screen. */
export function select(threadId: string | null): void {
  selected = threadId;
}

export const storage: ChatStorage = {
  thread: {
    ...kept.thread,
    async getMessages(threadId) {
      const stored: Stored[] = await kept.thread.getMessages(threadId);
      const prompt = stored.find((message) => message.running);
      found = prompt && { threadId, runId: prompt.running!, prompt: `${prompt.content}` };
      return stored.filter((message) => !message.running).map(shownAsProgram);
    },
  },
};

export const llm: ChatLLM = {
  streamProtocol: agUIAdapter(),
  async send({ threadId, messages, signal }) {
    const runId = resumed?.threadId === threadId ? resumed.runId : crypto.randomUUID();
    resumed = undefined;
    // Switching threads closes the stream as well: only a stop leaves the thread on the screen.
    signal.addEventListener("abort", () => queueMicrotask(() => void (selected === threadId && stop(threadId, runId))));
    // The server has the conversation: the newest prompt is enough.
    return runOf({ threadId, runId, messages: messages.slice(-1), tools: [], context: [] }, signal);
  },
};

async function stop(threadId: string, runId: string): Promise<void> {
  const body = JSON.stringify({ responseId: runId });
  const headers = { "content-type": "application/json" };
  await request(`api/threads/${encodeURIComponent(threadId)}/stop`, { method: "POST", headers, body }).catch(() => undefined);
}
