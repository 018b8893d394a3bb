import { AgentInterface } from "@openuidev/react-ui";
import { openuiChatLibrary } from "@openuidev/react-ui/genui-lib";
import "@openuidev/react-ui/index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { prepared, type SignIn } from "../../web/src/signin";
import { SignInProblem } from "../../web/src/signin/config";
import { llm, storage } from "./client";
import logo from "./logo.svg";
import "./page.css";
import { Resume } from "./Resume";

const starters = ["Show revenue by quarter", "Make a contact form", "Compare two products in a table"];

const chat = (
  <AgentInterface
    llm={llm}
    storage={storage}
    componentLibrary={openuiChatLibrary}
    agentName="c1fn"
    logoUrl={logo}
    starters={starters.map((prompt) => ({ displayText: prompt, prompt }))}
  >
    <Resume />
  </AgentInterface>
);

const signedIn = ({ Account, Ended, Gate }: SignIn) => (
  <Gate logo={logo}>
    <div className="signed-in">
      <Account />
      <Ended />
      <div>{chat}</div>
    </div>
  </Gate>
);

async function start(): Promise<void> {
  const root = document.getElementById("root")!;
  try {
    const signIn = await prepared();
    createRoot(root).render(<StrictMode>{signIn ? signedIn(signIn) : chat}</StrictMode>);
  } catch (error) {
    root.textContent = error instanceof SignInProblem ? `${error.title}. ${error.message}` : `${error}`;
  }
}

void start();
