/** The words that a form has for its fields. What is sent of it has technical names alone; the words stand in the answer that asked. */
import { createParser } from "@openuidev/react-lang";
import { openUIC1Library } from "@thesysai/genui-sdk";
import { type Labels, read } from "./c1";
import type { Turn } from "./turns";

/** Of the form that this turn's prompt sends: of the newest answer before it that has one of its fields. */
export function labelsFor(turns: Turn[], index: number): Labels | undefined {
  const { content } = turns[index]!.prompt;
  const fields = content.includes("<context>") ? read(content).fields : [];
  if (!fields.length) return undefined;
  const asked = turns.slice(0, index).reverse().find((turn) => fields.some(({ name }) => labelsOf(turn).has(name)));
  return asked && labelsOf(asked);
}

const known = new WeakMap<Turn, Labels>();

/** A turn never changes: another one takes its place. */
function labelsOf(turn: Turn): Labels {
  const found = known.get(turn) ?? labelsIn(turn.answer);
  known.set(turn, found);
  return found;
}

function labelsIn(answer: string): Labels {
  try {
    return new Map(pairs(treeOf(answer)));
  } catch {
    return new Map(); // it is text, or cut off, or nested without end
  }
}

let parser: ReturnType<typeof createParser> | undefined;

/** An answer's components: JSON, or OpenUI Lang in a fence (models since v-20260331). */
function treeOf(answer: string): unknown {
  const page = new DOMParser().parseFromString(answer.replace(/<context>.*/s, ""), "text/html"); // it runs and loads nothing
  const text = [...page.querySelectorAll("content")].at(-1)?.textContent ?? "";
  if (text.trimStart().startsWith("{")) return JSON.parse(text);
  return (parser ??= createParser(openUIC1Library.toJSONSchema(), openUIC1Library.root)).parse(text).root;
}

type Node = Record<string, unknown>;

/** A field has its name, and the label around it; a choice its value, or, where each is sent as a field, its name. */
function* pairs(value: unknown, label?: unknown): Generator<[string, string]> {
  if (value === null || typeof value !== "object") return;
  const own = ((value as Node).props ?? value) as Node;
  const labelled = own.children ?? own.input;
  if (typeof own.name === "string" && typeof label === "string") {
    yield [own.name, label];
    yield* choices(own);
  } else if (typeof own.label === "string" && labelled) {
    yield* pairs(labelled, own.label);
  } else {
    for (const inner of Object.values(own)) yield* pairs(inner, Array.isArray(value) ? label : undefined);
  }
}

function* choices(field: Node): Generator<[string, string]> {
  for (const choice of [field.children ?? field.items ?? []].flat()) {
    const own = ((choice as Node | null)?.props ?? choice ?? {}) as Node;
    const words = own.label ?? own.title ?? own.children;
    if (typeof words !== "string") continue;
    if (typeof own.name === "string") yield [own.name, words];
    else if (typeof own.value === "string") yield [`${field.name}\n${own.value}`, words];
  }
}
