// The official client as its documentation introduces it: one component, one address.
import "@crayonai/react-ui/styles/index.css";
import { C1Chat } from "@thesysai/genui-sdk";
import { createRoot } from "react-dom/client";

const pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";

createRoot(document.getElementById("root")!).render(<C1Chat apiUrl="api/chat" agentName="client" logoUrl={pixel} />);
