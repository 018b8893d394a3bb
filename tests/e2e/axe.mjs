// What axe-core finds on the screen.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** One line for each element and rule. The page's policy must be bypassed: `bypassCSP`. */
export async function violations(page) {
  await page.evaluate(`typeof axe === "undefined" && (0, eval)(${JSON.stringify(AXE)})`);
  const found = await page.evaluate(async () => (await axe.run({ resultTypes: ["violations"] })).violations);
  return found.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`));
}
