/** Errors as C1 cards: the official client renders what is in an answer, and shows no status and no exception. */

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

/** A complete answer that tells an error; after a partial answer it takes its place. */
export function errorCard(title: string, description: string): string {
  const callout = { component: "CalloutV2", props: { variant: "danger", title, description } };
  const card = { component: { component: "Card", props: { children: [callout] } }, error: null };
  const escaped = JSON.stringify(card).replace(/[&<>"']/g, (character) => ESCAPES[character]!);
  return `<content thesys="true">${escaped}</content>`;
}
