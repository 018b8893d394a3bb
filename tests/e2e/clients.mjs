// Builds one small page per version of the official client, in .cache/clients, once each.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./stage.mjs";

const run = promisify(execFile);

/** The client's version and the versions of its peers that it was published for. */
export const VERSIONS = {
  "0.6.40": { "@crayonai/react-ui": "^0.8.41", "@crayonai/react-core": "^0.7.6", "lucide-react": "^0.469.0" },
  "0.7.15": { "@crayonai/react-ui": "^0.9.9", "@crayonai/react-core": "^0.7.6", "lucide-react": "^0.469.0" },
  "0.8.6": { "@crayonai/react-ui": "0.9.16", "@crayonai/react-core": "0.7.7", "lucide-react": "^0.562.0" },
  "0.10.0": { "@crayonai/react-ui": "0.9.16", "@crayonai/react-core": "0.7.7", "lucide-react": "^0.562.0" },
};

const HTML = '<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/client.tsx"></script>';
const VITE = 'export default { base: "./", esbuild: { jsx: "automatic" }, build: { chunkSizeWarningLimit: 8192, reportCompressedSize: false } };';

/** The folder of the version's built page. */
export async function built(version) {
  const folder = join(ROOT, ".cache/clients", version);
  const dist = join(folder, "dist");
  if (existsSync(join(dist, "index.html"))) return dist;
  mkdirSync(folder, { recursive: true });
  const dependencies = {
    "@thesysai/genui-sdk": version,
    ...VERSIONS[version],
    "@crayonai/stream": "0.6.4",
    react: "19.3.1",
    "react-dom": "19.3.1",
    rollup: "4.67.4",
    vite: "6.4.6",
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  writeFileSync(join(folder, "index.html"), HTML);
  writeFileSync(join(folder, "vite.config.js"), VITE);
  cpSync(join(ROOT, "tests/e2e/client.tsx"), join(folder, "client.tsx"));
  await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], { cwd: folder });
  await run("npx", ["vite", "build"], { cwd: folder });
  return dist;
}
