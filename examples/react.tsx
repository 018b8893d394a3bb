// The official client on this service. In a Vite project: npm install @thesysai/genui-sdk @crayonai/react-ui
import "@crayonai/react-ui/styles/index.css";
import { C1Chat } from "@thesysai/genui-sdk";
import { createRoot } from "react-dom/client";

const SERVICE = "http://127.0.0.1:8000";

function App() {
  return <C1Chat apiUrl={`${SERVICE}/api/chat`} agentName="c1fn" logoUrl="/logo.svg" />;
}

createRoot(document.getElementById("root")!).render(<App />);
