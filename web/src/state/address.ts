/** The address names the thread, so that a reload, a link and the back button find it. */
import { openNew, openThread, useConversation } from "./conversation";

const named = (): string | null => new URLSearchParams(window.location.search).get("thread");

/** The token of a shared link: it stands after the #, so that no server on the way logs it. */
export function shareToken(): string | null {
  const found = /^#\/share\/([^/?#]+)$/.exec(window.location.hash);
  return found ? decodeURIComponent(found[1]!) : null;
}

export function shareAddress(token: string): string {
  return `${window.location.origin}${window.location.pathname}#/share/${encodeURIComponent(token)}`;
}

export function go(threadId: string | null): void {
  if (threadId === null) openNew();
  else void openThread(threadId);
}

/** Opens what the address names, and names what is opened. */
export function tie(): () => void {
  const goThere = () => go(named());
  if (named()) goThere();
  window.addEventListener("popstate", goThere);
  const untie = useConversation.subscribe(({ threadId, turns }) => {
    const [only] = turns;
    const unsaved = turns.length === 1 && only!.refusal !== undefined && !only!.answer; // the server may not have the thread
    const name = unsaved ? null : threadId;
    if (name === named()) return;
    const address = window.location.pathname + (name === null ? "" : `?${new URLSearchParams({ thread: name })}`);
    if (unsaved) window.history.replaceState(null, "", address);
    else window.history.pushState(null, "", address);
  });
  return () => {
    window.removeEventListener("popstate", goThere);
    untie();
  };
}
