/** The words of an answer, for where it cannot be drawn. */

/** Names of fields whose texts say how something looks or works: no words for people. */
const NO_WORDS = /^(component|type|name|variant|icon|iconName|id|src|url|href|key|format|placeholder|language)$/;

export function wordsOf(content: string): string {
  const part = new DOMParser().parseFromString(content.replace(/<context>.*/s, ""), "text/html"); // it runs and loads nothing
  const text = part.body.textContent.trim();
  try {
    return texts(JSON.parse(text)).join("\n\n") || text;
  } catch {
    return text;
  }
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return value.trim() ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(texts);
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) => (typeof inner === "string" && NO_WORDS.test(name) ? [] : texts(inner)));
}
