import "@fontsource-variable/inter";
import "@crayonai/react-ui/styles/index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./css/base.css";
import "./css/list.css";
import "./css/conversation.css";
import "./css/over.css";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
