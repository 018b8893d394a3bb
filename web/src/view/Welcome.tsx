/** What a new conversation shows. */
import { send } from "../state/conversation";
import { ChartColumn, ClipboardList, Table2 } from "lucide-react";
import logo from "../logo.svg";

const STARTERS = [
  { icon: ChartColumn, words: "Show a chart", more: "Figures, drawn while they arrive" },
  { icon: Table2, words: "Show a table", more: "Rows and columns" },
  { icon: ClipboardList, words: "Make a contact form", more: "Fill it in, and its answer comes back" },
];

export function Welcome() {
  return (
    <div className="welcome">
      <img src={logo} alt="" width={48} height={48} />
      <p className="question">What would you like to see?</p>
      <ul>
        {STARTERS.map(({ icon: Icon, words, more }) => (
          <li key={words}>
            <button type="button" className="starter" onClick={() => void send(words)}>
              <Icon size={18} aria-hidden />
              <span>
                <strong>{words}</strong>
                <small>{more}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
