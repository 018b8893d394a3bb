// c1fn's own processes.
import { spawn } from "node:child_process";
import { join } from "node:path";

export const ROOT = new URL("../../", import.meta.url).pathname;
const PYTHON = process.env.E2E_PYTHON ?? join(ROOT, ".venv/bin/python");

const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/** A `c1fn` command that serves; `url` is where. */
export class Service {
  constructor(command, environment, options = []) {
    this.options = options;
    this.command = command;
    this.environment = environment;
    this.port = 0;
  }

  async start() {
    const argv = ["-m", "c1fn", this.command, "--port", `${this.port}`, ...this.options];
    const env = { ...process.env, ...this.environment };
    const child = spawn(PYTHON, argv, { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"] });
    this.child = child;
    children.add(child);
    this.exited = new Promise((resolve) => child.on("exit", resolve)).then(() => children.delete(child));
    const lines = child.stdout.setEncoding("utf8");
    const address = await new Promise((resolve, reject) => {
      let said = "";
      lines.on("data", (piece) => {
        said += piece;
        const found = /http:\/\/127\.0\.0\.1:(\d+)\//.exec(said);
        if (found) resolve(found);
      });
      child.on("exit", (code) => reject(new Error(`c1fn ${this.command} ended with ${code}: ${said}`)));
    });
    [this.url, this.port, this.said] = [address[0], Number(address[1]), address.input];
    return this;
  }

  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    await this.exited;
  }
}
