/** What a person sees of signing in. */
import { type ReactNode, useState } from "react";
import { SignInProblem } from "./config";
import { signIn, signOut } from "./person";
import "./signin.css";
import { useStatus } from "./status";

/** The page, for who is signed in; for others the way to it. */
export function Gate({ logo, children }: { logo: string; children: ReactNode }) {
  const status = useStatus();
  if (status.kind !== "out" && status.name !== undefined) return children;
  const leaving = status.kind === "leaving";
  const title = status.kind === "out" ? status.title : undefined;
  return (
    <main className="sign-in">
      <img src={logo} alt="" width={48} height={48} />
      <h1>c1fn</h1>
      {title ? (
        <div className="sign-in-problem" role="alert">
          <strong>{title}</strong>
          <p>{status.kind === "out" && status.detail}</p>
        </div>
      ) : (
        <p>Sign in to see your conversations.</p>
      )}
      <button type="button" disabled={leaving} onClick={() => void signIn()}>
        {leaving ? "One moment …" : "Sign in"}
      </button>
    </main>
  );
}

/** Says that the session is over. What is on the screen stays. */
export function Ended() {
  const status = useStatus();
  const [problem, setProblem] = useState("");
  if (status.kind !== "ended") return null;
  const again = () => signIn().catch((error: unknown) => setProblem(error instanceof SignInProblem ? `${error.title}. ${error.message}` : `${error}`));
  return (
    <div className="sign-in-ended" role="alert">
      <p>{problem || "Your sign-in has ended. Sign in again to go on: you come back to this conversation."}</p>
      <button type="button" onClick={() => void again()}>
        Sign in again
      </button>
    </div>
  );
}

/** Who is signed in, and the way out. */
export function Account() {
  const status = useStatus();
  if (status.kind !== "in" && status.kind !== "ended") return null;
  return (
    <div className="account">
      <span title={status.name}>{status.name}</span>
      <button type="button" onClick={() => void signOut()}>
        Sign out
      </button>
    </div>
  );
}
