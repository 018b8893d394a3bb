// OpenUI's chat with tools of the page. It runs none by itself, so the adapter of its model does: a run that ends with calls of
// these tools goes on with their results, in the same stream (docs/clients.md).
import { agUIAdapter } from "@openuidev/react-headless";
import { AgentInterface, restStorage, type ChatLLM } from "@openuidev/react-ui";
import { openuiChatLibrary } from "@openuidev/react-ui/genui-lib";
import "@openuidev/react-ui/index.css";
import { createRoot } from "react-dom/client";

const colour = { type: "object", properties: { colour: { type: "string" } }, required: ["colour"] };
const tools = [
  { name: "paint", description: "Paint the page.", parameters: colour, run: async (given: { colour: string }) => `painted ${given.colour}` },
];

type Event = { type: string; toolCallId: string; toolCallName: string; delta: string; content: string };

const llm: ChatLLM = {
  streamProtocol: agUIAdapter(),
  async send({ threadId, messages, signal }) {
    const results: unknown[] = [];
    const ask = () => {
      const body = JSON.stringify({ threadId, runId: crypto.randomUUID(), messages: [...messages, ...results], tools, context: [] });
      return fetch("/api/agui", { method: "POST", headers: { "content-type": "application/json" }, body, signal });
    };
    const first = await ask();
    if (!first.ok) return first; // the chat tells the refusal
    async function* events(): AsyncGenerator<Event> {
      for (let response = first; ; response = await ask()) {
        const calls = new Map<string, { name: string; given: string }>();
        for await (const event of eventsOf(response)) {
          if (event.type === "TOOL_CALL_START") calls.set(event.toolCallId, { name: event.toolCallName, given: "" });
          if (event.type === "TOOL_CALL_ARGS") calls.get(event.toolCallId)!.given += event.delta;
          if (event.type === "TOOL_CALL_RESULT") calls.delete(event.toolCallId);
          if (event.type !== "RUN_FINISHED") yield event;
        }
        const own = [...calls].filter(([, { name }]) => tools.some((tool) => tool.name === name));
        if (!own.length) return;
        for (const [toolCallId, { name, given }] of own) {
          const tool = tools.find((known) => known.name === name)!;
          const content = await tool.run(JSON.parse(given)).catch((error) => `Error: ${error}`);
          results.push({ id: crypto.randomUUID(), role: "tool", toolCallId, content });
          yield { type: "TOOL_CALL_RESULT", toolCallId, content } as Event;
        }
      }
    }
    return new Response(framed(events()), { headers: { "content-type": "text/event-stream" } });
  },
};

async function* eventsOf(response: Response): AsyncGenerator<Event> {
  if (!response.ok) throw new Error((await response.json()).detail);
  let rest = "";
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + text).split("\n\n");
    rest = frames.pop()!;
    for (const frame of frames) if (frame.startsWith("data: ")) yield JSON.parse(frame.slice(6));
  }
}

function framed(events: AsyncGenerator<Event>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await events.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`data: ${JSON.stringify(value)}\n\n`));
    },
  });
}

const storage = restStorage({ baseUrl: "/api/openui/threads" });
const pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";

createRoot(document.getElementById("root")!).render(
  <AgentInterface llm={llm} storage={storage} componentLibrary={openuiChatLibrary} agentName="tools" logoUrl={pixel} />,
);
