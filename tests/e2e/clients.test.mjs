// Four versions of the official client on the same endpoint, as `<C1Chat apiUrl="api/chat" />` alone, and what
// each makes of the few bytes that c1fn adds to the model's (c1fn/api/wires/c1.py).
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { built, VERSIONS } from "./clients.mjs";
import { BREAK, card, cut, gate, Model, text } from "./model.mjs";
import { Browser, PATIENCE, Service } from "./stage.mjs";

const KEEP_ALIVE = "<!-- -->";
const THINK =
  '<thinkitem ephemeral="true"><thinkitemtitle>Working</thinkitemtitle>' +
  "<thinkitemcontent>Using a tool</thinkitemcontent></thinkitem>";
const ANSWER = card(
  { component: "Header", props: { title: "Quarterly revenue", subtitle: "2026 & before" } },
  text("Revenue rose **8.4%** to “153”."),
  { component: "FollowUpBlock", props: { followUpText: ["Compare with last year"] } },
);

const model = await new Model().start();
const server = await new Service("serve", model.environment).start();
const browser = await new Browser().start();
let bytes = []; // what the raw endpoint answers: texts and gates
const raw = createServer(async (request, response) => {
  for await (const _ of request);
  for (const step of bytes) {
    if (typeof step === "string") response.write(step);
    else await step;
  }
  response.end();
});
await new Promise((ready) => raw.listen(0, "127.0.0.1", ready));
const rawUrl = `http://127.0.0.1:${raw.address().port}/`;
after(async () => {
  await browser.stop();
  raw.close();
  await Promise.all([server.stop(), model.stop()]);
});

for (const version of Object.keys(VERSIONS)) {
  describe(`genui-sdk ${version}`, { timeout: 900_000 }, () => {
    let files;
    let person;
    before(async () => {
      const folder = await built(version);
      files = async (name) => ({ path: join(folder, name) });
    });
    beforeEach(() => model.forget());
    afterEach(async () => {
      await person.leaves();
      assert.deepEqual(person.complaints, []);
    });
    const open = async (url) => {
      person = await browser.person(url, { files });
      await person.tab();
    };
    const ask = async (prompt) => {
      await person.composer.fill(prompt);
      await person.composer.press("Enter");
    };
    const shown = () => person.page.locator(".crayon-shell-thread-message-assistant").last().innerText();
    const rendered = async (...steps) => {
      await open(rawUrl);
      bytes = steps;
      await ask("Show it");
      await person.sees("Compare with last year");
      const words = await shown();
      await person.leaves();
      return words;
    };

    test("a prompt's answer streams and renders", { timeout: PATIENCE * 3 }, async () => {
      const ended = gate();
      const [begin, rest] = cut(ANSWER, "Revenue rose");
      model.next(begin, ended, rest);
      await open(server.url);
      await ask("How was the year?");
      await person.sees("Revenue rose");
      assert.equal(await person.page.getByText("Compare with last year").count(), 0);
      ended.open();
      await person.sees("Compare with last year");
      await person.shot(`client-${version}`);
      await person.page.getByText("Compare with last year").click();
      await person.sees("You said: Compare with last year");
    });

    test("plain text and Markdown are a card that grows", { timeout: PATIENCE * 3 }, async () => {
      const ended = gate();
      model.next("Revenue **ro", "se** by `8.4%`:\n\n", "* in <Q1> & Q2\n* \"not\" in \\Q3", ended, "\n\n| a | b |\n|---|---|\n| one | two |\n");
      await open(server.url);
      await ask("How was the year?");
      await person.sees("Revenue rose by 8.4%:");
      await person.sees('"not" in \\Q3');
      assert.equal(await person.page.getByText("two", { exact: true }).count(), 0);
      ended.open();
      await person.page.getByRole("cell", { name: "two" }).waitFor();
      await person.shot(`plain-${version}`);
      assert.match(await shown(), /^Revenue rose by 8\.4%:\n\nin <Q1> & Q2\n/);
      assert.equal(await person.page.locator(".crayon-shell-thread-message-assistant strong").innerText(), "rose");
    });

    test("text that breaks off stays, with the error below it", { timeout: PATIENCE * 3 }, async () => {
      model.next("Revenue rose", BREAK);
      await open(server.url);
      await ask("How was the year?");
      await person.sees("The answer was cut off");
      await person.sees("Revenue rose");
    });

    test("C1's form takes the place of text before it", { timeout: PATIENCE * 3 }, async () => {
      const said = gate();
      model.next("Let me look. ", said, ...ANSWER.match(/.{1,7}/gs));
      await open(server.url);
      await ask("How was the year?");
      await person.sees("Let me look.");
      said.open();
      await person.sees("Compare with last year");
      await person.sees_no("Let me look.");
    });

    test("a refusal is shown as a card", { timeout: PATIENCE * 3 }, async () => {
      model.refuseNext(403, "bad key");
      await open(server.url);
      await ask("Are you there?");
      await person.sees("The model rejected this service's key");
    });

    for (const words of ["Quarterly", "Revenue rose", "Compare with"]) {
      test(`an answer that breaks off after “${words}” is replaced by a card`, { timeout: PATIENCE * 3 }, async () => {
        model.next(cut(ANSWER, words)[0], BREAK);
        await open(server.url);
        await ask("How was the year?");
        await person.sees("The answer was cut off");
      });
    }

    test("a think item shows before the content and is gone with it", { timeout: PATIENCE * 3 }, async () => {
      const begun = gate();
      await open(rawUrl);
      bytes = [KEEP_ALIVE, THINK, KEEP_ALIVE, begun, ANSWER];
      await ask("Show it");
      await person.sees("Using a tool");
      begun.open();
      await person.sees("Compare with last year");
      await person.sees_no("Using a tool");
    });

    test("keep-alives before and after the content change nothing", { timeout: PATIENCE * 6 }, async () => {
      const plain = await rendered(ANSWER);
      assert.equal(await rendered(KEEP_ALIVE.repeat(3), ANSWER), plain);
      assert.equal(await rendered(ANSWER, KEEP_ALIVE.repeat(3)), plain);
    });

    test("a keep-alive within the content changes nothing, but within an entity it does", { timeout: PATIENCE * 6 }, async () => {
      const plain = await rendered(ANSWER);
      for (const words of ['thesys="true">', "&quot;compo", "Revenue r", "&quot;2026"]) {
        assert.equal(await rendered(...cut(ANSWER, words).flatMap((half) => [half, KEEP_ALIVE])), plain, words);
      }
      await open(rawUrl);
      const [begin, rest] = cut(ANSWER, "&quo");
      bytes = [begin, KEEP_ALIVE, rest];
      await ask("Show it");
      await person.sees("Error while generating response");
    });

    test("a second content that streams replaces the first, partial one", { timeout: PATIENCE * 3 }, async () => {
      const half = gate();
      const ended = gate();
      const [begin, rest] = cut(ANSWER, "Revenue rose");
      await open(rawUrl);
      bytes = [begin, half, begin, ended, rest];
      await ask("Show it");
      await person.sees("Revenue rose");
      half.open();
      await person.sees("Revenue rose");
      ended.open();
      await person.sees("Compare with last year");
      assert.equal(await person.page.getByText("Revenue rose").count(), 1);
    });
  });
}
