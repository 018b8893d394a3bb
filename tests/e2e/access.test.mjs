// For everybody: no violation that axe-core finds, in both themes, and a tree that a screen reader can read.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { violations } from "./axe.mjs";
import { Browser, Service, SHOTS } from "./stage.mjs";

const browser = await new Browser().start();
const server = await new Service("serve", { C1FN_MODEL: "offline", C1FN_STORE: "memory" }).start();
after(async () => {
  await browser.stop();
  await server.stop();
});

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

describe("axe finds nothing", { timeout: 600_000 }, () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const [width, screen] of Object.entries({ desk: {}, phone: PHONE })) {
      test(`in the ${colorScheme} theme on a ${width}`, async () => {
        const person = await browser.person(server.url, { colorScheme, reducedMotion: "reduce", bypassCSP: true, ...screen });
        await person.tab();
        const found = [...(await violations(person.page))];
        const look = async (name) => found.push(...(await violations(person.page)).map((line) => `${name}: ${line}`));
        for (const prompt of ["Show a chart", "Show a table", "Make a contact form"]) {
          await person.send(prompt);
          await person.answered();
          await look(prompt);
        }
        await person.button("Share").click();
        await person.button("Make a link").click();
        await person.button("Copy link").waitFor();
        await look("share");
        await person.page.keyboard.press("Escape");
        await person.button("More").click();
        await person.page.getByRole("menuitem", { name: "Delete" }).waitFor();
        await look("menu");
        await person.page.keyboard.press("Escape");
        if (width === "phone") {
          await person.button("Show conversations").tap();
          await person.thread("Show a chart").first().waitFor();
          await look("list");
        }
        await person.leaves();
        assert.deepEqual(found, []);
      });
    }
  }
});

test("the tree that a screen reader gets names every landmark, heading, field and button", async () => {
  const person = await browser.person(server.url);
  await person.tab();
  await person.send("Make a contact form");
  await person.answered();
  const tree = await person.page.locator("body").ariaSnapshot();
  await writeFile(join(SHOTS, "tree.yaml"), tree);
  for (const line of ["- complementary", "- navigation \"Conversations\"", "- main", "- heading \"Make a contact form\" [level=1]", "- region \"Messages\"", "- textbox \"Message\""]) {
    assert.ok(tree.includes(line), `${line} is missing in\n${tree}`);
  }
  assert.doesNotMatch(tree, /- (button|link|textbox|radio|img)( \[[^\]]*\])*(:|$)/m);
  await person.leaves();
});
