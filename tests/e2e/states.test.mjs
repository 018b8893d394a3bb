// Every state of the page, in both themes, on four widths: axe-core finds nothing, nothing is wider than the screen, and a
// screenshot is kept in .cache/e2e/states to be looked at, with a sheet of all eight for each state. `make e2e-states`.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { violations } from "./axe.mjs";
import { BREAK, call, card, cut, gate, Model, text } from "./model.mjs";
import { Browser, ROOT, Service, SHOTS } from "./stage.mjs";

const FOLDER = join(SHOTS, "states");
mkdirSync(FOLDER, { recursive: true });

const SCREENS = {
  phone: { widths: [320, 390], height: 700, options: { hasTouch: true, isMobile: true } },
  desk: { widths: [768, 1280], height: 800, options: {} },
};

const model = await new Model().start();
const browser = await new Browser().start();
const tools = { C1FN_TOOLS: "refunds:TOOLS", PYTHONPATH: join(ROOT, "tests/e2e") };
const server = await new Service("serve", { ...model.environment, ...tools }).start();
const offline = await new Service("serve", { C1FN_MODEL: "offline", C1FN_STORE: "memory" }).start();
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), offline.stop(), model.stop()]);
});

let held = [];
const hold = () => {
  const one = gate();
  held.push(one);
  return one;
};

const HALF = cut(card(text("Revenue rose in each quarter of the year, and most in the last one."), text("never said")), "the last one.")[0];
const problem = (status, title, detail, code) => ({
  status,
  contentType: "application/problem+json",
  body: JSON.stringify({ type: "about:blank", title, status, detail, code }),
});

const asked = async (person, prompt = "How was the year, by quarter?") => {
  await person.send(prompt);
  await person.answered();
};
const list = async (person) => {
  if (person.kind !== "phone") return;
  await person.button("Show conversations").tap();
  await person.page.getByRole("dialog").waitFor();
};
const threads = async (person) => {
  for (const title of ["Apples and pears", "A title that is so long that no list has the room for all of its words", "ما هي الإيرادات؟"]) {
    await asked(person, title);
    await person.button("New conversation").last().click();
  }
};

