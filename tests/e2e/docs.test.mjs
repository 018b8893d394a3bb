// The examples of docs/clients.md run as they stand, against a server of this machine.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";
import { ROOT, Service } from "./service.mjs";

const server = await new Service("serve", { C1FN_MODEL: "offline", C1FN_STORE: "memory" }).start();
after(() => server.stop());

const page = readFileSync(join(ROOT, "docs/clients.md"), "utf8").replaceAll("http://127.0.0.1:8000/", server.url);
const examples = [...page.matchAll(/^```(js|sh)\n(.*?)^```$/gms)].filter(([, , code]) => code.includes(server.url));

describe("an example of docs/clients.md", { timeout: 120_000 }, () => {
  test("there is one for fetch, for plain AG-UI, for CopilotKit and for curl", () => assert.equal(examples.length, 4));

  for (const [at, [, language, code]] of examples.entries()) {
    test(`number ${at + 1}, ${language}, prints the answer`, async () => {
      const file = join(ROOT, "tests/e2e", `.example-${at}.${language === "js" ? "mjs" : "sh"}`); // beside node_modules
      writeFileSync(file, code);
      try {
        const { stdout } = await promisify(execFile)(language === "js" ? "node" : "sh", [file]);
        assert.match(stdout, /revenue/i);
      } finally {
        rmSync(file);
      }
    });
  }
});
