// CopilotKit's client (@copilotkit/core), unmodified from npm, with the AG-UI client that it brings: one from before 1.0.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, beforeEach, describe, test } from "node:test";
import { CopilotKitCore } from "@copilotkit/core";
import { BREAK, call, gate, Model } from "./model.mjs";
import { Service } from "./service.mjs";

const own = createRequire(createRequire(import.meta.url).resolve("@copilotkit/core"));
const { HttpAgent } = own("@ag-ui/client");

const model = await new Model().start();
const server = await new Service("serve", model.environment).start();
after(() => Promise.all([server.stop(), model.stop()]));

const at = (path) => new URL(path, server.url).href;
const prompt = (content) => ({ id: crypto.randomUUID(), role: "user", content });

/** A page of CopilotKit's without its screen: what it would show, and what went wrong. */
function page({ tools = [], threadId = crypto.randomUUID() } = {}) {
  const agent = new HttpAgent({ url: at("api/agui"), agentId: "default", threadId });
  const core = new CopilotKitCore({ agents__unsafe_dev_only: { default: agent }, tools });
  const errors = [];
  core.subscribe({ onError: ({ error }) => void errors.push(error) });
  const words = () => agent.messages.map((message) => message.content ?? "");
  return { agent, core, errors, words, run: () => core.runAgent({ agent }) };
}

const stored = async (threadId) =>
  (await (await fetch(at(`api/openui/threads/get/${threadId}`))).json()).map((message) => message.content);

describe("CopilotKit's client", { timeout: 120_000 }, () => {
  beforeEach(() => model.forget());

  test("a conversation of two prompts, and the thread has its words", async () => {
    const { agent, errors, run, words } = page();
    model.next("Revenue ", "rose.");
    agent.addMessage(prompt("How was the year?"));
    await run();
    model.next("It fell.");
    agent.addMessage(prompt("And then?"));
    await run();
    const said = ["How was the year?", "Revenue rose.", "And then?", "It fell."];
    assert.deepEqual(words(), said);
    assert.deepEqual(await stored(agent.threadId), said);
    assert.deepEqual(errors, []);
  });

  test("a tool of the server is no tool of the page: no handler runs, and no run follows", async () => {
    const handled = [];
    const tools = [{ name: "*", handler: async (args) => void handled.push(args) }];
    const { agent, errors, run } = page({ tools });
    model.next("Let me look. ", call("current_time"));
    model.next("It is late.");
    agent.addMessage(prompt("What time is it?"));
    await run();
    assert.deepEqual(handled, []);
    assert.deepEqual(errors, []);
    assert.equal(model.requests.length, 2);
    assert.equal(agent.messages.at(-1).content, "It is late.");
  });

  test("a tool of the page is run by it, and its result goes on by itself", async () => {
    const painted = [];
    const handler = async (args) => void painted.push(args) ?? "painted";
    const { agent, errors, run, words } = page({ tools: [{ name: "paint", description: "Paint the page.", handler }] });
    model.next("I paint. ", call("paint", {}));
    model.next("It is painted.");
    agent.addMessage(prompt("Paint it"));
    await run();
    assert.equal(painted.length, 1);
    assert.deepEqual(errors, []);
    assert.deepEqual(words().filter(Boolean), ["Paint it", "I paint. ", "painted", "It is painted."]);
    assert.deepEqual(await stored(agent.threadId), ["Paint it", "I paint. ", "It is painted."]);
    assert.equal(model.requests[1].messages.at(-1).content, "painted");
  });

  test("a stop by the page is kept by the server, whole", async () => {
    const { agent, core, run } = page();
    const ended = gate();
    model.next("Revenue ", ended, "rose.");
    agent.addMessage(prompt("How was the year?"));
    const hearing = new Promise((resolve) => agent.subscribe({ onTextMessageContentEvent: resolve }));
    const running = run().catch(() => undefined);
    await hearing;
    core.stopAgent({ agent });
    await running;
    ended.open();
    for (let words = []; words.length < 2; ) words = await stored(agent.threadId);
    assert.deepEqual(await stored(agent.threadId), ["How was the year?", "Revenue rose."]);
  });

  test("an error of the model is told to the page, and the next prompt is answered", async () => {
    const { agent, errors, run } = page();
    model.next("Revenue ", BREAK);
    agent.addMessage(prompt("How was the year?"));
    await run().catch(() => undefined);
    assert.ok(errors.length > 0);
    assert.match(String(errors[0]), /connection to the model broke/);
    model.next("It rose.");
    agent.addMessage(prompt("Again?"));
    await run();
    assert.equal(agent.messages.at(-1).content, "It rose.");
  });
});
