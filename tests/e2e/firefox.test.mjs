// The page in Debian's Firefox: a conversation, a reload midway, a stop, a form, the keyboard alone. `make e2e-firefox`.
import assert from "node:assert/strict";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { card, cut, gate, Model, text } from "./model.mjs";
import { Firefox, Service } from "./stage.mjs";

const model = await new Model().start();
const browser = await new Firefox().start();
const server = await new Service("serve", model.environment).start();
const offline = await new Service("serve", { C1FN_MODEL: "offline", C1FN_STORE: "memory" }).start();
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), offline.stop(), model.stop()]);
});

/** Keys, one after the other: React does not hear of what BiDi fills in at once. */
async function send(person, prompt) {
  await person.answered();
  await person.composer.pressSequentially(prompt);
  await person.composer.press("Enter");
}

/** Zod tries whether it may use `eval`, and goes on without; Firefox logs that, Chromium does not. */
const ALLOWED = /blocked a JavaScript eval/;

let person;
beforeEach(() => model.forget());
afterEach(async () => {
  await person.leaves();
  assert.deepEqual(person.complaints.filter((line) => !ALLOWED.test(line)), []);
});

describe("in Firefox", { timeout: 600_000 }, () => {
  beforeEach(async () => {
    person = await browser.person(server.url);
    await person.tab();
  });

  test("an answer grows on the screen, and is there after a reload", async () => {
    const ended = gate();
    const [begin, rest] = cut(card(text("Revenue rose sharply."), text("Costs fell.")), "Revenue rose");
    model.next(begin, ended, rest);
    await send(person, "How was the year?");
    await person.sees("Revenue rose");
    assert.equal(await person.page.getByText("Costs fell.").count(), 0);
    ended.open();
    await person.sees("Costs fell.");
    await person.answered();
    await person.reload();
    await person.sees("Costs fell.");
    await person.shot("firefox-answer");
  });

  test("lines that are typed leave the end of the conversation in view, and the field is as high as they are", async () => {
    model.next(card(...Array.from({ length: 40 }, (_, number) => text(`Line ${number}.`))));
    await send(person, "A long answer");
    await person.sees("Line 39.");
    await person.answered();
    await person.button("To the newest message").click();
    const seen = [];
    const look = async () => {
      await person.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      seen.push(await person.page.locator(".scroll").evaluate((box) => Math.round(box.scrollHeight - box.scrollTop - box.clientHeight)));
      seen.push(await person.composer.evaluate((field) => field.scrollHeight - field.clientHeight));
    };
    for (const key of [..."Shift+Enter ".repeat(8).trim().split(" "), "x", ..."Backspace ".repeat(5).trim().split(" ")]) {
      await person.composer.press(key);
      await look();
    }
    assert.ok(Math.max(...seen) < 2, `${seen}`);
  });

  test("an answer goes on after a reload midway, and the model is called once", async () => {
    const ended = gate();
    const [begin, rest] = cut(card(text("It begins"), text("It ends")), "It begins");
    model.next(begin, ended, rest);
    await send(person, "Take your time");
    await person.sees("It begins");
    await person.reload();
    await person.sees("It begins");
    await person.button("Stop").waitFor();
    ended.open();
    await person.sees("It ends");
    await person.answered();
    assert.equal(model.requests.length, 1);
  });

  for (const [how, stop] of Object.entries({
    "its button": () => person.button("Stop").click(),
    Escape: () => person.page.keyboard.press("Escape"),
  })) {
    test(`a stop by ${how} ends the answer and keeps what was said`, async () => {
      model.next(cut(card(text("Half an answer"), text("never said")), "Half an answer")[0], gate());
      await send(person, "Go on for ever");
      await person.sees("Half an answer");
      await stop();
      await person.sees("You stopped this answer.");
      await person.reload();
      await person.sees("Half an answer");
      await send(person, "And now?");
      await person.sees("You said: And now?");
    });
  }

  test("an answer that the server takes with it is asked for again", async () => {
    model.next(cut(card(text("Before the end"), text("of the world")), "Before the end")[0], gate());
    await send(person, "Tell me");
    await person.sees("Before the end");
    await server.stop("SIGKILL");
    await person.sees("Trying again");
    await server.start();
    await person.sees("You said: Tell me");
    await person.answered();
    await person.sees_no("Trying again");
  });

  test("threads are listed, opened and found by the back button", async () => {
    await send(person, "First thoughts");
    await person.sees("You said: First thoughts");
    await person.answered();
    await person.button("New conversation").click();
    await send(person, "Second thoughts");
    await person.sees("You said: Second thoughts");
    await person.answered();
    await person.thread("First thoughts").click();
    await person.sees("You said: First thoughts");
    await person.page.goBack();
    await person.sees("You said: Second thoughts");
  });
});

describe("the offline model in Firefox", { timeout: 600_000 }, () => {
  beforeEach(async () => {
    person = await browser.person(offline.url);
    await person.tab();
  });

  test("a form is filled in and answered", async () => {
    await send(person, "Make a feedback form");
    await person.answered();
    await person.page.getByRole("radio", { name: "Fair" }).click();
    await person.page.getByRole("checkbox", { name: "The looks" }).click();
    await person.page.getByPlaceholder("Anything else?").pressSequentially("Ünïcode & <b>");
    await person.page.getByRole("button", { name: "Submit" }).click();
    await person.sees("This is what you sent");
    await person.answered();
    const shown = await person.page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText)));
    assert.deepEqual(shown, [["How was it?", "Fair"], ["The looks", "yes"], ["Comment", "Ünïcode & <b>"]]);
    await person.shot("firefox-form");
  });

  test("a whole conversation by keyboard alone", async () => {
    const { keyboard } = person.page;
    const to = async (matches, key = "Tab") => {
      for (let presses = 0; presses < 60; presses += 1) {
        await keyboard.press(key);
        if (await person.page.evaluate(matches)) return;
      }
      assert.fail(`${key} never leads to ${matches}`);
    };
    await keyboard.type("Make a contact form");
    await keyboard.press("Enter");
    await person.button("Stop").waitFor();
    await person.answered();
    await to(() => document.activeElement.placeholder === "Jane Doe", "Shift+Tab");
    await keyboard.type("Ada");
    await keyboard.press("Tab");
    await keyboard.type("ada@example.com");
    await to(() => document.activeElement.textContent === "Submit");
    await keyboard.press("Enter");
    await person.sees("Thank you, Ada.");
    await person.answered();
    await to(() => document.activeElement.textContent.includes("Show another chart"));
    await keyboard.press("Enter");
    await person.sees("The figures are invented.");
    await person.answered();
    await to(() => document.activeElement.matches("nav a"));
    await to(() => document.activeElement.getAttribute("aria-label") === "Options of Make a contact form");
    await keyboard.press("Enter");
    await person.page.getByRole("menuitem", { name: "Delete" }).waitFor();
    await to(() => document.activeElement.textContent.includes("Delete"), "ArrowDown");
    await keyboard.press("Enter");
    await person.sees("What would you like to see?");
  });
});
