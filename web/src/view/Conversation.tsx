/** The conversation on the screen. */
import { ArrowDown } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { labelsFor } from "../model/forms";
import { wordsOf } from "../model/words";
import { isRunning, loadOlder, openNew, openThread, stop, useConversation } from "../state/conversation";
import { Composer } from "./Composer";
import { IconButton } from "./IconButton";
import { Turn } from "./Turn";
import { useScroll } from "./useScroll";
import { Welcome } from "./Welcome";

export function Conversation() {
  const { status, turns, before, older } = useConversation();
  const running = useConversation(isRunning);
  const area = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const { away, toEnd } = useScroll(area, content, turns[0]?.responseId, turns.at(-1)?.prompt.id);
  useStopKey(running);

  const isNew = turns.length === 0 && status === "ready";
  return (
    <div className="conversation" data-new={isNew || undefined}>
      <div className="scroll" ref={area} tabIndex={turns.length ? 0 : -1} role="region" aria-label="Messages" aria-busy={status === "loading"}>
        <div className="column" ref={content}>
          {isNew && <Welcome />}
          {status === "loading" && <Loading />}
          {before !== null && <Older load={() => void loadOlder()} loading={older} area={area} />}
          {turns.map((turn, index) => (
            <Turn key={turn.responseId} turn={turn} labels={labelsFor(turns, index)} last={index === turns.length - 1} busy={running} />
          ))}
          {turns.length === 0 && <Problem />}
        </div>
      </div>
      <div className="foot">
        {away && <IconButton icon={ArrowDown} name="To the newest message" className="to-end" onClick={toEnd} />}
        {turns.length > 0 && <Problem />}
        {status !== "missing" && <Composer />}
      </div>
      <Status />
    </div>
  );
}

/** Why there is no conversation, or no more of it. */
function Problem() {
  const { threadId, status, problem } = useConversation();
  if (status !== "missing" && status !== "unreachable") return null;
  return (
    <div className="note gone" role="alert">
      <strong>{status === "missing" ? "This conversation is gone" : problem?.title}</strong>
      <p>
        {status === "missing"
          ? "The server does not have it any more: it was deleted, or the server was restarted and keeps conversations only in memory. Nothing was sent."
          : problem?.message}
      </p>
      {status === "missing" ? (
        <button type="button" className="button" onClick={openNew}>
          New conversation
        </button>
      ) : (
        <button type="button" className="button" onClick={() => threadId && void openThread(threadId)}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Characters of an answer that are read aloud when it is complete; the rest is there to be read. */
const ALOUD = 600;

/** Tells those who cannot see when an answer begins, and what it says. */
function Status() {
  const running = useConversation(isRunning);
  const [told, tell] = useState("");
  const began = useRef(false);
  useEffect(() => {
    if (running) tell("An answer is being written.");
    else if (began.current) tell(`The answer is complete. ${wordsOf(useConversation.getState().turns.at(-1)?.answer ?? "").slice(0, ALOUD)}`);
    began.current = running;
  }, [running]);
  return (
    <p className="unseen" role="status">
      {told}
    </p>
  );
}

/** Escape stops the answer, unless it closes something. */
function useStopKey(running: boolean): void {
  useEffect(() => {
    if (!running) return;
    const pressed = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) void stop();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [running]);
}

/** Older messages are loaded when a reader comes near them. */
function Older({ load, loading, area }: { load: () => void; loading: boolean; area: React.RefObject<HTMLDivElement | null> }) {
  const mark = useRef<HTMLDivElement>(null);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (loading) return;
    const seen = new IntersectionObserver(([entry]) => entry?.isIntersecting && latest.current(), { root: area.current, rootMargin: "400px 0px 0px" });
    seen.observe(mark.current!);
    return () => seen.disconnect();
  }, [loading]);
  return (
    <div className="older" ref={mark}>
      <button type="button" className="button" disabled={loading} onClick={load}>
        {loading ? "Loading earlier messages …" : "Load earlier messages"}
      </button>
    </div>
  );
}

function Loading() {
  return (
    <div className="loading" aria-hidden>
      <i />
      <i />
      <i />
      <i />
    </div>
  );
}
