// AG-UI's own client, unmodified from npm, on the local server and on the emulated function. It checks each event by
// the protocol's schemas, and the order of them (`verifyEvents`): a run that breaks a rule is rejected by it.
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { HttpAgent } from "@ag-ui/client";
import { BREAK, call, gate, Model } from "./model.mjs";
import { Service } from "./service.mjs";

const model = await new Model().start();
const environment = { ...model.environment, C1FN_TOOLS: "tests.e2e.asking:TOOLS" };
const server = await new Service("serve", environment).start();
const emulator = await new Service("lambda", environment).start();
after(() => Promise.all([server.stop(), emulator.stop(), model.stop()]));

const prompt = (content) => ({ id: crypto.randomUUID(), role: "user", content });

/** What a page of AG-UI's would show of a run: its events by type, the words, the end. */
async function run(agent, parameters = {}) {
  const seen = { kinds: [], results: [] };
  const told = await agent.runAgent(parameters, {
    onEvent: ({ event }) => void seen.kinds.push(event.type),
    onToolCallResultEvent: ({ event }) => void seen.results.push(event.content),
    onRunErrorEvent: ({ event }) => void (seen.error = event),
    onRunFinishedEvent: (finished) => void (seen.finished = finished),
  });
  const words = told.newMessages.filter((message) => message.role === "assistant").map((message) => message.content ?? "");
  return { ...seen, ...told, text: words.join("") };
}

/** Until the agent has heard this. */
const heard = (agent, words) =>
  new Promise((resolve) => {
    const { unsubscribe } = agent.subscribe({
      onTextMessageContentEvent: ({ textMessageBuffer, event }) => {
        if (`${textMessageBuffer}${event.delta}`.includes(words)) {
          unsubscribe();
          resolve();
        }
      },
    });
  });

