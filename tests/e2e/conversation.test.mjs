// What can be done with a conversation on the page, and what it is told of the world around it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { call, card, cut, gate, Model, text } from "./model.mjs";
import { Browser, eachInATab, ROOT, Service } from "./stage.mjs";

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");

const part = (component, props) => ({ component, props });
const field = (label, children) => ({ label, children });

/** One form, as models write it in each dialect. */
const FORMS = {
  JSON: card(
    part("Form", {
      name: "trip",
      children: [
        field("Your name", part("Input", { name: "fullname", placeholder: "Jane Doe" })),
        field("Class", part("Select", { name: "cls", children: [part("SelectItem", { value: "1", children: "First" }), part("SelectItem", { value: "2", children: "Second" })] })),
        field("Extras", part("CheckBoxGroup", { name: "extras", children: [part("CheckBoxItem", { name: "meal", label: "A meal" })] })),
        field("Bags", part("Slider", { name: "bags", variant: "discrete", min: 0, max: 5, step: 1, defaultValue: [1] })),
      ],
      buttons: part("ButtonGroup", { children: [part("Button", { children: "Submit", name: "submit", variant: "primary", action: { type: "continue_conversation", props: {} } })] }),
    }),
  ),
  "OpenUI Lang": `<content thesys="true" version="2">${escaped(`\`\`\`openui-lang
root = Card([trip])
trip = Form("trip", buttons, [name, cls, extras, bags])
buttons = ButtonGroup([Button("Submit")])
name = FormControl("Your name", Input("fullname"))
cls = FormControl("Class", Select("cls", [SelectItem("1", "First"), SelectItem("2", "Second")]))
extras = FormControl("Extras", CheckBoxGroup("extras", [CheckBoxItem("meal", "A meal")]))
bags = FormControl("Bags", Slider("bags", "Bags", "discrete", 0, 5))
\`\`\``)}</content>`,
};
const SENT = {
  fullname: { value: "Ada <Lovelace>", componentType: "Input" },
  cls: { value: "2", componentType: "Select" },
  meal: { value: true, componentType: "CheckBoxItem" },
  bags: { value: [3], componentType: "Slider" },
  other: { value: "of no form", componentType: "Input" },
};
const SHOWN = [
  ["Your name", "Ada <Lovelace>"],
  ["Class", "Second"],
  ["A meal", "yes"],
  ["Bags", "3"],
  ["other", "of no form"],
];

/** Milliseconds for a suite; they end a test that hangs without a locator. */
const SUITE = 600_000;

const model = await new Model().start();
const browser = await new Browser().start();
const tools = { C1FN_TOOLS: "refunds:TOOLS", PYTHONPATH: join(ROOT, "tests/e2e") };
const server = await new Service("serve", { ...model.environment, ...tools }).start();
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), model.stop()]);
});

describe("a conversation on the page", { timeout: SUITE }, () => {
  let person;
  beforeEach(() => model.forget());
  eachInATab(async () => (person = await browser.person(server.url, { permissions: ["clipboard-read", "clipboard-write"] })));

  const api = (path, options) => person.context.request.fetch(`${server.url}api/${path}`, options);

  test("nothing can be sent while nothing is typed, and a prompt keeps its own line breaks", async () => {
    assert.ok(await person.button("Send").isDisabled());
    await person.composer.pressSequentially("one");
    await person.composer.press("Shift+Enter");
    await person.composer.pressSequentially("two");
    await person.button("Send").click();
    await person.answered();
    assert.equal(await person.page.locator(".bubble").innerText(), "one\ntwo");
    assert.equal(await person.page.title(), "one two · c1fn");
    assert.equal(await person.page.getByRole("heading", { level: 1 }).innerText(), "one two");
  });

  test("an answer is copied as Markdown, without how it looks", async () => {
    const table = {
      component: "Table",
      props: { tableHeader: { rows: [{ children: "Quarter", type: "string" }] }, tableBody: { rows: [{ children: ["Q1"] }] } },
    };
    model.next(card({ component: "Header", props: { title: "Revenue" } }, text("It **rose**."), table));
    await person.send("Copy me");
    await person.answered();
    await person.button("Copy answer").click();
    await person.button("Copied").waitFor();
    const copied = await person.page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, "## Revenue\n\nIt **rose**.\n\n| Quarter |\n| --- |\n| Q1 |");
  });

  test("try again asks the same in a branch, without the answer that was there", async () => {
    await person.send("First");
    await person.answered();
    await person.send("Second");
    await person.sees("You said: Second");
    await person.answered();
    const before = person.threadId;
    model.next(card(text("Another answer")));
    await person.button("Try again").last().click();
    await person.sees("Another answer");
    await person.answered();
    assert.notEqual(person.threadId, before);
    assert.equal(await person.page.getByText("You said: Second").count(), 0);
    assert.deepEqual(model.requests[2].messages.map(({ role }) => role), ["user", "assistant", "user"]);
    await person.page.goBack();
    await person.sees("You said: Second");
  });

  test("an edited prompt takes the place of the old one in a branch", async () => {
    await person.send("A question with a tpyo");
    await person.answered();
    await person.page.locator(".bubble").hover();
    await person.button("Edit message").click();
    await person.page.getByRole("textbox", { name: "Edit message" }).fill("A question without one");
    await person.page.keyboard.press("Enter");
    await person.sees("You said: A question without one");
    await person.answered();
    assert.equal(model.requests[1].messages.length, 1);
    assert.equal(await person.page.locator(".bubble", { hasText: "tpyo" }).count(), 0);
  });

  test("an answer is rated, with a comment, and can be rated otherwise", async () => {
    await person.send("Rate me");
    await person.answered();
    await person.button("Bad answer").click();
    await person.page.getByRole("textbox", { name: "What was wrong with it?" }).fill("Too short");
    await person.button("Send comment").click();
    const feedback = async () => (await (await api(`threads/${person.threadId}/messages`)).json())[1].feedback;
    while (!(await feedback())?.comment);
    assert.deepEqual(await feedback(), { value: "down", comment: "Too short" });
    await person.reload();
    assert.equal(await person.button("Bad answer").getAttribute("aria-pressed"), "true");
    await person.button("Good answer").click();
    while ((await feedback()).value !== "up");
  });

  test("a shared link shows the conversation to somebody else, until it is ended", async () => {
    await person.send("Worth showing");
    await person.answered();
    await person.button("Share").click();
    await person.button("Make a link").click();
    const link = person.page.getByRole("textbox", { name: /^Link of/ });
    await link.waitFor();
    const address = await link.inputValue();
    const other = await browser.person(server.url);
    other.page = await other.context.newPage();
    await other.page.goto(address);
    await other.sees("You said: Worth showing");
    assert.equal(await other.page.getByRole("textbox").count(), 0);
    await other.shot("shared");
    await person.button("End this link").click();
    await link.waitFor({ state: "detached" });
    await other.page.reload();
    await other.sees("This link shows nothing");
    await other.leaves();
  });

  for (const dialect of ["JSON", "OpenUI Lang"]) {
    test(`a form in ${dialect} that was sent is shown with its labels, also after a reload, to somebody else, in a copy and in a file`, async () => {
      model.next(FORMS[dialect]);
      await person.send("A form, please");
      await person.answered();
      const context = ["User clicked on Button: submit", [{ trip: SENT }]];
      const prompt = { role: "user", content: `<content thesys="true">Submit</content><context>${escaped(JSON.stringify(context))}</context>` };
      await (await api("chat", { method: "POST", data: { threadId: person.threadId, responseId: "sent", prompt } })).text();
      await person.reload();
      await person.sees("You said: Submit");
      const bubble = () => person.page.locator(".bubble").last();
      assert.equal(await bubble().innerText(), `Submit\n${SHOWN.map((pair) => pair.join("\n")).join("\n")}`);
      await bubble().hover();
      assert.equal(await person.button("Edit message").count(), 1); // its words alone would be sent: a form is sent again
      await person.button("Copy message").last().click();
      await person.button("Copied").waitFor();
      assert.equal(await person.page.evaluate(() => navigator.clipboard.readText()), `Submit\n${SHOWN.map((pair) => pair.join(": ")).join("\n")}`);
      const { token } = await (await api(`threads/${person.threadId}/shares`, { method: "POST" })).json();
      const download = person.page.waitForEvent("download");
      await person.button("More").click();
      await person.page.getByRole("menuitem", { name: "Export as Markdown" }).click();
      assert.ok((await readFile(await (await download).path(), "utf8")).includes(SHOWN.map((pair) => `- ${pair.join(": ")}`).join("\n")));
      await person.shot(`form-sent-${dialect}`);
      await person.page.goto(`${server.url}#/share/${token}`);
      await person.page.reload();
      await person.sees("You said: Submit");
      assert.match(await bubble().innerText(), /Your name/);
    });
  }

  test("a form that was filled in on the page is shown with its labels at once", async () => {
    model.next(FORMS.JSON);
    await person.send("A form, please");
    await person.answered();
    await person.reload(); // the client draws a streamed answer once more at its end
    const saved = person.page.waitForResponse((response) => response.request().method() === "PUT");
    await person.page.getByPlaceholder("Jane Doe").fill("Ada");
    await person.page.getByPlaceholder("Jane Doe").blur();
    await saved;
    await person.page.getByRole("button", { name: "Submit" }).click();
    await person.sees("You said: Submit");
    assert.match(await person.page.locator(".bubble").last().innerText(), /^Submit\nBags\n1\nYour name\nAda$/);
  });

  /** Pixels of the conversation below what is seen of it. */
  const below = async () => {
    await person.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    return person.page.locator(".scroll").evaluate((box) => Math.round(box.scrollHeight - box.scrollTop - box.clientHeight));
  };
  const aLongAnswer = async () => {
    model.next(card(...Array.from({ length: 40 }, (_, number) => text(`Line ${number}.`))));
    await person.send("A long answer");
    await person.answered();
  };

  test("lines that are typed or pasted leave the end of the conversation in view, and so does their going", async () => {
    await aLongAnswer();
    await person.button("To the newest message").click();
    const seen = [await below()];
    for (let line = 0; line < 10; line += 1) {
      await person.composer.press("Shift+Enter");
      seen.push(await below());
    }
    await person.shot("lines-typed");
    for (const typed of ["one line", "a line\n".repeat(8), ""]) {
      await person.composer.fill(typed);
      seen.push(await below());
    }
    assert.ok(Math.max(...seen) < 2, `${seen}`);
  });

  test("a reader who is not at the end is not moved by what they type", async () => {
    await aLongAnswer();
    const lines = (number) => person.composer.fill("a line\n".repeat(number));
    const top = () => person.page.locator(".scroll").evaluate((box) => box.scrollTop);
    await lines(5);
    await person.button("To the newest message").click();
    await person.page.locator(".scroll").evaluate((box) => (box.scrollTop -= 100));
    await below();
    const before = await top();
    for (const number of [6, 9, 5]) {
      await lines(number);
      await below();
      assert.equal(await top(), before);
    }
    await lines(0);
  });

  test("the field is as high as its text, also where it becomes narrow, up to where it scrolls", async () => {
    const hidden = () => person.composer.evaluate((field) => field.scrollHeight - field.clientHeight);
    const height = () => person.composer.evaluate((field) => field.clientHeight);
    const one = await height();
    await person.composer.fill("some words ".repeat(20));
    assert.equal(await hidden(), 0);
    const wide = await height();
    await person.page.setViewportSize({ width: 400, height: 800 });
    assert.equal(await hidden(), 0);
    assert.ok(one < wide && wide < (await height()), `${one} ${wide} ${await height()}`);
    await person.composer.fill("a line\n".repeat(200));
    assert.equal(await height(), 320);
    await person.composer.fill("");
    assert.equal(await height(), one);
    await person.page.setViewportSize({ width: 1280, height: 800 });
  });

  test("a thread is renamed in the list, found by its title, and kept as a file", async () => {
    await person.send("Apples");
    await person.answered();
    await person.choose("Apples", "Rename");
    await person.page.getByRole("textbox", { name: "Title" }).fill("Crème brûlée");
    await person.page.keyboard.press("Enter");
    await person.thread("Crème brûlée").waitFor();
    await person.page.getByRole("searchbox").fill("brulee creme");
    assert.equal(await person.page.getByRole("navigation").getByRole("link").count(), 1);
    await person.page.getByRole("searchbox").fill("");
    await person.button("More").click();
    const download = person.page.waitForEvent("download");
    await person.page.getByRole("menuitem", { name: "Export as Markdown" }).click();
    const file = await download;
    assert.equal(file.suggestedFilename(), "Crème-brûlée.md");
    assert.match(await readFile(await file.path(), "utf8"), /^# Crème brûlée\n[^]*## You\n\nApples\n\n## Answer\n\nYou said: Apples\n$/);
  });

  test("a deleted thread comes back by Undo, and is deleted on the server without", async () => {
    await person.send("Delete me");
    await person.answered();
    const { threadId } = person;
    await person.choose("Delete me", "Delete");
    await person.thread("Delete me").waitFor({ state: "detached" });
    await person.button("Undo").click();
    await person.thread("Delete me").waitFor();
    await person.choose("Delete me", "Delete");
    await person.reload(); // it does not wait for the time of the Undo
    while ((await api(`threads/${threadId}/messages`)).status() !== 404);
  });

  test("what was typed stays with its thread, also over a reload", async () => {
    await person.send("A thread");
    await person.answered();
    await person.composer.fill("half a thought");
    await person.button("New conversation").click();
    assert.equal(await person.composer.inputValue(), "");
    await person.composer.fill("another one");
    await person.thread("A thread").click();
    await person.sees("You said: A thread");
    assert.equal(await person.composer.inputValue(), "half a thought");
    await person.reload();
    await person.sees("You said: A thread");
    assert.equal(await person.composer.inputValue(), "half a thought");
    await person.composer.fill("");
    await person.button("New conversation").click();
    assert.equal(await person.composer.inputValue(), "another one");
    await person.composer.fill("");
  });

  test("a failed prompt is sent again by one press, in its place", async () => {
    model.refuseNext(400, "no");
    await person.send("Once more, please");
    await person.button("Send again").click();
    await person.sees("You said: Once more, please");
    await person.answered();
    assert.equal(await person.page.locator(".turn").count(), 1);
    await person.reload();
    await person.sees("You said: Once more, please");
    assert.equal(await person.button("Send again").count(), 0);
  });

  test("Escape stops an answer, which says so, also after a reload", async () => {
    model.next(cut(card(text("Half an answer"), text("never said")), "Half an answer")[0], gate());
    await person.send("Go on");
    await person.sees("Half an answer");
    await person.page.keyboard.press("Escape");
    await person.sees("You stopped this answer.");
    await person.reload();
    await person.sees("You stopped this answer.");
  });

  test("a thread that was deleted elsewhere is told, and what was typed is kept", async () => {
    await person.send("Soon gone");
    await person.answered();
    await api(`threads/${person.threadId}`, { method: "DELETE" });
    await person.send("Are you there?");
    await person.sees("This conversation is gone");
    const told = await person.page.locator(".gone").boundingBox();
    assert.ok(told.y + told.height <= 800, `${told.y} + ${told.height}`); // within the window, and not below an answer
    await person.page.locator(".gone").getByRole("button").click();
    assert.equal(await person.composer.inputValue(), "Are you there?");
    assert.equal(model.requests.length, 1);
    await person.composer.fill("");
  });

  test("what happens in one tab appears in the other", async () => {
    await person.send("Two tabs");
    await person.answered();
    const first = person.page;
    const second = await person.tab(first.url());
    await person.sees("You said: Two tabs");
    const ended = gate();
    const [begin, rest] = cut(card(text("It grows"), text("in both")), "It grows");
    model.next(begin, ended, rest);
    person.page = first;
    await person.send("Watch this");
    person.page = second;
    await person.sees("It grows");
    await person.button("Stop").waitFor();
    ended.open();
    await person.sees("in both");
    await person.answered();
    await person.choose("Two tabs", "Rename");
    await second.getByRole("textbox", { name: "Title" }).fill("Both tabs");
    await second.keyboard.press("Enter");
    person.page = first;
    await person.thread("Both tabs").waitFor();
    assert.equal(model.requests.length, 2);
  });

  for (const button of ["Approve", "Refuse"]) {
    test(`a call that needs approval shows its arguments, and ${button} decides whether it is made, once`, async () => {
      model.next(call("refund", { order: 7, amount: 9.5 }));
      await person.send("Pay order 7 back");
      await person.sees("May this be done?");
      await person.sees("9.5");
      await person.answered();
      await person.shot(`approval-${button}`);
      model.next(card(text("As you wish.")));
      await person.button(button).click();
      await person.sees("As you wish.");
      await person.answered();
      const result = model.requests.at(-1).messages.findLast(({ role }) => role === "tool").content;
      assert.equal(result.includes("Paid 9.50 back for order 7."), button === "Approve", result);
      await person.sees("This was asked");
      assert.equal(await person.button("Approve").count(), 0);
    });
  }

  test("older messages are loaded when a reader scrolls up to them", async () => {
    const threadId = crypto.randomUUID();
    for (let number = 1; number <= 25; number += 1) {
      const data = { threadId, responseId: `r${number}`, prompt: { role: "user", content: `Prompt ${number}.` } };
      await (await api("chat", { method: "POST", data })).text();
    }
    await person.page.goto(`${server.url}?thread=${threadId}`);
    await person.sees("You said: Prompt 25.");
    assert.equal(await person.page.locator(".turn").count(), 20);
    await person.page.locator(".scroll").hover();
    while ((await person.page.locator(".turn").count()) < 25) await person.page.mouse.wheel(0, -400);
    await person.page.locator(".bubble", { hasText: /^Prompt 1\.$/ }).waitFor({ state: "attached" });
    assert.equal(await person.button("Load earlier messages").count(), 0);
  });

  test("the chosen theme stays", async () => {
    await person.page.getByRole("radio", { name: "Dark" }).check();
    await person.reload();
    assert.equal(await person.page.locator("html").getAttribute("data-theme"), "dark");
    await person.page.getByRole("radio", { name: "System" }).check();
  });
});
