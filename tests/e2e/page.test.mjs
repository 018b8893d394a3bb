// The page as a person meets it: in Chromium, on the local server and on the emulated function, with a model
// that says what each test tells it to. Screenshots are kept in .cache/e2e to be looked at.
import assert from "node:assert/strict";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { BREAK, card, cut, gate, Model, text } from "./model.mjs";
import { Browser, eachInATab, filesOf, Service } from "./stage.mjs";

const action = { type: "continue_conversation", props: {} };
const FORM = {
  component: "Form",
  props: {
    name: "contact",
    children: [{ label: "Your name", children: { component: "Input", props: { name: "fullname", placeholder: "Jane Doe" } } }],
    buttons: {
      component: "ButtonGroup",
      props: { children: [{ component: "Button", props: { children: "Submit", name: "submit", variant: "primary", action } }] },
    },
  },
};
const CHIPS = { component: "FollowUpBlock", props: { followUpText: ["Compare with last year", "Show as a table"] } };

/** Milliseconds for a suite; they end a test that hangs without a locator. */
const SUITE = 600_000;

const model = await new Model().start();
const browser = await new Browser().start();
const server = await new Service("serve", model.environment).start();
const emulator = await new Service("lambda", model.environment).start();
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), emulator.stop(), model.stop()]);
});

