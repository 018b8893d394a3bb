import "@fontsource-variable/inter";
import "@crayonai/react-ui/styles/index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./css/base.css";
import "./css/list.css";
import "./css/conversation.css";
import "./css/over.css";
import { prepared } from "./signin";
import { SignInProblem } from "./signin/config";
import { forgetPerson, keepFor } from "./state/kept";

async function start(): Promise<void> {
  const root = document.getElementById("root")!;
  try {
    const signIn = await prepared();
    keepFor(signIn?.person() ?? "");
    signIn?.whenSignedOut(forgetPerson);
    createRoot(root).render(
      <StrictMode>
        <App signIn={signIn} />
      </StrictMode>,
    );
  } catch (error) {
    root.firstElementChild!.textContent = error instanceof SignInProblem ? `${error.title}. ${error.message}` : `${error}`;
  }
}

void start();
