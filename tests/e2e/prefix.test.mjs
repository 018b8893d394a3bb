// The plain page below a stage, which the function serves: its links must lead below the stage as well.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Browser, PATIENCE, Service } from "./stage.mjs";

const browser = await new Browser().start();
const emulator = await new Service("lambda", { C1FN_MODEL: "offline", C1FN_STORE: "memory" }).start();
after(async () => {
  await browser.stop();
  await emulator.stop();
});

const stage = /REST API +(http:\S+\/prod)\//.exec(emulator.said)[1];

for (const url of [stage, `${stage}/`]) {
  test(`at ${new URL(url).pathname}`, { timeout: 3 * PATIENCE }, async () => {
    const context = await browser.running.newContext();
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (line) => line.text().includes("Content Security Policy") && complaints.push(line.text()));
    await page.goto(url);
    const asked = page.waitForResponse((response) => response.request().method() === "POST");
    await page.fill("input[name=prompt]", "Hello");
    await page.press("input[name=prompt]", "Enter");
    assert.equal((await asked).url(), `${stage}/api/chat`);
    assert.equal((await asked).status(), 200);
    await page.getByText("</content>").waitFor({ timeout: PATIENCE });
    assert.deepEqual(complaints, []);
    await context.close();
  });
}
