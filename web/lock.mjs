// Renews the lock file. It names packages and their checksums; from which registry they come is each machine's
// own choice, so the addresses are taken out.  node lock.mjs
//
// package.json overrides rollup's version: npm refuses a lock file in which one platform's package is missing, and
// of the newest versions some platforms' packages cannot be had everywhere yet.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

rmSync("package-lock.json", { force: true });
rmSync("node_modules", { force: true, recursive: true }); // npm would take its entries over, without other platforms'
const options = ["--package-lock-only", "--no-omit-lockfile-registry-resolved"];
if (spawnSync("npm", ["install", ...options], { stdio: "inherit" }).status !== 0) process.exit(1);
const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const entry of Object.values(lock.packages)) delete entry.resolved;
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
