// Four versions of the official client on the same endpoint, as `<C1Chat apiUrl="api/chat" />` alone, and what
// each makes of the few bytes that c1fn adds to the model's (c1fn/api/wires/c1.py).
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { built, VERSIONS } from "./clients.mjs";
import { BREAK, card, cut, gate, Model, text } from "./model.mjs";
import { Browser, PATIENCE, ROOT, Service } from "./stage.mjs";

const KEEP_ALIVE = "<!-- -->";
const THINK =
  '<thinkitem ephemeral="true"><thinkitemtitle>Working</thinkitemtitle>' +
  "<thinkitemcontent>Using a tool</thinkitemcontent></thinkitem>";
const ANSWER = card(
  { component: "Header", props: { title: "Quarterly revenue", subtitle: "2026 & before" } },
  text("Revenue rose **8.4%** to “153”."),
  { component: "FollowUpBlock", props: { followUpText: ["Compare with last year"] } },
);

/** What each version sends of the offline model's forms; the offline model is tested with the same file. */
const FORMS = JSON.parse(await readFile(join(ROOT, "tests/models/forms.json"), "utf8"));

const model = await new Model().start();
const offline = await new Service("serve", { C1FN_MODEL: "offline", C1FN_STORE: "memory" }).start();
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
  await Promise.all([server.stop(), offline.stop(), model.stop()]);
});

/** The content of a prompt, with the day on which the forms were recorded: a calendar opens at this month. */
const day = (content) => content.replace(/\w{3} \w{3} 15 \d{4} 00:00:00/, "Sun Nov 15 2026 00:00:00");

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
      person = await browser.person(url, { files, field: "textarea:visible", timezoneId: "UTC" });
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

    test("the offline model's forms are filled in, sent as recorded, and answered", { timeout: PATIENCE * 6 }, async () => {
      await open(offline.url);
      const running = person.page.locator("svg.lucide-square"); // the button that stops
      const until_answered = async () => {
        await running.waitFor();
        await running.waitFor({ state: "detached" }); // before, the client takes the focus away from a form's fields
      };
      const fill = async (form, fields) => {
        await ask(`Make a ${form} form`);
        await until_answered();
        const answer = person.page.locator(".crayon-shell-thread-message-assistant").last();
        await fields(answer);
        const sending = person.page.waitForRequest((request) => request.method() === "POST");
        await answer.getByRole("button", { name: "Submit" }).click();
        assert.equal(day((await sending).postDataJSON().prompt.content), FORMS[version][form]);
        await until_answered();
        await person.shot(`form-${form}-${version}`);
        return person.page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText)));
      };
      const contact = await fill("contact", async (form) => {
        await form.getByPlaceholder("Jane Doe").fill("Ada <Lovelace> & “Co”");
        await form.getByPlaceholder("jane@example.com").fill("ada@example.com");
        await form.getByPlaceholder("What is it about?").fill("one\ntwo [3]");
      });
      assert.deepEqual(contact.splice(0), [
        ["Your name", "Ada <Lovelace> & “Co”"],
        ["E-mail", "ada@example.com"],
        ["Message", "one two [\u20603]"],
      ]);
      const feedback = await fill("feedback", async (form) => {
        await form.getByRole("radio", { name: "Fair" }).click();
        await form.getByRole("checkbox", { name: "The speed" }).click();
        await form.getByRole("checkbox", { name: "The answers" }).click();
      });
      assert.deepEqual(feedback.slice(-3), [["How was it?", "Fair"], ["The speed", "yes"], ["The answers", "yes"]]);
      const booking = await fill("booking", async (form) => {
        await form.getByPlaceholder("Jane Doe").fill("Ada");
        await form.getByText("Select a date").click();
        await person.page.getByRole("gridcell", { name: /15th/ }).click();
        await person.page.keyboard.press("Escape");
        await form.getByText("Choose a time").click();
        await person.page.getByRole("option", { name: "2 in the afternoon" }).click();
        await form.getByRole("slider").press("ArrowRight");
        await form.getByRole("slider").press("ArrowRight");
      });
      const [people, name, date, time] = booking.slice(-4);
      assert.deepEqual([people, name, time], [["People", "3"], ["Your name", "Ada"], ["Time", "2 in the afternoon"]]);
      assert.match(date.join(), /^Day,\w{3} \w{3} 15 \d{4}$/);
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
