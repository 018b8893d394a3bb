import "@crayonai/react-ui/styles/index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./Chat";
import { name } from "./names";
import "./page.css";

const root = document.getElementById("root")!;
name(root);
createRoot(root).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);
