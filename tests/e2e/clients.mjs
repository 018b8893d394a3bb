// Builds one small page per version of the official client, and one with CopilotKit's chat, in .cache/clients, once each.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
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
export function built(version) {
  const dependencies = { "@thesysai/genui-sdk": version, ...VERSIONS[version], "@crayonai/stream": "0.6.4" };
  return page(version, "client.tsx", dependencies);
}

/** CopilotKit's chat and the client of AG-UI's that it was published with. */
export const COPILOTKIT = { "@copilotkit/react-core": "1.74.0", "@ag-ui/client": "0.0.59", rxjs: "7.8.1", zod: "4.6.7" };

/** The folder of the built page with CopilotKit's chat. */
export const builtCopilotKit = () => page("copilotkit", "copilotkit.tsx", COPILOTKIT);

/** The folder of the built page with OpenUI's chat and tools of its own, from the packages of web-openui. */
export const builtOpenUI = () => page("openui-tools", "openui-tools.tsx", {}, join(ROOT, "web-openui/node_modules"));

async function page(name, source, client, modules) {
  const folder = join(ROOT, ".cache/clients", name);
  const [dist, entry, wanted] = [join(folder, "dist"), join(folder, "client.tsx"), join(ROOT, "tests/e2e", source)];
  const is_installed = existsSync(join(dist, "index.html"));
  if (is_installed && readFileSync(entry, "utf8") === readFileSync(wanted, "utf8")) return dist;
  mkdirSync(folder, { recursive: true });
  const dependencies = { ...client, react: "19.3.1", "react-dom": "19.3.1", rollup: "4.67.4", vite: "6.4.6" };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  writeFileSync(join(folder, "index.html"), HTML);
  writeFileSync(join(folder, "vite.config.js"), VITE);
  cpSync(wanted, entry);
  if (modules && !existsSync(join(folder, "node_modules"))) symlinkSync(modules, join(folder, "node_modules"));
  if (!modules && !is_installed) await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], { cwd: folder });
  await run("npx", ["vite", "build"], { cwd: folder });
  return dist;
}
