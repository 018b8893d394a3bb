/** One run as a stream of AG-UI's events that survives a broken connection: the run is sent again with what is had. */
import { request } from "../../web/src/signin/send";
import { asProgram } from "./program";

/** Milliseconds before each new try: 15 s in all, a restart of the server included. */
const RETRIES = [500, 1000, 2000, 4000, 7500];

interface Asked {
  threadId: string;
  runId: string;
  messages: unknown[];
  tools: [];
  context: [];
}

interface Event {
  type: string;
  messageId?: string;
  delta?: string;
  code?: string;
}

export function runOf(asked: Asked, signal: AbortSignal): Response {
  const frames = framed(asProgram(events(asked, signal)));
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const frame = await frames.next();
      if (frame.done) controller.close();
      else controller.enqueue(frame.value);
    },
    cancel: async () => void (await frames.return(undefined)),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

async function* framed(told: AsyncIterable<Event>): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  for await (const event of told) yield encoder.encode(`data: ${JSON.stringify(event)}\n\n`);
}

/** The run's events up to its end; a refusal is the run's error. */
async function* events(asked: Asked, signal: AbortSignal): AsyncGenerator<Event> {
  const had = new Map<string, string>();
  for (let attempt = 0; ; ) {
    try {
      for await (const event of sent({ ...asked, messages: [...asked.messages, ...messagesOf(had)] }, signal)) {
        attempt = 0;
        if (event.code === "still_running") break; // there is more of it
        if (event.type === "TEXT_MESSAGE_CONTENT") had.set(event.messageId!, (had.get(event.messageId!) ?? "") + event.delta);
        yield event;
        if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") return;
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const wait = RETRIES[attempt];
      attempt += 1;
      if (wait === undefined) {
        const message = "The server does not answer. Look after your connection, then send it again.";
        return void (yield { type: "RUN_ERROR", message } as Event);
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

const messagesOf = (had: Map<string, string>): unknown[] =>
  [...had].map(([id, content]) => ({ id, role: "assistant", content }));

async function* sent(asked: Asked, signal: AbortSignal): AsyncGenerator<Event> {
  const headers = { "content-type": "application/json", accept: "text/event-stream" };
  const response = await request("api/agui", { method: "POST", headers, body: JSON.stringify(asked), signal });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    const message = problem.detail ?? `The server answered ${response.status}. Try again in a moment.`;
    return void (yield { type: "RUN_ERROR", message, code: problem.code } as Event);
  }
  let rest = "";
  const decoder = new TextDecoder();
  for (const reader = response.body!.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the stream ended before the run");
    const frames = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = frames.pop()!;
    for (const frame of frames) if (frame.startsWith("data: ")) yield JSON.parse(frame.slice(6));
  }
}
