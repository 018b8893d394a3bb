/** Names and roles, for people who cannot see, of what the official client's components leave without. */

import { opens } from "./calendar";

type Mending = [selector: string, mend: (element: Element) => void];

/** What a form's field consists of, but for the single choices of a group: those have their own words. */
const FIELD = "input:not([type=radio], [type=checkbox]), textarea, [role=combobox], [role=radiogroup], [role=slider], [aria-haspopup]";

const MENDINGS: Mending[] = [
  [`.openui-form-control :is(${FIELD}):not([aria-labelledby])`, labelled],
  [".openui-date-picker-renderer-floating-input-container:not([role])", openedByKeys],
  [".openui-form-control .openui-checkbox-group:not([aria-labelledby])", grouped],
  [".openui-header-top-left:not([role]), .openui-inline-header-heading:not([role])", (title) => attributes(title, { role: "heading", "aria-level": "3" })],
  [".openui-chart-horizontal-scroll-button--left:not([aria-label])", (button) => attributes(button, { "aria-label": "Scroll the chart to the left" })],
  [".openui-chart-horizontal-scroll-button--right:not([aria-label])", (button) => attributes(button, { "aria-label": "Scroll the chart to the right" })],
  [".openui-table-container:not([tabindex])", (table) => attributes(table, { tabindex: "0", role: "group", "aria-label": "Table" })], // it scrolls
  [".openui-code-block-copy-button:not([aria-label])", (button) => attributes(button, { "aria-label": "Copy code" })],
  ["path[role=img][name]:not([aria-label])", (slice) => attributes(slice, { "aria-label": slice.getAttribute("name")! })],
];

let labels = 0;

/** The label of a form's field is that field's name. */
function labelled(field: Element): void {
  const label = field.closest(".openui-form-control")?.querySelector(".openui-label, .openui-slider-block__label");
  if (!label) return;
  if (!label.id) label.id = `label-${(labels += 1)}`;
  attributes(field, { "aria-labelledby": label.id });
}

/** Its name is the label, and the day that is chosen. */
function openedByKeys(field: Element): void {
  attributes(field, { role: "button", tabindex: "0", "aria-haspopup": "dialog" });
  labelled(field);
  const value = field.querySelector("span");
  if (value) value.id = `label-${(labels += 1)}`;
  if (value) attributes(field, { "aria-labelledby": `${field.getAttribute("aria-labelledby") ?? ""} ${value.id}`.trim() });
  opens(field as HTMLElement);
}

function grouped(boxes: Element): void {
  attributes(boxes, { role: "group" });
  labelled(boxes);
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
