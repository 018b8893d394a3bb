// What the tests stand on: c1fn's own processes, a browser, and a person's view of the page.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import { chromium, firefox } from "playwright-core";
import { ROOT } from "./service.mjs";

export { ROOT, Service } from "./service.mjs";
const CHROMIUM = process.env.E2E_CHROMIUM ?? "/usr/bin/chromium";
const FIREFOX = process.env.E2E_FIREFOX ?? "/usr/bin/firefox-esr";
export const SHOTS = join(ROOT, ".cache/e2e");

/** Milliseconds that a person would wait for anything here; a busy machine needs many of them. */
export const PATIENCE = 30_000;

export class Browser {
  async start() {
    mkdirSync(SHOTS, { recursive: true });
    this.running = await this.launch();
    return this;
  }

  launch() {
    if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: apt-get install chromium`);
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
    args.push("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage");
    return chromium.launch({ executablePath: CHROMIUM, args });
  }

  async stop() {
    await this.running.close();
  }

  /**
   * A new person at the page: nothing is remembered of the ones before. `files` has the page, where the server has none.
   * `field` is where a person types, on a page that is not c1fn's own; `issuer` is where the page lets people sign in.
   */
  async person(url, { files, issuer, field = 'role=textbox[name="Message"s]', ...options } = {}) {
    const context = await this.running.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(PATIENCE);
    if (issuer) await context.route(/^https:/, (route) => route.abort()); // a font of its pages, from another host
    if (files) {
      const lent = async (route) => {
        const name = new URL(route.request().url()).pathname.slice(1) || "index.html";
        await route.fulfill(await files(name)).catch(() => undefined); // its person has left
      };
      await context.route((address) => address.href.split("?")[0] === url, lent);
      await context.route(`${url}assets/**`, lent);
    }
    return new Person(context, url, field, issuer);
  }
}

/** Media features that Debian's Firefox cannot be told: it keeps its own. */
const NOT_EMULATED = { colorScheme: null, reducedMotion: null, forcedColors: null, contrast: null };

/** Debian's own Firefox, which is spoken to by WebDriver BiDi. */
export class Firefox extends Browser {
  launch() {
    if (!existsSync(FIREFOX)) throw new Error(`${FIREFOX} is missing: apt-get install firefox-esr`);
    return firefox.launch({ executablePath: FIREFOX, channel: "moz-firefox" });
  }

  person(url, options = {}) {
    return super.person(url, { ...NOT_EMULATED, ...options });
  }
}

/** The page's files as another server has them, with what they may load. */
export function filesOf(site) {
  const kept = new Map();
  return async (name) => {
    if (!kept.has(name)) {
      const response = await fetch(site + name.replace("index.html", ""));
      const body = Buffer.from(await response.arrayBuffer());
      const told = ["content-type", "content-security-policy"].map((header) => [header, response.headers.get(header)]);
      kept.set(name, { status: response.status, headers: Object.fromEntries(told.filter(([, value]) => value)), body });
    }
    return kept.get(name);
  };
}

/** Each test of a suite is in a tab of its own of one person, and the page does nothing that it must not. */
export function eachInATab(arrives) {
  let person;
  before(async () => (person = await arrives()));
  beforeEach(() => person.tab());
  afterEach(async () => {
    await person.closes();
    assert.deepEqual(person.complaints.splice(0), []);
  });
  after(() => person.leaves());
}

export class Person {
  complaints = []; // what the page did that it must not

  constructor(context, url, field, issuer) {
    Object.assign(this, { context, url, field });
    const may = (address) => [url, issuer ?? url].some((one) => address.startsWith(one)) || /^(data|blob):/.test(address);
    context.on("request", (request) => {
      if (issuer && request.frame().url().startsWith(issuer)) return; // a page of the issuer's own
      if (!may(request.url())) this.complaints.push(`asked ${request.url()}`);
    });
    context.on("console", (line) => {
      if (line.text().includes("Content Security Policy")) this.complaints.push(line.text());
    });
    context.on("weberror", (error) => this.complaints.push(`threw ${error.error()}`));
  }

  /** Opens a tab; the newest one is looked at. */
  async tab(url = this.url) {
    this.page = await this.context.newPage();
    await this.page.goto(url);
    await this.composer.waitFor();
    return this.page;
  }

  get composer() {
    return this.page.locator(this.field).last(); // a form may have one like it
  }

  async send(prompt) {
    await this.answered();
    await this.composer.fill(prompt);
    await this.composer.press("Enter");
  }

  async sees(words, where = this.page) {
    await where.getByText(words).first().waitFor();
  }

  async sees_no(words) {
    await this.page.getByText(words).first().waitFor({ state: "hidden" });
  }

  /** Until the answer has ended: the button sends again instead of stopping. */
  async answered() {
    await this.button("Send").waitFor();
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** A thread in the list. */
  thread(title) {
    return this.page.getByRole("navigation").getByRole("link", { name: title });
  }

  /** The menu of a thread in the list. */
  async choose(title, item) {
    await this.thread(title).hover();
    await this.button(`Options of ${title}`).click();
    await this.page.getByRole("menuitem", { name: item }).click();
  }

  get threadId() {
    return new URL(this.page.url()).searchParams.get("thread");
  }

  async reload() {
    await this.page.reload();
    await this.composer.waitFor();
  }

  async shot(name) {
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`) });
  }

  async closes() {
    await Promise.all(this.context.pages().map((page) => page.close()));
  }

  async leaves() {
    await this.context.close();
  }
}