for (const service of [server, emulator]) {
  describe(`on c1fn ${service.command}`, { timeout: SUITE }, () => {
    let person;
    beforeEach(() => model.forget());
    eachInATab(async () => (person = await browser.person(service.url, { files: filesOf(server.url) })));

    test("the first prompt's answer grows on the screen before the model has ended", async () => {
      const ended = gate();
      const [begin, rest] = cut(card(text("Revenue rose sharply."), text("Costs fell.")), "Revenue rose");
      model.next(begin, ended, rest);
      await person.send("How was the year?");
      await person.sees("Revenue rose");
      assert.equal(await person.page.getByText("Costs fell.").count(), 0);
      ended.open();
      await person.sees("Costs fell.");
      await person.answered();
      await person.shot(`${service.command}-answer`);
    });

    test("an answer in plain text is a card, also after a reload, and the model sees the text", async () => {
      const ended = gate();
      model.next("Revenue **rose**", ended, " sharply.");
      await person.send("How was the year in plain text?");
      await person.sees("Revenue rose");
      ended.open();
      await person.sees("Revenue rose sharply.");
      await person.answered();
      await person.reload();
      await person.sees("Revenue rose sharply.");
      await person.shot(`${service.command}-plain-text`);
      await person.send("And this year?");
      await person.sees("You said: And this year?");
      assert.equal(model.requests[1].messages[1].content, "Revenue **rose** sharply.");
    });

    test("an answer that the client cannot draw shows its text, and the page goes on, also after a reload", async () => {
      model.next("<custommarkdown>Words **of the model** &amp; more</custommarkdown>");
      await person.send("Show me your markdown");
      await person.sees("of the model");
      await person.answered();
      await person.shot(`${service.command}-undrawn`);
      await person.send("Are you still there?");
      await person.sees("You said: Are you still there?");
      await person.reload();
      await person.sees("of the model");
      await person.sees("You said: Are you still there?");
      person.complaints = person.complaints.filter((complaint) => !complaint.includes("C1Provider"));
    });

    test("a picture of another site is not loaded: its address is shown, and a button", async () => {
      const [markdown, component] = ["http://127.0.0.2:9/a.png?told=secret", "http://127.0.0.2:9/b.png"];
      const image = { component: "Image", props: { src: component, alt: "A picture" } };
      model.next(card(text(`Look: ![a picture](${markdown})`), image));
      await person.send("Draw me a picture");
      await person.sees(markdown);
      await person.sees(component);
      await person.answered();
      await person.reload();
      await person.sees(markdown);
      const empty = await person.page.locator(".openui-card").boundingBox();
      assert.ok(empty.height < 100, `${empty.height}`); // no box is left where the second one would be
      await person.shot(`${service.command}-picture`);
      const [opened] = await Promise.all([
        person.context.waitForEvent("page"),
        person.page.getByRole("button", { name: "Open it in a new tab" }).first().click(),
      ]);
      await opened.close();
      const refused = person.complaints.splice(0).filter((complaint) => complaint.includes("img-src"));
      assert.ok(refused.length >= 2, `${refused}`);
    });

    test("a follow-up chip sends its words", async () => {
      model.next(card(text("Here you are."), CHIPS));
      await person.send("Show revenue");
      await person.page.getByText("Compare with last year").click();
      await person.sees("You said: Compare with last year");
      assert.match(model.requests[1].messages.at(-1).content, /Compare with last year/);
      assert.equal(model.requests[1].messages.length, 3);
    });

    test("a form keeps its values over a reload and sends them", async () => {
      model.next(card(FORM));
      await person.send("A contact form, please");
      await person.answered();
      await person.reload(); // the client draws a streamed answer once more at its end; fields would change under us
      const saved = person.page.waitForResponse((response) => response.request().method() === "PUT");
      await person.page.getByPlaceholder("Jane Doe").fill("Ada Lovelace");
      await person.page.getByPlaceholder("Jane Doe").blur();
      assert.equal((await saved).status(), 204);
      await person.reload();
      const field = person.page.getByPlaceholder("Jane Doe");
      await field.waitFor();
      assert.equal(await field.inputValue(), "Ada Lovelace");
      await person.shot(`${service.command}-form`);
      await person.page.getByRole("button", { name: "Submit" }).click();
      await person.sees("You said:");
      assert.match(model.requests[1].messages.at(-1).content, /Ada Lovelace/);
    });

    test("threads are listed after a reload, and open with their messages", async () => {
      await person.send("First thoughts");
      await person.sees("You said: First thoughts");
      await person.button("New conversation").click();
      await person.sees("What would you like to see?");
      await person.send("Second thoughts");
      await person.sees("You said: Second thoughts");
      await person.reload();
      await person.sees("You said: Second thoughts");
      await person.thread("First thoughts").click();
      await person.sees("You said: First thoughts");
      await person.page.goBack();
      await person.sees("You said: Second thoughts");
    });

    test("a thread shows its new name", async () => {
      await person.send("Old name");
      await person.answered();
      const renamed = await person.context.request.put(`${service.url}api/threads/${person.threadId}`, { data: { title: "New name" } });
      assert.equal(renamed.status(), 200);
      await person.reload();
      await person.thread("New name").waitFor();
    });

    test("a deleted thread is gone, also after a reload", async () => {
      await person.send("Throw me away");
      await person.answered();
      const address = person.page.url();
      await person.choose("Throw me away", "Delete");
      await person.thread("Throw me away").waitFor({ state: "detached" });
      await person.sees("What would you like to see?");
      await person.page.goto(address);
      await person.sees("This conversation is gone");
      assert.equal(await person.thread("Throw me away").count(), 0);
    });

    test("stop ends the answer, keeps what was said, and the next prompt is answered", async () => {
      model.next(cut(card(text("Half an answer"), text("never said")), "Half an answer")[0], gate());
      await person.send("Go on for ever");
      await person.sees("Half an answer");
      await person.page.getByRole("button", { name: "Stop" }).click();
      await person.answered();
      assert.ok(await person.composer.evaluate((field) => field === document.activeElement)); // the button is gone
      await person.shot(`${service.command}-stopped`);
      await person.reload();
      await person.sees("Half an answer");
      await person.send("And now?");
      await person.sees("You said: And now?");
    });

    test("an answer that is being written goes on after a reload, and can be stopped there", async () => {
      const ended = gate();
      const [begin, rest] = cut(card(text("It begins"), text("It ends")), "It begins");
      model.next(begin, ended, rest);
      await person.send("Take your time");
      await person.sees("It begins");
      await person.reload();
      await person.sees("Take your time");
      await person.page.getByRole("button", { name: "Stop" }).waitFor();
      ended.open();
      await person.sees("It ends");
      await person.answered();
      model.next(begin, gate());
      await person.send("Once more");
      await person.page.getByText("It begins").nth(1).waitFor();
      await person.reload();
      await person.page.getByRole("button", { name: "Stop" }).click();
      await person.answered();
      assert.equal(model.requests.length, 2);
    });

    test("a page that follows an answer asks for the rest after each stretch, and the answer is whole", async () => {
      const [middle, ended] = [gate(), gate()];
      const [begin, rest] = cut(card(text("It begins"), text("goes on — «ü» 😀"), text("It ends")), "It begins");
      const [more, last] = cut(rest, "goes on — «ü» 😀");
      model.next(begin, middle, more, ended, last);
      await person.send("In stretches");
      await person.sees("It begins");
      const asked = [];
      await person.context.route(/\/turns\//, async (route) => {
        asked.push(Number(new URL(route.request().url()).searchParams.get("after")));
        if (asked.length > 2) return route.continue();
        // As after a minute: the stream ends in the midst of the answer, without an error.
        const bytes = Buffer.from(asked.length === 1 ? begin : more);
        if (asked.length === 2) ended.open();
        await route.fulfill({ status: 200, contentType: "text/event-stream", body: bytes });
      });
      middle.open();
      await person.reload();
      await person.sees("goes on — «ü» 😀");
      await person.sees("It ends");
      await person.answered();
      const sizes = [begin, begin + more].map((said) => Buffer.byteLength(said));
      assert.deepEqual(asked.slice(0, 3), [0, ...sizes]);
      const shown = person.page.getByRole("region", { name: "Messages" }).getByText("It begins");
      assert.equal(await shown.count(), 1);
      await person.context.unroute(/\/turns\//);
      await person.shot(`${service.command}-stretches`);
      await person.reload();
      await person.sees("goes on — «ü» 😀");
      assert.equal(model.requests.length, 1);
    });

    test("an answer whose reader has left is finished and kept", async () => {
      const ended = gate();
      const [begin, rest] = cut(card(text("Written"), text("to the end")), "Written");
      model.next(begin, ended, rest);
      await person.send("I will be back");
      await person.sees("Written");
      const address = person.page.url();
      await person.page.close();
      ended.open();
      await person.tab(address);
      await person.sees("to the end");
      assert.equal(model.requests.length, 1);
    });

    test("switching threads is no stop", async () => {
      const ended = gate();
      const [begin, rest] = cut(card(text("Slow words"), text("all there")), "Slow words");
      model.next(begin, ended, rest);
      await person.send("Slowly");
      await person.sees("Slow words");
      await person.button("New conversation").click();
      await person.sees("What would you like to see?");
      await person.send("Quickly");
      await person.sees("You said: Quickly");
      await person.thread("Slowly").click();
      await person.sees("Slow words");
      ended.open();
      await person.sees("all there");
      await person.answered();
      assert.equal(model.requests.length, 2);
    });

    test("a model that refuses, or breaks off midway, is shown as a card, also after a reload", async () => {
      model.refuseNext(403, "bad key");
      await person.send("Are you there?");
      await person.sees("The model rejected this service's key");
      model.next(cut(card(text("I was about to"), text("say this")), "I was about")[0], BREAK);
      await person.send("And now?");
      await person.sees("The answer was cut off");
      await person.answered();
      await person.shot(`${service.command}-failures`);
      await person.reload();
      await person.sees("The model rejected this service's key");
      await person.sees("The answer was cut off");
      await person.send("Better?");
      await person.sees("You said: Better?");
      const shown = model.requests.at(-1).messages.map((message) => message.role);
      assert.deepEqual(shown, ["user"]); // failed turns are not shown to the model
    });

    test("a prompt is refused while another machine's answer is written, and one press sends it again", async () => {
      const ended = gate();
      await person.send("Hello");
      await person.answered();
      const [begin, rest] = cut(card(text("The first"), text("machine's answer")), "The first");
      model.next(begin, ended, rest);
      const data = { threadId: person.threadId, responseId: "elsewhere", prompt: { role: "user", content: "From elsewhere" } };
      const elsewhere = person.context.request.post(`${service.url}api/chat`, { data });
      while (model.requests.length < 2) await new Promise((next) => setImmediate(next));
      await person.send("From this page");
      await person.sees("Another answer is being written");
      await person.shot(`${service.command}-busy`);
      ended.open();
      await (await elsewhere).text();
      await person.button("Send again").click();
      await person.sees("You said: From this page");
      await person.sees("machine's answer");
      assert.equal(model.requests.length, 3);
    });
  });
}

