/** Each answer stands alone: one that cannot be drawn shows its text, and pictures of other hosts are not loaded. */
import type { ThreadManager } from "@crayonai/react-core";
import { Component, type ComponentType, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { wordsOf } from "./words";

type Templates = ThreadManager["responseTemplates"];
type Shown = ComponentType<{ content?: string }>;

/** The official client's ways to draw an answer, each within its boundary. */
export function useAnswersApart(templates: Templates): Templates {
  return useMemo(() => {
    const apart = Object.entries(templates).map(([name, template]) => [name, { ...template, Component: alone(template.Component as Shown) }]);
    return Object.fromEntries(apart) as Templates;
  }, [templates.c1]);
}

function alone(Drawn: Shown): Shown {
  return function Answer(props) {
    return (
      <Undrawn content={props.content ?? ""}>
        <Pictures>
          <Drawn {...props} />
        </Pictures>
      </Undrawn>
    );
  };
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
      <div className="c1fn-undrawn">
        <p role="note">This answer cannot be drawn. Its text:</p>
        <pre>{wordsOf(this.props.content)}</pre>
      </div>
    );
  }
}

/** Addresses that are shown of one answer's pictures that were not loaded. */
const MOST = 5;

/** Tells of the pictures that the page's content security policy does not let it load. */
function Pictures({ children }: { children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const [addresses, tell] = useState<string[]>([]);
  useEffect(() => {
    const failed = ({ target }: Event) => {
      if (!(target instanceof HTMLImageElement) || !isOfAnother(target.src)) return;
      target.dataset.notLoaded = "";
      const { src } = target;
      tell((before) => (before.includes(src) ? before : [...before, src]));
    };
    const element = box.current!;
    element.addEventListener("error", failed, true); // a picture's error does not bubble
    return () => element.removeEventListener("error", failed, true);
  }, []);
  return (
    <div ref={box} className="c1fn-answer">
      {children}
      {addresses.slice(0, MOST).map((address) => (
        <div className="c1fn-picture" role="note" key={address}>
          A picture of another site was not loaded:
          <code>{address}</code>
          <button type="button" onClick={() => window.open(address, "_blank", "noopener,noreferrer")}>
            Open it in a new tab
          </button>
        </div>
      ))}
      {addresses.length > MOST && <div className="c1fn-picture">And {addresses.length - MOST} more.</div>}
    </div>
  );
}

function isOfAnother(address: string): boolean {
  return /^https?:/.test(address) && new URL(address).origin !== window.location.origin;
}
