// Signing in, in Chromium: with npm's oidc-provider on loopback, on `c1fn serve` as a developer tries it, and on a site
// with an authorizer in front of the function, as it is deployed. Screenshots are kept in .cache/e2e to be looked at.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { API, CLIENT, Issuer } from "./issuer.mjs";
import { card, cut, gate, Model, text } from "./model.mjs";
import { Site } from "./site.mjs";
import { Browser, filesOf, Service } from "./stage.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SUITE = 600_000;

const [issuer, model, browser] = await Promise.all([new Issuer().start(), new Model().start(), new Browser().start()]);
const oidc = { authority: issuer.url, clientId: CLIENT, scope: "openid profile chat" };
const config = JSON.stringify({ oidc });
const folder = mkdtempSync(join(tmpdir(), "c1fn-signin-"));
writeFileSync(join(folder, "config.json"), config);

const jwt = { ...model.environment, C1FN_AUTH: "jwt", C1FN_JWT_ISSUER: issuer.url, C1FN_JWT_AUDIENCE: API };
const [server, emulator] = await Promise.all([
  new Service("serve", jwt, ["--page-config", join(folder, "config.json")]).start(),
  new Service("lambda", jwt).start(),
]);
const stage = /REST API +(http:\S+\/prod)\//.exec(emulator.said)[1];
const site = await new Site(filesOf(server.url), `${stage}/`, issuer).start();
issuer.admit([server.url, site.url]);
after(async () => {
  await browser.stop();
  await Promise.all([server.stop(), emulator.stop(), site.stop(), model.stop(), issuer.down()]);
});

let people = [];

/** Somebody at the page, in a browser that remembers nothing. */
async function somebody(url, options = {}) {
  const person = await browser.person(url, { issuer: issuer.url, reducedMotion: "reduce", ...options });
  people.push(person);
  person.page = await person.context.newPage();
  if (options.clock) await person.page.clock.install({ time: options.clock });
  await person.page.goto(options.at ?? url);
  return person;
}

/** Another tab of the same browser. */
async function tab(person, url = person.url) {
  person.page = await person.context.newPage();
  await person.page.goto(url);
  return person.page;
}

async function signIn(person, name) {
  await person.button("Sign in").click();
  await login(person, name);
}

/** What the issuer's own page asks; then the page is there again. */
async function login(person, name, back = person.composer) {
  await person.page.getByPlaceholder("Enter any login").fill(name);
  await person.page.getByPlaceholder("and password").fill("any");
  await person.button("Sign-in").click();
  await back.first().waitFor();
}

/** Somebody who has made a link to a conversation. */
async function shared(url, name) {
  const person = await signedIn(url, name);
  await person.send("Read this");
  await person.answered();
  await person.button("Share").click();
  await person.button("Make a link").click();
  await person.button("Copy link").waitFor();
  return { person, link: await person.page.locator(".links input").inputValue() };
}

async function signedIn(url, name, options) {
  const person = await somebody(url, options);
  await signIn(person, name);
  return person;
}

const session = (person) => person.page.evaluate(() => JSON.parse(sessionStorage.getItem("c1fn:session")));

beforeEach(() => model.forget());
afterEach(async () => {
  const complaints = people.flatMap((person) => person.complaints);
  await Promise.all(people.splice(0).map((person) => person.leaves()));
  assert.deepEqual(complaints, []);
});

