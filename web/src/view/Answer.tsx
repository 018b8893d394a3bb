/** Each answer stands alone: one that cannot be drawn shows its text, and pictures of other hosts are not loaded. */
import { C1Component } from "@thesysai/genui-sdk";
import { Component, memo, type ReactNode, useEffect, useRef, useState } from "react";
import { wordsOf } from "../model/words";
import { mend } from "./mend";

type Action = { type?: string; params?: { llmFriendlyMessage?: string; url?: string }; llmFriendlyMessage?: string };

type Props = {
  content: string;
  streaming: boolean;
  send?: (content: string) => void; // what a button or a form says; without it, they do nothing
  save?: (content: string) => void; // the answer, with the state of its form
};

export const Answer = memo(function Answer({ content, streaming, send, save }: Props) {
  const act = ({ type, params, llmFriendlyMessage }: Action) => {
    if (type === "open_url") open(params?.url ?? "");
    else if (!type || type === "continue_conversation") send?.(params?.llmFriendlyMessage ?? llmFriendlyMessage ?? "");
  };
  return (
    <Undrawn content={content}>
      <Drawn>
        <C1Component c1Response={content} isStreaming={streaming} onAction={act} updateMessage={(changed) => save?.(changed)} />
      </Drawn>
    </Undrawn>
  );
});

function open(address: string): void {
  if (/^https?:/.test(address)) window.open(address, "_blank", "noopener,noreferrer");
}

type Drawing = { content: string; failed: boolean };

/** Shows an answer's text in place of what threw while it was drawn. An answer that grows is tried again. */
class Undrawn extends Component<{ content: string; children: ReactNode }, Drawing> {
  state: Drawing = { content: this.props.content, failed: false };

  static getDerivedStateFromProps({ content }: { content: string }, drawing: Drawing): Drawing | null {
    return content === drawing.content ? null : { content, failed: false };
  }

  static getDerivedStateFromError(): Partial<Drawing> {
    return { failed: true };
  }

  render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <div className="note">
        <p role="note">This answer cannot be drawn. Its text:</p>
        <pre dir="auto">{wordsOf(this.props.content)}</pre>
      </div>
    );
  }
}

/** Addresses that are shown of one answer's pictures that were not loaded. */
const MOST = 5;

/** What is drawn, and the addresses of the pictures that the page's content security policy does not let it load. */
function Drawn({ children }: { children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const [addresses, tell] = useState<string[]>([]);
  useEffect(() => mend(box.current!), []);
  useEffect(() => {
    const failed = ({ target }: Event) => {
      if (!(target instanceof HTMLImageElement) || !isOfAnother(target.src)) return;
      boxOf(target).dataset.notLoaded = "";
      const { src } = target;
      tell((before) => (before.includes(src) ? before : [...before, src]));
    };
    const element = box.current!;
    element.addEventListener("error", failed, true); // a picture's error does not bubble
    return () => element.removeEventListener("error", failed, true);
  }, []);
  return (
    <div ref={box} className="answer" dir="auto">
      {children}
      {addresses.slice(0, MOST).map((address) => (
        <div className="note" role="note" key={address}>
          A picture of another site was not loaded:
          <code>{address}</code>
          <button type="button" className="button" onClick={() => open(address)}>
            Open it in a new tab
          </button>
        </div>
      ))}
      {addresses.length > MOST && <div className="note">And {addresses.length - MOST} more.</div>}
    </div>
  );
}

/** The outermost box that holds nothing but this picture: without it, it would be an empty one. */
function boxOf(picture: HTMLElement): HTMLElement {
  const others = "img, svg, input, textarea, button";
  let box = picture;
  for (let around = box.parentElement; around && !around.matches(".answer"); around = box.parentElement) {
    if (around.textContent.trim() || around.querySelectorAll(others).length > 1) break;
    box = around;
  }
  return box;
}

function isOfAnother(address: string): boolean {
  return /^https?:/.test(address) && new URL(address).origin !== window.location.origin;
}