/** How a person comes to each state. */
const STATES = {
  welcome: async () => undefined,
  waits: async (person) => {
    model.next(hold());
    await person.send("Think about it for a while");
    await person.page.locator(".dots").waitFor();
  },
  running: async (person) => {
    model.next(HALF, hold());
    await person.send("How was the year?");
    await person.sees("the last one.");
    await person.button("Stop").waitFor();
  },
  stopped: async (person) => {
    model.next(HALF, hold());
    await person.send("How was the year?");
    await person.sees("the last one.");
    await person.button("Stop").click();
    await person.sees("You stopped this answer.");
  },
  broken: async (person) => {
    model.next(HALF, BREAK);
    await person.send("How was the year?");
    await person.sees("The answer was cut off");
  },
  refused: async (person) => {
    await person.context.route("**/api/chat", (route) => route.fulfill(problem(429, "Your prompts for today are used up", "Come back after midnight, UTC.", "turns_used_up")));
    await person.send("One more, please");
    await person.button("Send again").waitFor();
  },
  lost: async (person) => {
    await asked(person);
    await person.context.route("**/api/**", (route) => route.abort());
    await person.send("Are you there?");
    await person.sees("Trying again");
  },
  gone: async (person) => {
    await asked(person);
    await person.context.request.delete(`${server.url}api/threads/${person.threadId}`);
    await person.send("Are you there?");
    await person.sees("This conversation is gone");
  },
  unreachable: async (person) => {
    await asked(person);
    await person.context.route("**/api/threads**", (route) => route.fulfill({ status: 500, body: "" }));
    await person.page.reload();
    await person.page.locator(".gone").getByText("The server answered 500").waitFor();
    await list(person);
  },
  approval: async (person) => {
    model.next(call("refund", { order: 7, amount: 9.5 }));
    await person.send("Pay order 7 back");
    await person.sees("May this be done?");
    await person.answered();
  },
  decided: async (person) => {
    await STATES.approval(person);
    model.next(card(text("It is paid back.")));
    await person.button("Approve").click();
    await person.sees("It is paid back.");
    await person.answered();
  },
  shared: async (person) => {
    await asked(person);
    const { token } = await (await person.context.request.post(`${server.url}api/threads/${person.threadId}/shares`)).json();
    await person.page.goto(`${server.url}#/share/${token}`);
    await person.page.reload();
    await person.sees("You said: How was the year");
  },
  "shared-ended": async (person) => {
    await person.page.goto(`${server.url}#/share/never`);
    await person.page.reload();
    await person.sees("This link shows nothing");
  },
  link: async (person) => {
    await asked(person);
    await person.button("Share").click();
    await person.button("Make a link").click();
    await person.button("Copy link").waitFor();
  },
  menu: async (person) => {
    await asked(person);
    await person.button("More").click();
    await person.page.getByRole("menuitem", { name: "Delete" }).waitFor();
  },
  list: async (person) => {
    await threads(person);
    model.next(HALF, hold());
    await person.send("One that is being written");
    await person.sees("the last one.");
    await list(person);
    await person.page.getByRole("img", { name: "An answer is being written" }).waitFor();
  },
  search: async (person) => {
    await threads(person);
    await list(person);
    await person.page.getByRole("searchbox").fill("pears");
    await person.thread("A title that is so long").first().waitFor({ state: "detached" });
  },
  "nothing-found": async (person) => {
    await threads(person);
    await list(person);
    await person.page.getByRole("searchbox").fill("no such words");
    await person.sees("No title has these words.");
  },
  renaming: async (person) => {
    await asked(person);
    await list(person);
    await person.page.getByRole("button", { name: /^Options of/ }).first().click();
    await person.page.getByRole("menuitem", { name: "Rename" }).click();
    await person.page.getByRole("textbox", { name: "Title" }).waitFor();
  },
  deleted: async (person) => {
    await asked(person);
    await person.button("More").click();
    await person.page.getByRole("menuitem", { name: "Delete" }).click();
    await person.button("Undo").waitFor();
  },
  editing: async (person) => {
    await asked(person);
    await person.page.locator(".bubble").hover();
    await person.button("Edit message").click();
    await person.page.getByRole("textbox", { name: "Edit message" }).waitFor();
  },
  commenting: async (person) => {
    await asked(person);
    await person.button("Bad answer").click();
    await person.page.getByRole("textbox", { name: "What was wrong with it?" }).waitFor();
  },
  undrawn: async (person) => {
    model.next("<custommarkdown>Words **of the model** &amp; more</custommarkdown>");
    await asked(person);
    await person.sees("This answer cannot be drawn");
  },
  picture: async (person) => {
    model.next(card(text("Look: ![a picture](http://127.0.0.2:9/a.png?with=a-long-query-that-must-break-somewhere)")));
    await asked(person);
    await person.sees("A picture of another site was not loaded");
  },
  charts: async (person) => offlineShows(person, "Revenue by month as a line chart with last year", "Show as a pie chart"),
  table: async (person) => offlineShows(person, "Revenue by region as a table with last year"),
  form: async (person) => offlineShows(person, "Make a booking form"),
  sent: async (person) => {
    await offlineShows(person, "Make a feedback form");
    await person.page.getByRole("radio", { name: "Fair" }).click();
    await person.page.getByRole("button", { name: "Submit" }).click();
    await person.sees("This is what you sent");
    await person.answered();
  },
};

/** With the model that comes with c1fn, on its own server. */
async function offlineShows(person, ...prompts) {
  await person.closes();
  person.url = offline.url;
  await person.tab();
  for (const prompt of prompts) await asked(person, prompt);
}

const themes = ["light", "dark"];
const shotOf = (state, theme, width) => join(FOLDER, `${state}-${theme}-${width}.png`);

async function look(person, state, theme, width, height, found) {
  const { page } = person;
  await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
  await page.setViewportSize({ width, height });
  await writeFile(shotOf(state, theme, width), await still(page));
  const at = `${theme} ${width}`;
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) found.push(`${at}: ${wide} px wider than the screen`);
  found.push(...(await violations(page)).map((line) => `${at}: ${line}`));
}

/** A picture that is the same as the one before it: charts and the like have come to rest. */
async function still(page) {
  let before = await page.screenshot({ animations: "disabled" });
  for (let tries = 0; tries < 20; tries += 1) {
    const now = await page.screenshot({ animations: "disabled" });
    if (now.equals(before)) break;
    before = now;
  }
  return before;
}

