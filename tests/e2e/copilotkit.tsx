// CopilotKit's own chat with c1fn as its agent: no runtime of CopilotKit's between them (docs/clients.md).
import "@copilotkit/react-core/v2/styles.css";
import { HttpAgent, type BaseEvent, type RunAgentInput } from "@ag-ui/client";
import { CopilotChat, CopilotKitProvider, useFrontendTool, useHumanInTheLoop, useInterrupt } from "@copilotkit/react-core/v2";
import { createRoot } from "react-dom/client";
import { concatMap, defer, from, of, type Observable } from "rxjs";
import { z } from "zod";

/** An agent whose threads are the server's: they are loaded, an answer that is being written is followed, a stop is told. */
class ThreadAgent extends HttpAgent {
  connect(input: RunAgentInput): Observable<BaseEvent> {
    return defer(async () => {
      const response = await fetch(`/api/openui/threads/get/${input.threadId}`);
      return response.ok ? await response.json() : [];
    }).pipe(
      concatMap((stored: { id: string; role: string; content: string; running?: string }[]) => {
        const running = stored.find((message) => message.running);
        const messages = stored.map(({ id, role, content }) => ({ id, role, content }));
        const snapshot = { type: "MESSAGES_SNAPSHOT", messages };
        if (!running) return from([{ type: "RUN_STARTED", ...input }, snapshot, { type: "RUN_FINISHED", ...input }]);
        const again = { ...input, runId: running.running!, messages: messages as RunAgentInput["messages"] };
        return this.run(again).pipe(concatMap((event) => (event.type === "RUN_STARTED" ? of(event, snapshot) : of(event))));
      }),
    ) as Observable<BaseEvent>;
  }

  abortRun() {
    super.abortRun();
    void fetch(`/api/threads/${this.threadId}/stop`, { method: "POST" });
  }
}

const address = new URL(location.href);
const threadId = address.searchParams.get("thread") ?? crypto.randomUUID();
address.searchParams.set("thread", threadId);
history.replaceState(null, "", address);

const agents = { default: new ThreadAgent({ url: "/api/agui", agentId: "default" }) };
const colour = z.object({ colour: z.string() });

function Tools() {
  useFrontendTool({
    name: "paint",
    description: "Paint the page.",
    parameters: colour,
    handler: async ({ colour }) => `painted ${colour}`,
    render: ({ status, args }) => <p>{`Paint ${args.colour}: ${status}`}</p>,
  });
  useFrontendTool({
    name: "show",
    description: "Show a colour.",
    parameters: colour,
    followUp: false,
    handler: async ({ colour }) => `shown ${colour}`,
    render: ({ status, args }) => <p>{`Show ${args.colour}: ${status}`}</p>,
  });
  useHumanInTheLoop({
    name: "choose",
    description: "Let the person choose a colour.",
    parameters: z.object({}),
    render: ({ respond, result }) => (respond ? <button onClick={() => respond("blue")}>Blue</button> : <p>{`Chosen: ${result}`}</p>),
  });
  useInterrupt({
    render: ({ interrupt, resolve }) => (
      <p>
        {interrupt?.message}
        <button onClick={() => resolve({ approved: true })}>Approve</button>
      </p>
    ),
  });
  return null;
}

const told = (error: unknown) => console.info("told", `${error}`);

createRoot(document.getElementById("root")!).render(
  <CopilotKitProvider agents__unsafe_dev_only={agents} enableInspector={false} onError={({ error }) => told(error)}>
    <Tools />
    <div style={{ height: "100vh" }}>
      <CopilotChat threadId={threadId} />
    </div>
  </CopilotKitProvider>,
);
