// What the page does with too much, with other scripts than Latin, and with servers that answer something else.
// `make e2e-long` runs it: it takes a minute or two.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { card, Model, text as words } from "./model.mjs";
import { Browser, eachInATab, Service, SHOTS } from "./stage.mjs";

const model = await new Model().start();
const browser = await new Browser().start();
const unlimited = { C1FN_OWNER_TURNS_A_DAY: "0", C1FN_OWNER_TOKENS_A_DAY: "0" }; // 1,200 turns are more than a day's
const server = await new Service("serve", { ...model.environment, ...unlimited }).start();
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), model.stop()]);
});

/** Milliseconds after which a person would think that the page hangs; on a quiet machine it takes a tenth of it. */
const HANGS = 10_000;

describe("too much, and other scripts", { timeout: 900_000 }, () => {
  let person;
  eachInATab(async () => (person = await browser.person(server.url, { permissions: ["clipboard-read", "clipboard-write"] })));

  const chat = async (threadId, responseId, content) => {
    const data = { threadId, responseId, prompt: { role: "user", content } };
    const answer = await person.context.request.post(`${server.url}api/chat`, { data });
    assert.equal(answer.headers()["c1fn-error"], undefined, await answer.text());
  };
  const fits = () => person.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.querySelector(".scroll").scrollWidth <= document.querySelector(".scroll").clientWidth);

  test("200 threads of one title can be told apart by their times, and the open one is in view", async () => {
    const ids = Array.from({ length: 200 }, (_, number) => `same-${number}`);
    for (const id of ids) await chat(id, "r", "The same title");
    await person.page.goto(`${server.url}?thread=${ids[0]}`);
    await person.sees("You said: The same title");
    const selected = person.page.locator("nav a[aria-current=page]");
    await selected.waitFor();
    const box = await selected.boundingBox();
    assert.ok(box.y > 0 && box.y < 800, `${box.y}`);
    assert.equal(await person.page.getByRole("navigation").getByRole("link").count(), 200);
    assert.match(await selected.getAttribute("title"), /The same title\n.*\d/);
  });

  test("a thread of 1,000 turns opens at its end at once, and is loaded in pages", async () => {
    for (let number = 1; number <= 1000; number += 1) await chat("long", `r${number}`, `Prompt ${number}.`);
    const began = Date.now();
    await person.page.goto(`${server.url}?thread=long`);
    await person.sees("You said: Prompt 1000.");
    assert.ok(Date.now() - began < HANGS, `${Date.now() - began}`);
    for (let pages = 2; pages <= 5; pages += 1) {
      await person.page.locator(".scroll").evaluate((box) => (box.scrollTop = 0));
      await person.page.locator(".turn").nth(20 * pages - 1).waitFor({ state: "attached" });
    }
    const gone = Date.now();
    await person.composer.fill("The next one");
    assert.ok(Date.now() - gone < HANGS, `${Date.now() - gone}`);
  });

  test("words of 300 characters break, in a prompt, an answer, a title and on the narrowest phone", async () => {
    const word = "x".repeat(300);
    await person.page.setViewportSize({ width: 320, height: 640 });
    await person.send(word);
    await person.sees(`You said: ${word}`);
    await person.answered();
    assert.ok(await fits());
    model.next(card({ component: "Header", props: { title: word, subtitle: word } }, { component: "InlineHeader", props: { heading: word, description: word } }));
    await person.send("As headings");
    await person.page.getByText(word).nth(5).waitFor();
    await person.answered();
    await person.shot("bad-long-word");
    assert.ok(await fits());
  });

  test("100 kB that are pasted are shown, sent and kept, and the page goes on", async () => {
    const text = "A line of a log, like many others.\n".repeat(2_900);
    await person.page.evaluate((pasted) => navigator.clipboard.writeText(pasted), text);
    model.next(card(words("I have read it.")));
    const began = Date.now();
    await person.composer.press("ControlOrMeta+v");
    await person.composer.press("Enter");
    await person.answered();
    await person.sees("I have read it.");
    assert.ok(Date.now() - began < HANGS, `${Date.now() - began}`);
    assert.ok(model.requests.at(-1).messages.at(-1).content.length >= text.trim().length);
    const bubble = await person.page.locator(".bubble").boundingBox();
    assert.ok(bubble.height <= 500, `${bubble.height}`); // it scrolls
  });

  for (const [script, typed, direction] of [
    ["Arabic", "ما هي إيرادات الربع؟", "rtl"],
    ["Hebrew", "מה ההכנסות ברבעון?", "rtl"],
    ["Chinese", "显示每个季度的收入，用图表。", "ltr"],
    ["emoji", "👩🏽‍🚀👨‍👩‍👧‍👦🏴󠁧󠁢󠁷󠁬󠁳󠁿 é", "ltr"],
  ]) {
    test(`${script} stands as it was typed, from the side where it begins`, async () => {
      await person.send(typed);
      await person.sees(`You said: ${typed}`);
      await person.answered();
      const bubble = person.page.locator(".bubble");
      assert.equal(await bubble.innerText(), typed);
      assert.equal(await bubble.evaluate((element) => getComputedStyle(element).direction), direction);
      assert.ok(await fits());
      await person.shot(`bad-${script}`);
    });
  }

  test("the Enter that ends the composition of a word sends nothing", async () => {
    await person.composer.fill("にほんご");
    for (const composing of [{ isComposing: true }, { keyCode: 229 }]) {
      await person.composer.evaluate((field, how) => {
        field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...how }));
      }, composing);
    }
    assert.equal(await person.composer.inputValue(), "にほんご");
    await person.composer.press("Enter");
    await person.sees("You said: にほんご");
  });
});

