/** The official client's form of a message: escaped words in a `content` element, then what a form holds. */

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Words that a person typed, as the official client sends them. */
export function wrapped(words: string): string {
  return `<content thesys="true">${words.replace(/[&<>"']/g, (character) => ESCAPES[character]!)}</content>`;
}

export type Field = { name: string; label: string; value: string };

type Sent = { name: string; value: unknown };

/** The words for a field, by its name, and for one of its values, by the name, a new line and the value. */
export type Labels = Map<string, string>;

/** What a person sees of a prompt: the words, and the fields of a form that was sent with them. */
export function read(content: string, labels?: Labels): { words: string; fields: Field[] } {
  const [said = "", context = ""] = content.split("<context>", 2);
  const words = /^\s*<content[\s>]/.test(said) ? textOf(said) : said;
  const fields = context ? fieldsOf(textOf(`<context>${context}`)) : [];
  return { words: words.trim(), fields: fields.flatMap((field) => shown(field, labels)) };
}

/** Its text, without running or loading anything. */
function textOf(markup: string): string {
  return new DOMParser().parseFromString(markup, "text/html").body.textContent;
}

/** A context is a sentence, and then the forms: in a list, or alone, by the version of the client. */
function fieldsOf(context: string): Sent[] {
  try {
    return JSON.parse(context).slice(1).flat(2).flatMap(pairs);
  } catch {
    return [];
  }
}

/** A form is a record of fields, a field a record with a value: {contact: {fullname: {value: "Ada"}}}. */
function pairs(forms: unknown): Sent[] {
  if (forms === null || typeof forms !== "object") return [];
  return Object.entries(forms).flatMap(([name, inner]) => {
    if (inner === null || typeof inner !== "object") return [];
    return "value" in inner ? [{ name, value: inner.value }] : pairs(inner);
  });
}

function shown({ name, value }: Sent, labels?: Labels): Field[] {
  const words = [value].flat().map((one) => labels?.get(`${name}\n${one}`) ?? inWords(one)).filter(Boolean).join(", ");
  return words ? [{ name, label: labels?.get(name) ?? name, value: words }] : [];
}

/** A slider's value is a list, a day a record with the text of a `Date`. */
function inWords(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value.replace(/^(\w{3} \w{3} \d\d \d{4}) 00:00:00 GMT.*/, "$1");
  if (Array.isArray(value)) return value.map(inWords).join(", ");
  return typeof value === "object" && "mode" in value && "date" in value ? inWords(value.date) : JSON.stringify(value);
}
