// CopilotKit's chat (React, unmodified from npm) in Chromium, with c1fn as its agent: the page of copilotkit.tsx.
// Screenshots are kept in .cache/e2e to be looked at.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { builtCopilotKit } from "./clients.mjs";
import { BREAK, call, gate, Model } from "./model.mjs";
import { Browser, eachInATab, Service } from "./stage.mjs";

const dist = await builtCopilotKit();
const model = await new Model().start();
const server = await new Service("serve", { ...model.environment, C1FN_TOOLS: "tests.e2e.asking:TOOLS" }).start();
const browser = await new Browser().start();
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), model.stop()]);
});

describe("CopilotKit's chat", { timeout: 600_000 }, () => {
  let person;
  beforeEach(() => model.forget());
  eachInATab(async () => {
    person = await browser.person(server.url, { files: async (name) => ({ path: join(dist, name) }) });
    Object.defineProperty(person, "composer", { get: () => person.page.getByTestId("copilot-chat-textarea") });
    return person;
  });

  const send = async (words) => {
    await person.composer.fill(words);
    await person.composer.press("Enter");
  };
  const stored = async () => {
    const response = await fetch(new URL(`api/openui/threads/get/${person.threadId}`, server.url));
    return response.ok ? (await response.json()).map((message) => message.content) : [];
  };
  const heard = (at = -1) => model.requests.at(at).messages.map((message) => [message.role, message.content]);

  test("a conversation: the text grows before the model has ended, and the thread has its words", async () => {
    const ended = gate();
    model.next("Revenue ", ended, "**rose** sharply.");
    await send("How was the year?");
    await person.sees("Revenue");
    assert.equal(await person.page.getByText("sharply").count(), 0);
    ended.open();
    await person.sees("sharply");
    model.next("It fell.");
    await send("And then?");
    await person.sees("It fell.");
    await person.shot("copilotkit-conversation");
    assert.deepEqual(await stored(), ["How was the year?", "Revenue **rose** sharply.", "And then?", "It fell."]);
  });

  test("a reload midway: the answer goes on, and the model is called once", async () => {
    const ended = gate();
    model.next("Revenue ", ended, "rose sharply.");
    await send("Reload me midway");
    await person.sees("Revenue");
    await person.reload();
    await person.sees("Reload me midway");
    await person.sees("Revenue");
    await person.shot("copilotkit-reloaded-midway");
    ended.open();
    await person.sees("rose sharply.");
    assert.equal(model.requests.length, 1);
    model.next("Goodbye.");
    await send("Bye");
    await person.sees("Goodbye.");
    assert.deepEqual(await stored(), ["Reload me midway", "Revenue rose sharply.", "Bye", "Goodbye."]);
  });

  test("a stop ends the answer at the server, and what was said is kept", async () => {
    model.next("Revenue ", gate());
    await send("Stop me");
    await person.sees("Revenue");
    const stopping = person.page.waitForResponse((response) => response.url().endsWith("/stop"));
    await person.page.getByTestId("copilot-send-button").click();
    assert.equal((await stopping).status(), 200);
    await person.shot("copilotkit-stopped");
    await person.reload();
    await person.sees("Revenue");
  });

  test("a model that breaks midway is told to the page, and the next prompt is answered", async () => {
    model.next("Revenue ", BREAK);
    const telling = person.page.waitForEvent("console", (line) => line.text().startsWith("told"));
    await send("Break midway");
    assert.match((await telling).text(), /connection to the model broke/);
    await person.shot("copilotkit-error");
    model.next("It rose.");
    await send("Again?");
    await person.sees("It rose.");
  });

  test("a tool of the server: its result stays there, and the answer comes", async () => {
    model.next("Let me look. ", call("current_time", { timezone: "UTC" }));
    model.next("It is late.");
    await send("What time is it?");
    await person.sees("It is late.");
    await person.shot("copilotkit-server-tool");
    assert.equal(model.requests.length, 2);
  });

  test("a tool of the page runs there, and the answer goes on with its result", async () => {
    model.next("I paint. ", call("paint", { colour: "red" }));
    model.next("It is red.");
    await send("Paint it");
    await person.sees("Paint red: complete");
    await person.sees("It is red.");
    await person.shot("copilotkit-client-tool");
    assert.deepEqual(heard().slice(1), [["assistant", "I paint. "], ["tool", "painted red"]]);
  });

  test("a tool of the page after which nothing runs: its result comes with the next prompt", async () => {
    model.next(call("show", { colour: "red" }));
    await send("Show it");
    await person.sees("Show red: complete");
    model.next("And green.");
    await send("And green?");
    await person.sees("And green.");
    await person.shot("copilotkit-no-follow-up");
    assert.deepEqual(heard().slice(2), [["tool", "shown red"], ["assistant", "Noted."], ["user", "And green?"]]);
  });

  test("tools of both in one answer: each result is the model's, once and in order", async () => {
    model.next(call("paint", { colour: "red" }, "c1"), call("current_time", { timezone: "UTC" }, "c2"));
    model.next("Red, and late.");
    await send("Paint it, and the time?");
    await person.sees("Red, and late.");
    const [, , painted, time, ...rest] = heard();
    assert.deepEqual([painted, time[0], rest], [["tool", "painted red"], "tool", []]);
    assert.match(time[1], /weekday/);
  });

  test("a person chooses in the chat, and the answer goes on", async () => {
    model.next(call("choose"));
    model.next("Blue it is.");
    await send("Which colour?");
    await person.shot("copilotkit-choice");
    await person.button("Blue").click();
    await person.sees("Blue it is.");
    assert.deepEqual(heard().at(-1), ["tool", "blue"]);
  });

  test("a prompt instead of the choice, and then the choice: no prompt is answered twice", async () => {
    model.next(call("choose"));
    await send("Which colour?");
    await person.button("Blue").waitFor();
    model.next("Hello.");
    await send("Hello?");
    await person.sees("Hello.");
    const telling = person.page.waitForEvent("console", (line) => line.text().startsWith("told"));
    await person.button("Blue").click();
    assert.match((await telling).text(), /too late/);
    assert.equal(model.requests.length, 2);
    model.next("Goodbye.");
    await send("Bye");
    await person.sees("Goodbye.");
    assert.deepEqual(await stored(), ["Which colour?", "Hello?", "Hello.", "Bye", "Goodbye."]);
  });

  test("a tool that asks first is approved in the chat", async () => {
    model.next("Let me see. ", call("refund", { order: 7 }));
    model.next("It is done.");
    await send("Refund order 7");
    await person.sees("Approve the call of refund?");
    await person.shot("copilotkit-approval");
    await person.button("Approve").click();
    await person.sees("It is done.");
    assert.deepEqual(heard().at(-1), ["tool", "refunded 7"]);
  });
});
