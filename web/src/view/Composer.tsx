/** Where a person types. */
import { ArrowUp, Square } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { isRunning, send, stop, useConversation } from "../state/conversation";
import { draftOf, typeDraft } from "../state/drafts";
import { IconButton } from "./IconButton";
import { sends } from "./keys";

/** On a touch screen the keyboard would open each time that the field gets the focus. */
const touch = window.matchMedia("(pointer: coarse)");

export function Composer() {
  const threadId = useConversation((state) => state.threadId);
  const running = useConversation(isRunning);
  const loading = useConversation((state) => state.status === "loading");
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useDraft(threadId);
  const empty = !text.trim();

  useEffect(() => {
    if (!touch.matches) field.current?.focus({ preventScroll: true });
  }, [threadId]);

  const submit = () => {
    if (empty || running || loading) return;
    setText("");
    void send(text.trim());
    field.current?.focus();
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="typed" data-text={text}>
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          aria-label="Message"
          placeholder="Ask anything"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (!sends(event)) return;
            event.preventDefault();
            submit();
          }}
        />
      </div>
      {running ? (
        <IconButton
          icon={Square}
          size={14}
          name="Stop"
          className="round stop"
          onClick={() => {
            void stop();
            if (!touch.matches) field.current?.focus(); // the button goes, and the focus with it
          }}
        />
      ) : (
        <IconButton icon={ArrowUp} name="Send" type="submit" className="round" disabled={empty || loading} />
      )}
    </form>
  );
}

/** The text of a thread's field: it stays when another thread is opened, and over a reload. */
function useDraft(threadId: string | null): [string, (text: string) => void] {
  const [draft, setDraft] = useState({ threadId, text: draftOf(threadId) });
  const now = useMemo(() => (draft.threadId === threadId ? draft : { threadId, text: draftOf(threadId) }), [draft, threadId]);
  const set = (text: string) => {
    setDraft({ threadId, text });
    typeDraft(threadId, text);
  };
  return [now.text, set];
}