/** All eight of a state in one picture. */
async function sheet(state) {
  const page = await browser.running.newPage({ viewport: { width: 2900, height: 1700 } });
  const rows = themes.map(async (theme) => {
    const images = Object.values(SCREENS).flatMap(({ widths }) => widths).map(async (width) => {
      const shown = await readFile(shotOf(state, theme, width), "base64");
      return `<img src="data:image/png;base64,${shown}" style="width:${width}px;margin:8px;border:1px solid gray;vertical-align:top">`;
    });
    return `<div style="white-space:nowrap">${(await Promise.all(images)).join("")}</div>`;
  });
  await page.setContent((await Promise.all(rows)).join(""));
  await page.screenshot({ path: join(FOLDER, `${state}.png`) });
  await page.close();
}

describe("every state of the page", { timeout: 1_800_000 }, () => {
  for (const [state, come] of Object.entries(STATES)) {
    test(state, async () => {
      const found = [];
      for (const [kind, { widths, height, options }] of Object.entries(SCREENS)) {
        model.forget();
        const person = await browser.person(server.url, { bypassCSP: state !== "picture", viewport: { width: widths[0], height }, ...options });
        person.kind = kind;
        await person.tab();
        await come(person);
        for (const theme of themes) for (const width of widths) await look(person, state, theme, width, height, found);
        await person.leaves();
        held.splice(0).forEach((one) => one.open());
      }
      await sheet(state);
      assert.deepEqual(found, []);
    });
  }

  test("every field and choice of a form has its own name, and a day is chosen by keyboard alone", async () => {
    const person = await browser.person(offline.url);
    await person.tab();
    await asked(person, "Make a feedback form");
    const tree = await person.page.locator(".answer").ariaSnapshot();
    for (const line of ['radiogroup "How was it?', 'radio "Good"', 'group "What did you like?"', 'checkbox "The speed"', 'checkbox "The looks"', 'textbox "Comment"']) {
      assert.ok(tree.includes(line), `${line} is missing in\n${tree}`);
    }
    await asked(person, "Make a booking form");
    const { keyboard } = person.page;
    const to = async (words, key) => {
      for (let presses = 0; presses < 30; presses += 1) {
        await keyboard.press(key);
        const seen = await person.page.evaluate(() => document.activeElement.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id)?.innerText).join(" "));
        if (seen?.startsWith(words)) return;
      }
      assert.fail(`${key} never leads to ${words}`);
    };
    await to("People", "Shift+Tab");
    await to("Time", "Shift+Tab");
    await keyboard.press("Enter");
    await person.page.getByRole("option", { name: "2 in the afternoon" }).waitFor();
    await keyboard.type("2"); // the option that begins with it
    await keyboard.press("Enter");
    await to("Day", "Shift+Tab");
    await keyboard.press("Enter");
    await person.page.getByRole("dialog", { name: "Calendar" }).waitFor();
    await keyboard.press("ArrowLeft");
    await keyboard.press("Enter");
    await person.page.getByRole("dialog", { name: "Calendar" }).waitFor({ state: "detached" });
    await keyboard.press("Enter");
    await person.page.getByRole("dialog", { name: "Calendar" }).waitFor();
    await keyboard.press("Escape");
    await person.page.getByRole("dialog", { name: "Calendar" }).waitFor({ state: "detached" });
    await to("Your name", "Shift+Tab");
    await keyboard.type("Ada");
    for (let tabs = 0; !(await person.page.evaluate(() => document.activeElement.textContent === "Submit")); tabs += 1) {
      assert.ok(tabs < 20);
      await keyboard.press("Tab");
    }
    await keyboard.press("Enter");
    await person.sees("Thank you, Ada.");
    await person.answered();
    const answer = await person.page.locator(".answer").last().innerText();
    assert.match(answer, /Day\s+\w{3} \w{3} \d\d \d{4}/);
    assert.match(answer, /Time\s+2 in the afternoon/);
    assert.deepEqual(person.complaints, []);
    await person.leaves();
  });

  test("no-javascript", async () => {
    for (const { widths, height } of Object.values(SCREENS)) {
      const context = await browser.running.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(server.url);
      for (const theme of themes) {
        for (const width of widths) {
          await page.emulateMedia({ colorScheme: theme });
          await page.setViewportSize({ width, height });
          await page.screenshot({ path: shotOf("no-javascript", theme, width) });
          const { y, height: high } = await page.locator("noscript p").boundingBox();
          assert.ok(y + high < height, `${y} + ${high}`);
        }
      }
      await context.close();
    }
    await sheet("no-javascript");
  });
});
