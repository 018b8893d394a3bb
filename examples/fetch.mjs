// One prompt, its answer printed as it is written: node examples/fetch.mjs [URL]   (Node 18 or later)
import { randomUUID } from "node:crypto";

const url = process.argv[2] ?? "http://127.0.0.1:8000";

const answer = await fetch(`${url}/api/chat`, {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json" }, // a refusal as JSON, not as a card
  body: JSON.stringify({
    prompt: { role: "user", content: "Show me the revenue by quarter" },
    threadId: randomUUID(),
    responseId: randomUUID(), // the same again never asks the model twice
  }),
});
if (!answer.ok) {
  const { title, detail } = await answer.json();
  console.error(`${answer.status} ${title}: ${detail}`);
  process.exit(1);
}
for await (const text of answer.body.pipeThrough(new TextDecoderStream())) process.stdout.write(text);
console.log();
