import { notice } from "../state/notices";

/** True once the text is on the clipboard. Only pages of HTTPS and of this machine have the clipboard's interface. */
export async function copy(text: string): Promise<boolean> {
  const copied = await (navigator.clipboard?.writeText(text) ?? Promise.reject()).then(
    () => true,
    () => copiedFromField(text),
  );
  if (!copied) notice("This browser did not let the page copy it.");
  return copied;
}

function copiedFromField(text: string): boolean {
  const field = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text, className: "unseen" }));
  const before = document.activeElement;
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return copied;
}