for (const service of [server, emulator]) {
  const at = (path) => new URL(path, service.url).href;
  const agentOf = (threadId = crypto.randomUUID()) => new HttpAgent({ url: at("api/agui"), threadId });
  const messagesOf = async (threadId) => (await fetch(at(`api/openui/threads/get/${threadId}`))).json();
  const wordsOf = async (threadId) => (await messagesOf(threadId)).map((message) => message.content);

  describe(`HttpAgent on c1fn ${service.command}`, { timeout: 120_000 }, () => {
    beforeEach(() => model.forget());

    test("a conversation: the text grows before the model has ended, and the thread goes on", async () => {
      const agent = agentOf();
      const ended = gate();
      model.next("Revenue ", ended, "rose.");
      agent.addMessage(prompt("How was the year?"));
      const hearing = heard(agent, "Revenue ");
      const running = run(agent);
      await hearing;
      ended.open();
      const told = await running;
      assert.equal(told.text, "Revenue rose.");
      assert.equal(told.finished.outcome, "success");
      assert.deepEqual(told.finished.pendingToolCallIds, []);
      model.next("And fell.");
      agent.addMessage(prompt("And then?"));
      assert.equal((await run(agent)).text, "And fell.");
      assert.deepEqual(
        model.requests[1].messages.map((message) => message.content),
        ["How was the year?", "Revenue rose.", "And then?"],
      );
      assert.deepEqual(await wordsOf(agent.threadId), ["How was the year?", "Revenue rose.", "And then?", "And fell."]);
    });

    test("a reload midway: the same run again gets the rest, and the model is called once", async () => {
      const agent = agentOf();
      const runId = crypto.randomUUID();
      const ended = gate();
      model.next("Revenue ", ended, "rose.");
      agent.addMessage(prompt("How was the year?"));
      const hearing = heard(agent, "Revenue ");
      const left = run(agent, { runId }).catch((error) => error);
      await hearing;
      agent.abortRun(); // the page is gone: the server goes on
      await left;
      const again = agentOf(agent.threadId);
      again.setMessages(agent.messages);
      const resumed = run(again, { runId });
      ended.open();
      await resumed;
      assert.deepEqual(
        again.messages.map((message) => message.content),
        ["How was the year?", "Revenue rose."],
      );
      const anew = agentOf(agent.threadId); // of a page that kept nothing but its prompt
      anew.setMessages(agent.messages.slice(0, 1));
      assert.equal((await run(anew, { runId })).text, "Revenue rose.");
      assert.equal(model.requests.length, 1);
      assert.deepEqual(await wordsOf(agent.threadId), ["How was the year?", "Revenue rose."]);
    });

    test("a stop is the run's outcome, and what was said is kept", async () => {
      const agent = agentOf();
      const runId = crypto.randomUUID();
      model.next("Revenue ", gate());
      agent.addMessage(prompt("How was the year?"));
      const hearing = heard(agent, "Revenue ");
      const running = run(agent, { runId });
      await hearing;
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ responseId: runId });
      const stopping = await fetch(at(`api/threads/${agent.threadId}/stop`), { method: "POST", headers, body });
      assert.deepEqual(await stopping.json(), { stopping: true });
      assert.equal((await running).finished.outcome, "cancelled");
      assert.deepEqual(await wordsOf(agent.threadId), ["How was the year?", "Revenue "]);
    });

    test("a model that breaks midway is the run's error after the text; sent again, it is run again", async () => {
      const agent = agentOf();
      const runId = crypto.randomUUID();
      model.next("Revenue ", BREAK);
      agent.addMessage(prompt("How was the year?"));
      const told = await run(agent, { runId });
      assert.equal(told.text, "Revenue ");
      assert.equal(told.error.code, "answer_cut");
      assert.match(told.error.message, /connection to the model broke/);
      model.next("It rose.");
      assert.equal((await run(agent, { runId })).text, "It rose.");
      assert.deepEqual(await wordsOf(agent.threadId), ["How was the year?", "It rose."]);
    });

    test("a model that refuses is a status with a problem's words", async () => {
      const agent = agentOf();
      model.refuseNext(400, "no");
      agent.addMessage(prompt("How was the year?"));
      const error = await run(agent).catch((failure) => failure);
      assert.equal(error.status, 502);
      assert.equal(JSON.parse(error.payload).code, "model_rejected");
    });

    test("a tool of the server: its call is shown with a result that says nothing, and nothing is left to do", async () => {
      const agent = agentOf();
      model.next("Let me look. ", call("current_time", { timezone: "UTC" }));
      model.next("It is late.");
      agent.addMessage(prompt("What time is it?"));
      const told = await run(agent);
      assert.equal(told.text, "Let me look. It is late.");
      assert.deepEqual(told.results, [""]);
      assert.deepEqual(told.finished.pendingToolCallIds, []);
      const [, first, result, second] = agent.messages;
      assert.deepEqual([first.toolCalls[0].function.name, first.toolCalls[0].function.arguments], ["current_time", "{}"]);
      assert.deepEqual([result.role, result.toolCallId, second.role], ["tool", first.toolCalls[0].id, "assistant"]);
      assert.match(model.requests[1].messages.at(-1).content, /weekday/); // the model has the result
    });

    test("a tool of the client: its call ends the run, and the next run brings its result", async () => {
      const agent = agentOf();
      const tools = [{ name: "paint", description: "Paint the page.", parameters: { type: "object", properties: {} } }];
      model.next("I paint. ", call("paint", { colour: "red" }));
      model.next("It is red.");
      agent.addMessage(prompt("Paint it red"));
      const { finished } = await run(agent, { tools });
      const [toolCallId] = finished.pendingToolCallIds;
      assert.equal(agent.messages.at(-1).toolCalls[0].function.arguments, '{"colour":"red"}');
      agent.addMessage({ id: crypto.randomUUID(), role: "tool", toolCallId, content: "painted" });
      assert.equal((await run(agent, { tools })).text, "It is red.");
      assert.deepEqual(model.requests[1].tools, ["current_time", "refund", "paint"]);
      assert.deepEqual(
        model.requests[1].messages.map((message) => [message.role, message.content]).at(-1),
        ["tool", "painted"],
      );
      assert.deepEqual(await wordsOf(agent.threadId), ["Paint it red", "I paint. ", "It is red."]);
    });

    test("a client that never brings its result can go on", async () => {
      const agent = agentOf();
      const tools = [{ name: "paint", description: "Paint the page.", parameters: {} }];
      model.next("I paint. ", call("paint"));
      agent.addMessage(prompt("Paint it"));
      await run(agent, { tools });
      const anew = agentOf(agent.threadId); // another tab, which knows nothing of it
      anew.addMessage(prompt("Hello?"));
      assert.match((await run(anew)).text, /Hello/);
      const [, , result, ...rest] = model.requests[1].messages.map((message) => message.content);
      assert.match(result, /was not made/);
      assert.deepEqual(rest, ["Noted.", "Hello?"]);
    });

    test("a tool that asks first is an interrupt; a yes makes the call, a no does not", async () => {
      for (const approved of [true, false]) {
        model.forget();
        const agent = agentOf();
        model.next(call("refund", { order: 7 }));
        model.next("As you say.");
        agent.addMessage(prompt("Refund order 7"));
        await run(agent);
        const [interrupt] = agent.pendingInterrupts;
        assert.deepEqual([interrupt.reason, interrupt.message], ["tool_approval", "Approve the call of refund?"]);
        const resume = [{ interruptId: interrupt.id, status: "resolved", payload: { approved } }];
        assert.equal((await run(agent, { resume })).text, "As you say.");
        assert.deepEqual(agent.pendingInterrupts, []);
        const { content } = model.requests[1].messages.at(-1);
        assert.match(content, approved ? /^refunded 7$/ : /"error"/);
      }
    });

    test("two tabs: the second run of a thread is refused while the first runs", async () => {
      const agent = agentOf();
      const ended = gate();
      model.next("Revenue ", ended);
      agent.addMessage(prompt("How was the year?"));
      const hearing = heard(agent, "Revenue ");
      const running = run(agent);
      await hearing;
      const other = agentOf(agent.threadId);
      other.addMessage(prompt("Hello?"));
      const error = await run(other).catch((failure) => failure);
      assert.equal(error.status, 409);
      assert.equal(JSON.parse(error.payload).code, "thread_busy");
      ended.open();
      assert.equal((await running).text, "Revenue ");
    });

    test("the same run with another prompt is refused, and the thread is as it was", async () => {
      const agent = agentOf();
      const runId = crypto.randomUUID();
      agent.addMessage(prompt("How was the year?"));
      await run(agent, { runId });
      const before = await wordsOf(agent.threadId);
      agent.addMessage(prompt("Something else"));
      const error = await run(agent, { runId }).catch((failure) => failure);
      assert.equal(JSON.parse(error.payload).code, "response_id_mismatch");
      assert.deepEqual(await wordsOf(agent.threadId), before);
    });
  });
}
