/** A prompt and its answer. */
import { Check, Copy, CornerUpLeft, Pencil, RefreshCw, RotateCcw, ThumbsDown, ThumbsUp } from "lucide-react";
import { memo, useEffect, useRef, useState } from "react";
import type { Feedback } from "../api/threads";
import { type Labels, read } from "../model/c1";
import type { Turn as OneTurn } from "../model/turns";
import { wordsOf } from "../model/words";
import { again, edit, post, rate, save } from "../state/conversation";
import { Answer } from "./Answer";
import { Bubble } from "./Bubble";
import { copy } from "./copy";
import { IconButton } from "./IconButton";
import { sends } from "./keys";

type Props = { turn: OneTurn; last: boolean; busy: boolean };

export const Turn = memo(function Turn({ turn, labels, last, busy }: Props & { labels: Labels | undefined }) {
  const [editing, setEditing] = useState(false);
  const { words, fields } = read(turn.prompt.content, labels);
  const waits = turn.state === "running" && !turn.answer;
  return (
    <div className="turn" data-last={last || undefined}>
      {turn.prompt.content && <h2 className="unseen">You</h2>}
      {!turn.prompt.content ? null : editing ? (
        <Edit words={words} close={() => setEditing(false)} send={(changed) => void edit(turn, changed)} />
      ) : (
        <div className="prompt">
          <Bubble content={turn.prompt.content} labels={labels} />
          <div className="actions" role="group" aria-label="Your message">
            <CopyButton name="Copy message" text={() => [words, ...fields.map(({ label, value }) => `${label}: ${value}`)].join("\n")} />
            {!busy && fields.length === 0 && <IconButton icon={Pencil} size={15} name="Edit message" onClick={() => setEditing(true)} />}
          </div>
        </div>
      )}
      <h2 className="unseen">Answer</h2>
      {waits && (
        <div className="waits">
          <span className="dots" aria-hidden>
            <i />
            <i />
            <i />
          </span>
          <span className="unseen">The answer is on its way.</span>
        </div>
      )}
      {turn.answer && (
        <Answer content={turn.answer} streaming={turn.state === "running"} send={post} save={(content) => save(turn.responseId, content)} />
      )}
      {turn.state === "running" && turn.lost && (
        <p className="ending" role="status">
          The connection to the server is lost. Trying again …
        </p>
      )}
      <Ending turn={turn} last={last} busy={busy} />
      {turn.state !== "running" && turn.answer && <Below turn={turn} last={last} busy={busy} />}
    </div>
  );
});

/** How it ended, unless it is complete. */
function Ending({ turn, last, busy }: Props) {
  if (turn.state === "stopped") return <p className="ending">You stopped this answer.</p>;
  if (turn.state !== "failed") return null;
  return (
    <div className="ending failed" role="alert">
      {turn.refusal && (
        <p>
          <strong>{turn.refusal.title}</strong> {turn.refusal.message}
        </p>
      )}
      {last && (
        <button type="button" className="button" disabled={busy} onClick={() => void again(turn)}>
          <RotateCcw size={15} aria-hidden /> Send again
        </button>
      )}
    </div>
  );
}

/** What can be done with an answer. */
function Below({ turn, last, busy }: Props) {
  const [commenting, setCommenting] = useState(false);
  const value = turn.feedback?.value;
  const failed = turn.state === "failed"; // there is nothing to rate
  const thumb = (pressed: Feedback["value"]) => {
    setCommenting(pressed === "down" && value !== "down");
    void rate(turn, value === pressed ? null : { value: pressed });
  };
  return (
    <>
      <div className="actions" role="group" aria-label="Answer">
        <CopyButton name="Copy answer" text={() => wordsOf(turn.answer)} />
        {!failed && <IconButton icon={ThumbsUp} size={15} name="Good answer" aria-pressed={value === "up"} onClick={() => thumb("up")} />}
        {!failed && <IconButton icon={ThumbsDown} size={15} name="Bad answer" aria-pressed={value === "down"} onClick={() => thumb("down")} />}
        {!busy && !(failed && last) && <IconButton icon={RefreshCw} size={15} name="Try again" onClick={() => void again(turn)} />}
      </div>
      {commenting && <Comment turn={turn} close={() => setCommenting(false)} />}
    </>
  );
}

/** Characters of a comment that the server takes. */
const COMMENT = 2000;

function Comment({ turn, close }: { turn: OneTurn; close: () => void }) {
  const [comment, setComment] = useState("");
  return (
    <form
      className="comment"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // it stops no answer
        close();
      }}
      onSubmit={(event) => {
        event.preventDefault();
        if (comment.trim()) void rate(turn, { value: "down", comment: comment.trim() });
        close();
      }}
    >
      <input
        autoFocus
        dir="auto"
        maxLength={COMMENT}
        aria-label="What was wrong with it?"
        placeholder="What was wrong with it?"
        value={comment}
        onChange={(event) => setComment(event.target.value)}
      />
      <button className="button">{comment.trim() ? "Send comment" : "Close"}</button>
    </form>
  );
}

/** Milliseconds for which a copy is confirmed. */
const CONFIRMED = 2000;

export function CopyButton({ name, text }: { name: string; text: () => string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = copied && setTimeout(() => setCopied(false), CONFIRMED);
    return () => clearTimeout(timer || undefined);
  }, [copied]);
  const shown = copied ? "Copied" : name;
  return <IconButton icon={copied ? Check : Copy} size={15} name={shown} onClick={() => void copy(text()).then(setCopied)} />;
}

function Edit({ words, close, send }: { words: string; close: () => void; send: (words: string) => void }) {
  const [text, setText] = useState(words);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current!.setSelectionRange(words.length, words.length), []);
  const submit = () => {
    if (!text.trim()) return;
    close();
    send(text.trim());
  };
  return (
    <form
      className="edit"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      onKeyDown={(event) => {
        if (!sends(event) && event.key !== "Escape") return;
        event.preventDefault();
        if (event.key === "Escape") close();
        else submit();
      }}
    >
      <textarea ref={field} autoFocus dir="auto" aria-label="Edit message" value={text} onChange={(event) => setText(event.target.value)} />
      <p>
        <CornerUpLeft size={14} aria-hidden /> This begins a branch: the conversation so far is kept in the list.
      </p>
      <div>
        <button type="button" className="button" onClick={close}>
          Cancel
        </button>
        <button className="button primary" disabled={!text.trim()}>
          Send
        </button>
      </div>
    </form>
  );
}