describe("on c1fn serve", { timeout: SUITE }, () => {
  test("who is not signed in sees a button, and the page asks the API nothing", async () => {
    const person = await somebody(server.url);
    const asked = [];
    person.context.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await person.page.reload();
    await person.button("Sign in").waitFor();
    assert.deepEqual(asked.filter((path) => path.startsWith("/api")), []);
  });

  test("signing in leads back to the page, which has answers, and no code in its address; a reload needs no issuer", async () => {
    const person = await signedIn(server.url, "ann");
    assert.equal(person.page.url(), server.url);
    await person.sees("ann Example");
    await person.send("Hello");
    await person.sees("You said: Hello");
    await person.shot("signin-in");
    issuer.asked = [];
    await person.reload();
    await person.thread("Hello").click();
    await person.sees("You said: Hello");
    assert.deepEqual(issuer.asked, []);
  });

  test("no token is in an address or in localStorage, and the issuer gets none in its addresses", async () => {
    const person = await somebody(server.url);
    const addresses = [];
    person.context.on("request", (request) => addresses.push(request.url(), request.headers().referer ?? ""));
    await signIn(person, "ann");
    await person.send("Hello");
    await person.answered();
    const { token, refresh } = await session(person);
    const stored = await person.page.evaluate(() => JSON.stringify(localStorage));
    await person.button("Sign out").click();
    await person.page.waitForURL((url) => url.href.startsWith(issuer.url));
    for (const secret of [token, refresh]) {
      assert.ok(secret.length > 20);
      assert.ok(![...addresses, stored].some((one) => one.includes(secret)));
    }
  });

  test("two people in two browsers see nothing of each other", async () => {
    const ann = await signedIn(server.url, "ann2");
    await ann.send("A secret of Ann");
    await ann.answered();
    const bob = await signedIn(server.url, "bob2");
    await bob.sees("Your conversations will be listed here.");
    await bob.page.goto(`${server.url}?thread=${ann.threadId}`);
    await bob.sees("This conversation is gone");
    assert.equal(await bob.page.getByText("A secret of Ann").count(), 0);
  });

  test("a new tab is signed in too; signing out in one ends it in all, and the refresh token is worth nothing", async () => {
    const person = await signedIn(server.url, "cleo");
    const first = person.page;
    await person.composer.fill("Words that were not sent");
    const second = await tab(person);
    await person.composer.waitFor();
    const { refresh } = await session(person);
    await person.button("Sign out").click();
    await person.page.getByRole("button", { name: "Yes, sign me out" }).click();
    await person.page.waitForURL(server.url);
    await first.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    for (const page of [first, second]) {
      const kept = await page.evaluate(() => [sessionStorage.getItem("c1fn:session"), JSON.stringify(localStorage)]);
      assert.ok(kept[0] === null && !kept[1].includes("Words that were not sent"), `${kept}`);
    }
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: CLIENT, refresh_token: refresh });
    assert.equal((await fetch(`${issuer.url}/token`, { method: "POST", body: form })).status, 400);
  });

  test("a shared link opens without signing in, where the server asks nobody for it", async () => {
    const { link } = await shared(server.url, "una");
    const reader = await somebody(server.url, { at: link });
    await reader.sees("You said: Read this");
  });

  for (const [name, hours] of Object.entries({ "three hours fast": 3, "three hours slow": -3 })) {
    test(`a clock that is ${name} changes nothing`, async () => {
      const person = await signedIn(server.url, "dan", { clock: Date.now() + hours * 3_600_000 });
      await person.send(`At ${hours}`);
      await person.sees(`You said: At ${hours}`);
    });
  }

  test("a token is renewed before it expires, and once for all requests at that time", async () => {
    const person = await signedIn(server.url, "eve", { clock: Date.now() });
    const { token } = await session(person);
    issuer.asked = [];
    await person.page.clock.fastForward("09:50"); // of ten minutes
    await person.send("Late");
    await person.sees("You said: Late");
    await person.answered();
    assert.notEqual((await session(person)).token, token);
    assert.equal(issuer.renewals(), 1);
  });

  test("without config.json nothing of signing in is loaded", async () => {
    const plain = await new Service("serve", { C1FN_MODEL: "offline", C1FN_STORE: "memory" }).start();
    const person = await browser.person(plain.url);
    const asked = [];
    person.context.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await person.tab();
    assert.deepEqual(asked.filter((path) => path.includes("late")), []);
    assert.ok(asked.includes("/config.json"));
    await person.leaves();
    await plain.stop();
  });
});

