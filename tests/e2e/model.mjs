// An OpenAI-compatible model on loopback that says what a test tells it to, step by step.
// A step is a text (one delta), a promise (a gate the test holds), a call of a tool or BREAK (the connection ends).
import { createServer } from "node:http";

export const BREAK = Symbol("break");

/** A promise and its opener. */
export function gate() {
  let open;
  const promise = new Promise((resolve) => (open = resolve));
  return Object.assign(promise, { open });
}

/** The model calls a tool. */
export const call = (name, args = {}, id = "c1") => ({ id, type: "function", function: { name, arguments: JSON.stringify(args) } });

/** An answer in C1's form: a card with these children. */
export function card(...children) {
  const document = JSON.stringify({ component: { component: "Card", props: { children } }, error: null });
  const escaped = document.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
  return `<content thesys="true">${escaped}</content>`;
}

export const text = (textMarkdown) => ({ component: "TextContent", props: { textMarkdown } });

/** The answer in two halves, cut after these words. */
export function cut(answer, words) {
  const at = answer.indexOf(words) + words.length;
  return [answer.slice(0, at), answer.slice(at)];
}

export class Model {
  requests = [];
  #answers = [];
  #server = createServer((request, response) => this.#answer(request, response));

  async start() {
    await new Promise((ready) => this.#server.listen(0, "127.0.0.1", ready));
    this.url = `http://127.0.0.1:${this.#server.address().port}/v1/`;
    return this;
  }

  /** The settings of a c1fn whose model this is, with threads in memory. */
  get environment() {
    return { THESYS_API_KEY: "e2e", C1FN_BASE_URL: this.url, C1FN_MODEL: "e2e", C1FN_STORE: "memory" };
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** How the next request is answered; without it, with a card that repeats the prompt. */
  next(...steps) {
    this.#answers.push({ status: 200, steps });
  }

  refuseNext(status, message) {
    this.#answers.push({ status, message });
  }

  forget() {
    this.#answers = [];
    this.requests = [];
  }

  async #answer(request, response) {
    let body = "";
    for await (const piece of request) body += piece;
    const { messages, tools = [] } = JSON.parse(body);
    const asked = { messages, tools: tools.map((tool) => tool.function.name), left: false };
    this.requests.push(asked);
    response.on("close", () => (asked.left = !response.writableFinished));
    const said = asked.messages.at(-1).content.replace(/<context>.*/s, "").replace(/<[^>]*>/g, "");
    const { status, message, steps } = this.#answers.shift() ?? { status: 200, steps: [card(text(`You said: ${said}`))] };
    if (status !== 200) {
      response.writeHead(status, { "content-type": "application/json" });
      return response.end(JSON.stringify({ error: { message, type: "error", param: null, code: null } }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const calls = steps.filter((step) => step.function);
    for (const step of steps) {
      if (step === BREAK) return response.socket.end(); // after all that was written
      if (typeof step === "string") response.write(chunk({ content: step }));
      else if (step.function) response.write(chunk({ tool_calls: [{ index: calls.indexOf(step), ...step }] }));
      else await step;
    }
    response.end(`${chunk({}, calls.length ? "tool_calls" : "stop")}data: [DONE]\n\n`);
  }
}

function chunk(delta, finish_reason = null) {
  const choices = [{ index: 0, delta, finish_reason, logprobs: null }];
  return `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "e2e", choices })}\n\n`;
}
