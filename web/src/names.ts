/** Names for what the official client leaves nameless: buttons with nothing but a picture, and the list of messages. */

const NAMES: [selector: string, attribute: string, value: string][] = [
  ["button:has(> * > .lucide-square)", "aria-label", "Stop"],
  ["button:has(> * > .lucide-arrow-up)", "aria-label", "Send"],
  ["button:has(> * > .lucide-menu)", "aria-label", "Show conversations"],
  ["button:has(> * > .lucide-plus)", "aria-label", "New conversation"],
  ["button:has(> * > .lucide-panel-right)", "aria-label", "Hide conversations"],
  ["button:has(> * > .lucide-panel-left)", "aria-label", "Show conversations"],
  [".crayon-shell-thread-button-dropdown-trigger", "aria-label", "Options of this conversation"],
  ["textarea[placeholder^='Type your message']", "aria-label", "Message"],
  [".crayon-shell-thread-messages", "role", "log"],
];

/** Keeps the names as the page changes, at most once a frame. */
export function name(root: HTMLElement): void {
  let waiting = false;
  const observer = new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const [selector, attribute, value] of NAMES)
        for (const element of root.querySelectorAll(selector))
          if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
    });
  });
  observer.observe(root, { childList: true, subtree: true });
}