describe("on a site with an authorizer in front of the function", { timeout: SUITE }, () => {
  beforeEach(() => Object.assign(site, { config, invoked: 0, refused: 0 }));
  afterEach(() => (issuer.faults = {}));

  const TWO = cut(card(text("Revenue rose sharply."), text("Costs fell.")), "Revenue rose");

  /** Somebody who has half of an answer, and its gate. */
  async function midway(name) {
    const person = await signedIn(site.url, name);
    const ended = gate();
    model.next(TWO[0], ended, TWO[1]);
    await person.send("How was the year?");
    await person.sees("Revenue rose");
    return { person, ended };
  }

  test("a shared link that the server shows to nobody else leads to signing in, and back to it", async () => {
    const { link } = await shared(site.url, "val");
    const reader = await somebody(site.url, { at: link });
    await reader.button("Sign in").click();
    await login(reader, "wim", reader.page.getByText("You said: Read this"));
    assert.equal(reader.page.url(), link);
  });

  test("a stranger's request does not reach the function", async () => {
    const before = site.invoked;
    await Promise.all(Array.from({ length: 20 }, () => fetch(`${site.url}api/threads`)));
    assert.deepEqual([site.invoked - before, site.refused], [0, 20]);
  });

  test("a token that expires in the midst of an answer is renewed, and the answer goes on", async () => {
    const { person, ended } = await midway("fay");
    issuer.asked = [];
    site.expire();
    site.cut();
    await person.page.waitForResponse((response) => response.status() === 401);
    ended.open();
    await person.sees("Costs fell.");
    await person.answered();
    assert.deepEqual([model.requests.length, issuer.renewals()], [1, 1]);
  });

  test("a session that ends in the midst of an answer loses nothing: who signs in again comes back to all of it", async () => {
    const { person, ended } = await midway("gil");
    await issuer.forgetAll();
    site.expire();
    site.cut();
    await person.button("Sign in again").waitFor();
    await person.sees("Revenue rose");
    await person.shot("signin-ended");
    const thread = person.threadId;
    await person.button("Sign in again").click(); // the issuer still knows who it is
    await person.page.waitForURL(`${site.url}?thread=${thread}`);
    await person.sees("Revenue rose");
    ended.open();
    await person.sees("Costs fell.");
    await person.answered();
    assert.equal(model.requests.length, 1);
  });

  test("a prompt that is refused because the session has ended is a draft after signing in again", async () => {
    const person = await signedIn(site.url, "hal");
    await person.send("First");
    await person.sees("You said: First");
    await person.answered();
    await issuer.forgetAll();
    site.expire();
    await person.send("Do not lose this");
    await person.sees("Nothing was lost");
    await person.button("Sign in again").click();
    await person.sees("You said: First");
    assert.equal(await person.composer.inputValue(), "Do not lose this");
    await person.composer.press("Enter");
    await person.sees("You said: Do not lose this");
  });

  test("tabs that need a new token at once ask for one together", async () => {
    const person = await signedIn(site.url, "ida");
    const pages = [person.page, await tab(person), await tab(person)];
    await person.composer.waitFor();
    issuer.asked = [];
    site.expire();
    await Promise.all(pages.map((page) => page.evaluate(() => window.dispatchEvent(new Event("online")))));
    for (const page of pages) {
      person.page = page;
      await person.send("Together");
      await person.sees("You said: Together");
    }
    assert.equal(issuer.renewals(), 1);
  });

  test("a tab whose session has ended goes on when its person signs in in another tab", async () => {
    const { person, ended } = await midway("jon");
    const first = person.page;
    await issuer.forgetAll();
    site.expire();
    site.cut();
    await person.button("Sign in again").waitFor();
    await tab(person);
    await person.button("Sign in").click();
    await person.composer.waitFor();
    person.page = first;
    await person.sees_no("Your sign-in has ended");
    ended.open();
    await person.sees("Costs fell.");
    assert.equal(model.requests.length, 1);
  });

  test("when somebody else signs in in this browser, no tab shows what the one before had", async () => {
    const person = await signedIn(site.url, "kim");
    await person.send("A secret of Kim");
    await person.answered();
    await person.composer.fill("A draft of Kim");
    const first = person.page;
    await person.context.clearCookies(); // the issuer has forgotten Kim
    await tab(person);
    await person.composer.waitFor();
    await person.page.evaluate(() => sessionStorage.clear());
    await first.evaluate(() => sessionStorage.clear());
    await first.goto("about:blank");
    await person.page.reload();
    await signIn(person, "lea");
    await first.goto(site.url);
    person.page = first;
    await person.sees("lea Example");
    await person.sees("Your conversations will be listed here.");
    assert.equal(await person.composer.inputValue(), "");
  });

  test("an issuer that is down is told, at the start and when a token is to be renewed, and then it works", async () => {
    const person = await somebody(site.url);
    await issuer.down();
    await person.button("Sign in").click();
    await person.sees("The sign-in service does not answer");
    await person.shot("signin-error");
    await issuer.up();
    await signIn(person, "max");
    await issuer.down();
    site.expire();
    await person.send("Hold this");
    await person.sees("The sign-in service does not answer");
    await issuer.up();
    await person.button("Send again").click();
    await person.sees("You said: Hold this");
  });

  test("a server that refuses a good token is told as that, and nobody is sent to sign in again and again", async () => {
    const person = await signedIn(site.url, "ned");
    await person.context.route("**/api/**", (route) => route.fulfill({ status: 401, json: { message: "Unauthorized" } }));
    await person.send("Hello");
    await person.sees("The server does not take this sign-in");
    assert.equal(await person.button("Sign in again").count(), 0);
  });

  test("an old answer of the issuer, by the button back or a bookmark, changes nothing for who is signed in", async () => {
    const person = await signedIn(site.url, "mia");
    const { token } = await session(person);
    await person.page.goto(`${site.url}?code=old&state=old`);
    await person.composer.waitFor();
    await person.sees("mia Example");
    assert.deepEqual([person.page.url(), (await session(person)).token], [site.url, token]);
  });

  describe("what comes back from the issuer is not believed", () => {
    const refused = async (person, words) => {
      await person.page.getByRole("alert").getByText(words).first().waitFor();
      assert.equal(new URL(person.page.url()).search, ""); // no code stays
      assert.equal(await session(person), null);
    };

    test("if this tab did not begin it", async () => {
      await refused(await somebody(site.url, { at: `${site.url}?code=stolen&state=other` }), "This sign-in was not begun here");
    });

    test("if its state is another", async () => {
      const person = await somebody(site.url);
      await person.button("Sign in").click();
      await person.page.getByPlaceholder("Enter any login").waitFor();
      await person.page.goto(`${site.url}?code=stolen&state=other&iss=${encodeURIComponent(issuer.url)}`);
      await refused(person, "state");
      await signIn(person, "oda");
    });

    test("if its nonce is another", async () => {
      const person = await somebody(site.url);
      await person.context.route(`${issuer.url}/auth?*`, (route) => route.continue({ url: route.request().url().replace(/nonce=[^&]+/, "nonce=other") }));
      await person.button("Sign in").click();
      await person.page.getByPlaceholder("Enter any login").fill("pia");
      await person.page.getByPlaceholder("and password").fill("any");
      await person.button("Sign-in").click();
      await refused(person, "nonce");
    });

    test("if its issuer is another", async () => {
      const person = await somebody(site.url);
      await person.button("Sign in").click();
      await person.page.getByPlaceholder("Enter any login").waitFor();
      await person.page.goto(`${site.url}?code=stolen&state=other&iss=https://other.example`);
      await refused(person, "issuer");
    });

    test("if it says that access is denied, in the issuer's words", async () => {
      const person = await somebody(site.url);
      await person.button("Sign in").click();
      await person.page.getByText("[ Cancel ]").click();
      await refused(person, "You are not signed in");
    });
  });

  describe("config.json", () => {
    const CASES = {
      "that is not JSON": ["{oidc", "This site's config.json is not JSON"],
      "without the client's id": [JSON.stringify({ oidc: { ...oidc, clientId: undefined } }), "oidc.clientId is missing"],
      "with a field that is not known": [JSON.stringify({ oidc: { ...oidc, client_id: "x" } }), "oidc.client_id is not known"],
      "with a plain http address": [JSON.stringify({ oidc: { ...oidc, authority: "http://login.example.com" } }), "oidc.authority is no https address"],
    };
    for (const [name, [written, words]] of Object.entries(CASES)) {
      test(`${name} is told`, async () => {
        site.config = written;
        const person = await somebody(site.url);
        await person.sees(words);
      });
    }

    test("that names a server which is no issuer is told", async () => {
      site.config = config;
      issuer.faults["/.well-known/openid-configuration"] = { status: 404, body: {} };
      const person = await somebody(site.url);
      await person.button("Sign in").click();
      await person.sees("is no OpenID Connect issuer");
    });

    test("that is not there is a page without sign-in", async () => {
      site.config = undefined;
      const person = await somebody(site.url);
      await person.composer.waitFor();
    });
  });

  describe("everybody can use it", () => {
    const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    for (const colorScheme of ["light", "dark"]) {
      for (const [width, screen] of Object.entries({ 1280: {}, 390: PHONE })) {
        test(`in the ${colorScheme} theme at ${width} px`, async () => {
          const person = await somebody(site.url, { colorScheme, bypassCSP: true, ...screen });
          const found = [];
          const look = async (name) => {
            await person.page.evaluate(`typeof axe === "undefined" && (0, eval)(${JSON.stringify(AXE)})`);
            const { violations } = await person.page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
            found.push(...violations.flatMap(({ id, nodes }) => nodes.map((node) => `${name} ${id}: ${node.target} ${node.failureSummary}`)));
            await person.shot(`signin-${name}-${colorScheme}-${width}`);
          };
          await person.button("Sign in").waitFor();
          await look("out");
          await issuer.down();
          await person.button("Sign in").click();
          await person.sees("The sign-in service does not answer");
          await look("error");
          await issuer.up();
          await signIn(person, `quin-${colorScheme}-${width}`);
          if (width === "390") await person.button("Show conversations").tap();
          await person.button("Sign out").waitFor();
          await look("in");
          if (width === "390") await person.button("Hide conversations").tap();
          await person.send("Hello");
          await person.answered();
          await issuer.forgetAll();
          site.expire();
          await person.send("And again");
          await person.sees("Nothing was lost");
          await look("ended");
          assert.deepEqual(found, []);
        });
      }
    }
  });
});
