/** Names and roles, for people who cannot see, of what the official client's components leave without. */

type Mending = [selector: string, mend: (element: Element) => void];

let labels = 0;

const MENDINGS: Mending[] = [
  [".openui-form-control:not([data-mended])", labelled],
  [".openui-header-top-left:not([role]), .openui-inline-header-heading:not([role])", (title) => attributes(title, { role: "heading", "aria-level": "3" })],
];

/** The label of a form's field is that field's name. */
function labelled(control: Element): void {
  const label = control.querySelector("label");
  const field = control.querySelector("input, textarea, select, [role=combobox], [role=radiogroup], [role=slider], button");
  if (!label || !field) return;
  labels += 1;
  attributes(label, { id: `label-${labels}` });
  attributes(field, { "aria-labelledby": label.id });
  attributes(control, { "data-mended": "" });
}

function attributes(element: Element, named: Record<string, string>): void {
  for (const [name, value] of Object.entries(named)) element.setAttribute(name, value);
}

/** Keeps an answer mended as it changes, at most once a frame. */
export function mend(root: Element): () => void {
  let waiting = 0;
  const all = () => {
    waiting = 0;
    for (const [selector, one] of MENDINGS) root.querySelectorAll(selector).forEach(one);
  };
  const observer = new MutationObserver(() => (waiting ||= requestAnimationFrame(all)));
  observer.observe(root, { childList: true, subtree: true });
  all();
  return () => {
    observer.disconnect();
    cancelAnimationFrame(waiting);
  };
}
