// Judges streams of AG-UI's endpoint by the npm package's own schemas and `verifyEvents`, without the client around them.
//   node judge.mjs streams.jsonl        each line a stream as a JSON text (python -m scripts.fuzz agui --streams …)
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { verifyEvents } from "@ag-ui/client";
import { EventSchemas } from "@ag-ui/core/schemas";
import { from, lastValueFrom, toArray } from "rxjs";

let [streams, events, wrong] = [0, 0, 0];
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const frames = JSON.parse(line).split("\n\n").filter((frame) => frame.startsWith("data: "));
  streams += 1;
  events += frames.length;
  try {
    const parsed = frames.map((frame) => strict(JSON.parse(frame.slice(6))));
    await lastValueFrom(verifyEvents(false)(from(parsed)).pipe(toArray()));
    if (!["RUN_FINISHED", "RUN_ERROR"].includes(parsed.at(-1)?.type)) throw new Error("it has no end");
  } catch (error) {
    wrong += 1;
    if (wrong <= 10) console.error(`WRONG (stream ${streams}): ${error.message}\n${frames.join("\n").slice(0, 2000)}`);
  }
}
console.log(`agui, by npm's schemas and verifyEvents: ${streams} streams, ${events} events, ${wrong} wrong`);
process.exitCode = wrong || !streams ? 1 : 0;

/** The event, if the schemas know it with each of its fields. */
function strict(event) {
  const known = EventSchemas.parse(event);
  const lost = Object.keys(event).filter((field) => !(field in known));
  if (lost.length) throw new Error(`${event.type} has no ${lost}`);
  return known;
}
