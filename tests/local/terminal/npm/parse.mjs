// The trees of OpenUI Lang's own parser, for programs on standard input:
// {"library": {"Card": ["children"], …}, "texts": ["root = …", …]} → [tree or null, …]
//
// The library has no types and requires nothing, so that no component is left out for its arguments.
import { createParser } from "@openuidev/lang-core";

let input = "";
for await (const piece of process.stdin) input += piece;
const { library, texts } = JSON.parse(input);

const definitions = Object.entries(library).map(([name, names]) => [
  name,
  { properties: Object.fromEntries(names.map((argument) => [argument, {}])) },
]);
const parser = createParser({ $defs: Object.fromEntries(definitions) }, "Card");

const plain = (value) => {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value ?? null;
  if (value.type === "element") return { component: value.typeName, props: fields(value.props) };
  if (value.k === "Comp" && !value.mappedProps) return { function: value.name, arguments: value.args.map(node) };
  return "k" in value ? node(value) : fields(value);
};
const fields = (value) => Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));

// A part of an action stays an expression there: its parts as values.
const node = (value) => {
  switch (value.k) {
    case "Str":
    case "Num":
    case "Bool":
      return value.v;
    case "Arr":
      return value.els.map(node);
    case "Obj":
      return Object.fromEntries(value.entries.map(([key, part]) => [key, node(part)]));
    case "Comp":
      return value.mappedProps
        ? { component: value.name, props: Object.fromEntries(Object.entries(value.mappedProps).map(([k, v]) => [k, node(v)])) }
        : { function: value.name, arguments: value.args.map(node) };
    default:
      return null; // a name without a statement, or what is computed later
  }
};

process.stdout.write(JSON.stringify(texts.map((text) => plain(parser.parse(text).root))));