describe("a server that answers something else", { timeout: 600_000 }, () => {
  let person;
  beforeEach(async () => {
    person = await browser.person(server.url);
    await person.tab();
  });
  afterEach(() => person.leaves());

  const problem = (status, title, detail, code) => ({
    status,
    contentType: "application/problem+json",
    body: JSON.stringify({ type: "about:blank", title, status, detail, code }),
  });
  const answers = {
    401: [problem(401, "Not signed in", "Send a key.", "unauthorized"), "Not signed in"],
    409: [problem(409, "Another answer is being written", "Wait.", "thread_busy"), "Another answer is being written"],
    429: [problem(429, "Your prompts for today are used up", "Come back tomorrow.", "turns_used_up"), "used up"],
    500: [problem(500, "Something went wrong", "Try again.", "internal"), "Something went wrong"],
    "500 without a word": [{ status: 500, body: "" }, "The server answered 500"],
  };

  for (const [name, [answer, told]] of Object.entries(answers)) {
    test(`${name} is told below the prompt, which is sent again by one press and kept over a reload`, async () => {
      const prompt = `Keep these words of ${name}.`;
      await person.context.route("**/api/chat", (route) => route.fulfill(answer));
      await person.send(prompt);
      await person.sees(told);
      await person.button("Send again").waitFor();
      await person.thread(prompt).waitFor({ state: "detached" }); // the server has no such conversation
      await person.reload();
      assert.equal(await person.composer.inputValue(), prompt);
      await person.send(prompt);
      await person.sees(told);
      await person.context.unroute("**/api/chat");
      await person.button("Send again").click();
      await person.sees(`You said: ${prompt}`);
      await person.thread(prompt).first().waitFor();
    });
  }

  for (const [name, answer] of Object.entries({ "a web page": { status: 200, contentType: "text/html", body: "<h1>Sign in</h1>" }, "a proxy's 502": { status: 502, body: "Bad gateway" } })) {
    test(`${name} is no answer: it is asked for again, and then told`, async () => {
      let asked = 0;
      await person.context.route("**/api/chat", (route) => {
        asked += 1;
        return asked < 3 ? route.fulfill(answer) : route.continue();
      });
      await person.send("Through a proxy");
      await person.sees("You said: Through a proxy");
      assert.equal(asked, 3);
    });
  }

  test("nothing at all is told, and can be tried again", async () => {
    await person.context.route("**/api/chat", (route) => route.abort());
    await person.send("Hello?");
    await person.sees("The server does not answer");
    await person.context.unroute("**/api/chat");
    await person.button("Send again").click();
    await person.sees("You said: Hello?");
  });

  test("a thread and a list that cannot be loaded are told, and can be tried again", async () => {
    await person.send("To be loaded");
    await person.answered();
    await person.context.route("**/api/threads**", (route) => route.fulfill({ status: 500, body: "" }));
    await person.page.reload();
    await person.page.locator(".gone").getByText("The server answered 500").waitFor();
    await person.context.unroute("**/api/threads**");
    await person.page.locator(".gone").getByRole("button", { name: "Try again" }).click();
    await person.sees("You said: To be loaded");
    await person.page.getByRole("navigation").getByRole("button", { name: "Try again" }).click();
    await person.thread("To be loaded").waitFor();
  });

  test("without JavaScript the page says that it needs it, and what to use instead", async () => {
    const context = await browser.running.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(server.url);
    const told = page.locator("noscript p"); // getByText looks into no <noscript>
    await told.waitFor();
    assert.match(await told.innerText(), /^This page needs JavaScript/);
    const { y, height } = await told.boundingBox();
    assert.ok(y + height < page.viewportSize().height, `${y} + ${height}`);
    await page.locator("#loading").waitFor({ state: "hidden" });
    await page.screenshot({ path: join(SHOTS, "bad-no-javascript.png") });
    await context.close();
  });

  test("on a slow phone something is on the screen while the page loads, and it works in the end", async () => {
    const phone = await browser.person(server.url, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
    phone.page = await phone.context.newPage();
    const devtools = await phone.context.newCDPSession(phone.page);
    await devtools.send("Network.enable");
    await devtools.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: 1_500_000, uploadThroughput: 400_000 });
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    await phone.page.goto(server.url, { waitUntil: "commit" });
    await phone.sees("c1fn is loading");
    await phone.composer.waitFor({ timeout: 120_000 });
    await phone.send("Slowly");
    await phone.sees("You said: Slowly");
    await phone.leaves();
  });
});
