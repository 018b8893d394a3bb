/** What a shared link shows: a conversation to read. */
import { useContext, useEffect, useState } from "react";
import { Refusal, Unreachable } from "../api/http";
import { openShare, type Shared as Conversation } from "../api/shares";
import logo from "../logo.svg";
import { labelsFor } from "../model/forms";
import { date } from "../model/time";
import { turnsOf } from "../model/turns";
import { SignInContext } from "../signin";
import { Answer } from "./Answer";
import { Bubble } from "./Bubble";

export function Shared({ token }: { token: string }) {
  const signIn = useContext(SignInContext);
  const [shown, setShown] = useState<Conversation>();
  const [problem, setProblem] = useState<Refusal>();
  const load = (before: number | null) =>
    openShare(token, before).then(
      (page) => setShown((after) => (before !== null && after ? { ...page, messages: [...page.messages, ...after.messages] } : page)),
      (error: unknown) => setProblem(error instanceof Refusal ? error : new Unreachable()),
    );
  useEffect(() => void load(null), [token]);
  useEffect(() => {
    document.title = shown ? `${shown.title} · c1fn` : "c1fn";
  }, [shown]);
  const turns = turnsOf(shown?.messages ?? []);
  const page = (
    <main className="shared">
      {signIn && <signIn.Ended />}
      <header className="head">
        <img src={logo} alt="" width={26} height={26} />
        <h1 dir="auto">{shown?.title ?? (problem ? "Shared conversation" : "…")}</h1>
      </header>
      <div className="scroll">
        <div className="column">
          {shown && (
            <p className="note">
              A shared conversation, to read. The link was made on {date(shown.createdAt)} and ends on {date(shown.expiresAt)}.
            </p>
          )}
          {problem && (
            <div className="note gone" role="alert">
              <strong>{problem.missing ? "This link shows nothing" : problem.title}</strong>
              <p>{problem.missing ? "It has ended, or its conversation was deleted, or a part of the address is missing." : problem.message}</p>
            </div>
          )}
          {shown && shown.before !== null && (
            <div className="older">
              <button type="button" className="button" onClick={() => void load(shown.before)}>
                Load earlier messages
              </button>
            </div>
          )}
          {turns.map((turn, index) => (
            <div className="turn" key={index} data-last>
              <h2 className="unseen">Prompt</h2>
              <div className="prompt">
                <Bubble content={turn.prompt.content} labels={labelsFor(turns, index)} />
              </div>
              <h2 className="unseen">Answer</h2>
              {turn.answer && <Answer content={turn.answer} streaming={false} />}
            </div>
          ))}
        </div>
      </div>
    </main>
  );
  const closed = problem?.status === 401; // to who is not signed in
  return signIn && closed ? <signIn.Gate logo={logo}>{page}</signIn.Gate> : page;
}
