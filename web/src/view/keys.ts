import type { KeyboardEvent } from "react";

/** What Safari's key event has while a word is composed: there the composition ends before the Enter that ends it. */
const COMPOSING = 229;

/** Enter sends, unless it begins a line or ends the composition of a word, as in Japanese. */
export function sends({ key, shiftKey, keyCode, nativeEvent }: KeyboardEvent): boolean {
  return key === "Enter" && !shiftKey && !nativeEvent.isComposing && keyCode !== COMPOSING;
}
