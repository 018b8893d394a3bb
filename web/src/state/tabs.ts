/** What one tab tells the others of the same browser. */
import { signedIn } from "../signin/send";

type News = { thread?: string };

const channel = "BroadcastChannel" in window ? new BroadcastChannel("c1fn") : null;

/** Something has changed: in a thread, or in the list alone. */
export function announce(news: News): void {
  channel?.postMessage(news);
}

/** Hears other tabs, and looks anew when a person comes back to this one: news of other machines come that way. */
export function listen(heard: (news: News | null) => void): () => void {
  const hear = ({ data }: MessageEvent<News>) => heard(data);
  const back = () => document.visibilityState === "visible" && heard(null);
  channel?.addEventListener("message", hear);
  document.addEventListener("visibilitychange", back);
  window.addEventListener("online", back);
  signedIn.addEventListener("regained", back);
  return () => {
    channel?.removeEventListener("message", hear);
    document.removeEventListener("visibilitychange", back);
    window.removeEventListener("online", back);
    signedIn.removeEventListener("regained", back);
  };
}