describe("when the server goes away", { timeout: SUITE }, () => {
  let person;
  beforeEach(async () => {
    model.forget();
    person = await browser.person(server.url);
    await person.tab();
  });
  afterEach(() => person.leaves());

  test("an answer that it takes with it is asked for again, and replaces the half one", async () => {
    model.next(cut(card(text("Before the end"), text("of the world")), "Before the end")[0], gate());
    await person.send("Tell me");
    await person.sees("Before the end");
    await server.stop("SIGKILL");
    await server.start();
    await person.sees("You said: Tell me");
    await person.sees_no("Before the end");
    await person.answered();
    await person.reload();
    await person.sees("You said: Tell me");
  });

  test("a prompt that it did not hear is answered once it is back", async () => {
    await server.stop();
    await person.send("Anybody there?");
    await person.sees("The connection to the server is lost. Trying again");
    await server.start();
    await person.sees("You said: Anybody there?");
    await person.sees_no("Trying again");
    assert.equal(model.requests.length, 1);
  });

  test("a thread that it lost is told, and its next prompt is not answered as the first of a new one", async () => {
    await person.send("Remember this");
    await person.answered();
    await server.stop();
    await server.start();
    await person.send("What did I say?");
    await person.sees("This conversation is gone");
    assert.equal(model.requests.length, 1);
    await person.button("New conversation").last().click();
    assert.equal(await person.composer.inputValue(), "What did I say?");
  });
});

