// What OpenUI's chat reads and keeps with, unmodified from npm and without its screen: the model's adapter, the reader of the
// stream and the storage of threads (@openuidev/react-headless). `make e2e-openui` has the screen.
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { agUIAdapter, fetchLLM, processStreamedMessage, restStorage } from "@openuidev/react-headless";
import { BREAK, call, gate, Model } from "./model.mjs";
import { Service } from "./service.mjs";

// The screen's clock, which Node does not have.
globalThis.requestAnimationFrame = setImmediate;
globalThis.cancelAnimationFrame = clearImmediate;

const model = await new Model().start();
const server = await new Service("serve", model.environment).start();
after(() => Promise.all([server.stop(), model.stop()]));

const at = (path) => new URL(path, server.url).href;
const storage = restStorage({ baseUrl: at("api/openui/threads") }).thread;

/** A thread as the chat holds it: a prompt goes to the server, and what is read of the answer is kept by its ids. */
class Chat {
  messages = [];

  async send(content) {
    const prompt = { id: crypto.randomUUID(), role: "user", content };
    this.messages.push(prompt);
    this.thread ??= await storage.createThread(prompt);
    const { signal } = new AbortController();
    const response = await fetchLLM({ url: at("api/agui") }).send({ threadId: this.thread.id, messages: this.messages, signal });
    if (!response.ok) throw new Error((await response.json()).detail);
    const updateMessage = (message) => (this.messages = this.messages.map((known) => (known.id === message.id ? message : known)));
    const createMessage = (message) => void this.messages.push(message);
    await processStreamedMessage({ response, createMessage, updateMessage, adapter: agUIAdapter() });
  }

  get words() {
    return this.messages.filter((message) => message.role !== "tool").map((message) => message.content);
  }
}

const stored = async (chat) => (await storage.getMessages(chat.thread.id)).map((message) => message.content);

describe("OpenUI's client", { timeout: 60_000 }, () => {
  beforeEach(() => model.forget());

  test("a conversation that grows, and its thread is listed, loaded, renamed and deleted", async () => {
    const chat = new Chat();
    const ended = gate();
    model.next('root = Card([title])\n', ended, 'title = CardHeader("Revenue")\n');
    const sending = chat.send("How was the year?");
    while (!chat.words[1]) await new Promise(setImmediate);
    assert.equal(chat.words[1], "root = Card([title])\n");
    ended.open();
    await sending;
    model.next("It fell.");
    await chat.send("And then?");
    const said = ["How was the year?", 'root = Card([title])\ntitle = CardHeader("Revenue")\n', "And then?", "It fell."];
    assert.deepEqual(chat.words, said);
    assert.deepEqual(await stored(chat), said);
    const listed = async () => (await storage.listThreads()).threads.find((thread) => thread.id === chat.thread.id);
    assert.equal((await listed()).title, "How was the year?");
    await storage.updateThread({ ...chat.thread, title: "The year" });
    assert.equal((await listed()).title, "The year");
    await storage.deleteThread(chat.thread.id);
    assert.equal(await listed(), undefined);
  });

  test("a tool of the server is told with a result, and the answer after it is a message of its own", async () => {
    const chat = new Chat();
    model.next("Let me look. ", call("current_time"));
    model.next("It is late.");
    await chat.send("What time is it?");
    assert.deepEqual(chat.words, ["What time is it?", "Let me look. ", "It is late."]);
    assert.deepEqual(chat.messages.map((message) => message.role), ["user", "assistant", "tool", "assistant"]);
  });

  test("an error midway and a refusal are told in words, and the next prompt is answered", async () => {
    const chat = new Chat();
    model.next("Revenue ", BREAK);
    await assert.rejects(chat.send("How was the year?"), /connection to the model broke/);
    model.refuseNext(400, "no");
    await assert.rejects(chat.send("Again?"), /did not accept the request/);
    model.next("It rose.");
    await chat.send("And now?");
    assert.equal(chat.words.at(-1), "It rose.");
  });
});
