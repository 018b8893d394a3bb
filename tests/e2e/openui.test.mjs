// OpenUI's chat (AgentInterface), unmodified from npm, in Chromium: the page of web-openui, with a model that says what
// each test tells it to. Screenshots are kept in .cache/e2e to be looked at.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { builtOpenUI } from "./clients.mjs";
import { API, CLIENT, Issuer } from "./issuer.mjs";
import { BREAK, call, gate, Model } from "./model.mjs";
import { Browser, eachInATab, PATIENCE, Service } from "./stage.mjs";

const tools = await builtOpenUI();
const model = await new Model().start();
const browser = await new Browser().start();
const server = await new Service("serve", model.environment, ["--page", "openui"]).start();
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), model.stop()]);
});

const REVENUE = ['root = Card([title, text])\ntitle = CardHeader("Quarterly revenue", "2026")\n', 'text = TextContent("Revenue rose by **8.4 %**.")\n'];

describe("OpenUI's page on c1fn serve", { timeout: 600_000 }, () => {
  let person;
  beforeEach(() => model.forget());
  eachInATab(async () => (person = await browser.person(server.url, { field: "textarea:visible" })));

  const send = async (words) => {
    await person.composer.fill(words);
    await person.composer.press("Enter");
  };
  const thread = (title) => person.page.locator(".openui-agent-thread-button", { hasText: title }).first();

  test("an answer in OpenUI Lang grows on the screen before the model has ended", async () => {
    const ended = gate();
    model.next(REVENUE[0], ended, REVENUE[1]);
    await send("How was the year?");
    await person.sees("Quarterly revenue");
    assert.equal(await person.page.getByText("8.4 %").count(), 0);
    ended.open();
    await person.sees("8.4 %");
    await person.shot("openui-answer");
  });

  test("plain text is shown as text, also after a reload", async () => {
    model.next("Revenue ", "**rose** sharply.");
    await send("In plain text, please");
    await person.sees("sharply.");
    await person.reload();
    await thread("In plain text, please").click();
    await person.sees("sharply.");
    await person.shot("openui-plain-text");
  });

  test("a reload midway: the answer goes on, and the model is called once", async () => {
    const ended = gate();
    model.next(REVENUE[0], ended, REVENUE[1]);
    await send("Reload me midway");
    await person.sees("Quarterly revenue");
    await person.reload();
    await thread("Reload me midway").click();
    await person.sees("Quarterly revenue");
    await person.shot("openui-reloaded-midway");
    ended.open();
    await person.sees("8.4 %");
    assert.equal(model.requests.length, 1);
  });

  test("a stop ends the answer at the server, and what was said is kept", async () => {
    model.next(REVENUE[0], gate());
    await send("Stop me");
    await person.sees("Quarterly revenue");
    const stopping = person.page.waitForResponse((response) => response.url().endsWith("/stop"), { timeout: PATIENCE });
    await person.page.getByLabel("Cancel message").click();
    assert.equal((await stopping).status(), 200); // its body is not read by the page, so it cannot be here either
    await person.shot("openui-stopped");
    await person.reload();
    await thread("Stop me").click();
    await person.sees("Quarterly revenue");
  });

  test("a model that breaks midway is told, also after a reload, and the page goes on", async () => {
    model.next(REVENUE[0], BREAK);
    await send("Break midway");
    await person.sees("The connection to the model broke");
    await person.shot("openui-error");
    await person.reload();
    await thread("Break midway").click();
    await person.sees("The connection to the model broke");
    await person.shot("openui-error-reloaded");
    model.next(...REVENUE);
    await send("And now?");
    await person.sees("8.4 %");
  });

  test("a model that refuses is told in its words", async () => {
    model.refuseNext(400, "no");
    await send("Refuse me");
    await person.sees("The model did not accept the request");
    await person.shot("openui-refused");
  });

  test("a tool of the server is shown while it works, and is done", async () => {
    model.next(call("current_time", { timezone: "UTC" }));
    model.next('root = Card([TextContent("It is late.")])\n');
    await send("What time is it?");
    await person.sees("It is late.");
    await person.shot("openui-tool");
  });

  test("threads are listed and deleted", async () => {
    model.next(...REVENUE);
    await send("A thread to delete");
    await person.sees("8.4 %");
    await person.reload();
    await thread("A thread to delete").hover();
    await person.shot("openui-threads");
    await thread("A thread to delete").locator(".openui-agent-thread-button-dropdown-trigger").click();
    await person.page.getByText("Delete", { exact: true }).click();
    await thread("A thread to delete").waitFor({ state: "detached" });
    await person.reload();
    assert.equal(await thread("A thread to delete").count(), 0);
  });
});

describe("OpenUI's chat with a tool of the page", { timeout: 600_000 }, () => {
  let person;
  beforeEach(() => model.forget());
  eachInATab(async () => {
    person = await browser.person(server.url, { files: async (name) => ({ path: join(tools, name) }) });
    Object.defineProperty(person, "composer", { get: () => person.page.getByPlaceholder("Type your query here") });
    return person;
  });

  test("it runs there, and the answer goes on with its result", async () => {
    model.next("I paint. ", call("paint", { colour: "red" }));
    model.next(...REVENUE);
    await person.composer.fill("Paint it");
    await person.composer.press("Enter");
    await person.sees("8.4 %");
    await person.shot("openui-client-tool");
    const [asked, , result, ...rest] = model.requests.at(-1).messages;
    assert.deepEqual([asked.content, result.content, rest], ["Paint it", "painted red", []]);
  });
});

test("who signs in has answers and their own threads, on OpenUI's page too, until they sign out", { timeout: 300_000 }, async () => {
  const issuer = await new Issuer().start();
  const config = join(mkdtempSync(join(tmpdir(), "c1fn-signin-")), "config.json");
  writeFileSync(config, JSON.stringify({ oidc: { authority: issuer.url, clientId: CLIENT, scope: "openid profile chat" } }));
  const jwt = { ...model.environment, C1FN_AUTH: "jwt", C1FN_JWT_ISSUER: issuer.url, C1FN_JWT_AUDIENCE: API };
  const closed = await new Service("serve", jwt, ["--page", "openui", "--page-config", config]).start();
  issuer.admit([closed.url]);
  const person = await browser.person(closed.url, { field: "textarea:visible", issuer: issuer.url });
  person.page = await person.context.newPage();
  await person.page.goto(closed.url);
  await person.button("Sign in").click();
  await person.page.getByPlaceholder("Enter any login").fill("ann");
  await person.page.getByPlaceholder("and password").fill("any");
  await person.button("Sign-in").click();
  await person.sees("ann Example");
  model.forget();
  model.next(...REVENUE);
  await person.composer.fill("How was the year?");
  await person.composer.press("Enter");
  await person.sees("8.4 %");
  await person.reload();
  await person.page.locator(".openui-agent-thread-button", { hasText: "How was the year?" }).first().waitFor();
  await person.shot("openui-signed-in");
  await person.button("Sign out").click();
  await person.page.getByRole("button", { name: "Yes, sign me out" }).click();
  await person.button("Sign in").waitFor();
  assert.deepEqual(person.complaints, []);
  await person.leaves();
  await Promise.all([closed.stop(), issuer.down()]);
});