describe("how it looks and handles", { timeout: SUITE }, () => {
  const CHART = {
    component: "BarChartV2",
    props: {
      chartData: {
        header: { component: "InlineHeader", props: { heading: "Revenue by quarter" } },
        data: { labels: ["Q1", "Q2", "Q3", "Q4"], series: [{ category: "Revenue", values: [120, 132, 141, 153] }] },
      },
    },
  };
  const ANSWER = card({ component: "Header", props: { title: "Quarterly revenue", subtitle: "2026" } }, text("Revenue rose **8.4%**."), CHART, FORM, CHIPS);
  const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
  beforeEach(() => model.forget());

  for (const colorScheme of ["light", "dark"]) {
    for (const [width, screen] of Object.entries({ desk: {}, phone: PHONE })) {
      test(`in the ${colorScheme} theme on a ${width}`, async () => {
        const person = await browser.person(server.url, { colorScheme, ...screen });
        await person.tab();
        await person.shot(`${width}-${colorScheme}-welcome`);
        model.next(ANSWER);
        await person.send("How was the year?");
        await person.sees("Show as a table");
        await person.answered();
        const bright = await person.page.evaluate(() => {
          const box = document.body;
          const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
          canvas.fillStyle = getComputedStyle(box).backgroundColor;
          canvas.fillRect(0, 0, 1, 1);
          return canvas.getImageData(0, 0, 1, 1).data[0];
        });
        assert.equal(bright > 128, colorScheme === "light");
        const [wide, seen] = await person.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= seen, `${wide} > ${seen}`);
        await person.shot(`${width}-${colorScheme}-answer`);
        await person.leaves();
        assert.deepEqual(person.complaints, []);
      });
    }
  }

  test("on a phone the list of threads opens, chooses and closes", async () => {
    const person = await browser.person(server.url, PHONE);
    await person.tab();
    await person.send("On the train");
    await person.sees("You said: On the train");
    await person.button("New conversation").tap();
    await person.sees("What would you like to see?");
    await person.button("Show conversations").tap();
    const name = person.thread("On the train");
    await name.click({ trial: true }); // waits until the list has slid in
    await person.shot("phone-list");
    await name.tap();
    await person.sees("You said: On the train");
    await person.leaves();
  });

  test("by keyboard alone", async () => {
    const person = await browser.person(server.url);
    await person.tab();
    const { keyboard } = person.page;
    const focus = async (matches, key = "Tab") => {
      for (let presses = 0; presses < 40; presses += 1) {
        await keyboard.press(key);
        if (await person.page.evaluate(matches)) return;
      }
      assert.fail(`${key} never leads to ${matches}`);
    };
    assert.ok(await person.page.evaluate(() => document.activeElement.matches("textarea")));
    model.next(card(text("Here."), FORM, CHIPS));
    await keyboard.type("No mouse today");
    await keyboard.press("Enter");
    await person.sees("Show as a table");
    await person.answered();
    await person.reload(); // the client draws a streamed answer once more at its end, and the focus would be lost
    await person.sees("Show as a table");
    await focus(() => document.activeElement.matches(".answer input"));
    const saved = person.page.waitForResponse((response) => response.request().method() === "PUT");
    await keyboard.type("Ada");
    await keyboard.press("Tab");
    await saved;
    await focus(() => document.activeElement.textContent.includes("Show as a table"));
    await person.shot("keyboard-focus");
    await keyboard.press("Enter");
    await person.sees("You said: Show as a table");
    await person.answered();
    await focus(() => document.activeElement.matches("nav a"));
    await focus(() => document.activeElement.getAttribute("aria-label") === "Options of No mouse today");
    await keyboard.press("Enter");
    await person.page.getByRole("menuitem", { name: "Delete" }).waitFor();
    await focus(() => document.activeElement.textContent.includes("Delete"), "ArrowDown"); // the menu may take it before the first press, or at it
    await keyboard.press("Enter");
    await person.sees("What would you like to see?");
    await person.leaves();
  });
});
