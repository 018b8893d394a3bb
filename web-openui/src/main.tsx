import { AgentInterface } from "@openuidev/react-ui";
import { openuiChatLibrary } from "@openuidev/react-ui/genui-lib";
import "@openuidev/react-ui/index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { llm, storage } from "./client";
import logo from "./logo.svg";
import "./page.css";
import { Resume } from "./Resume";

const starters = ["Show revenue by quarter", "Make a contact form", "Compare two products in a table"];

createRoot(document.getElementById("root")!).render(
  <StrictMode>
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
  </StrictMode>,
);
