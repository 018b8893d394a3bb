/** An answer that is no OpenUI Lang, as a program that shows it: plain text and Markdown would show nothing. */
import type { Message } from "@openuidev/react-ui";

const BEGINS = 'root = Card([TextContent("';
const ENDS = '")])';

/** How a program begins: a statement, or a fence around it. */
const PROGRAM = /^\s*(```|\]\]>openui:|\$?[A-Za-z_]\w*\s*=[^=])/;
/** What may still become the beginning of one. */
const UNDECIDED = /^\s*(`{0,2}|\]{0,2}>?|\$?[A-Za-z_]?\w{0,40}\s?=?)$/;

const inString = (text: string): string => JSON.stringify(text).slice(1, -1);

export function shownAsProgram(message: Message): Message {
  if (message.role !== "assistant" || typeof message.content !== "string" || PROGRAM.test(message.content)) return message;
  return { ...message, content: `${BEGINS}${inString(message.content)}${ENDS}` };
}

interface Event {
  type: string;
  messageId?: string;
  delta?: string;
}

/** The events of a run, in which the text of each message is a program. */
export async function* asProgram<E extends Event>(events: AsyncIterable<E>): AsyncGenerator<E> {
  let held = "";
  let form: "undecided" | "program" | "text" = "undecided";
  for await (const event of events) {
    if (event.type === "TEXT_MESSAGE_CONTENT") {
      if (form === "undecided") {
        held += event.delta;
        if (UNDECIDED.test(held)) continue;
        form = PROGRAM.test(held) ? "program" : "text";
        yield { ...event, delta: form === "program" ? held : BEGINS + inString(held) };
        held = "";
      } else yield form === "program" ? event : { ...event, delta: inString(event.delta!) };
      continue;
    }
    if (event.type === "TEXT_MESSAGE_END") {
      const rest = held ? BEGINS + inString(held) + ENDS : form === "text" ? ENDS : "";
      if (rest) yield { ...event, type: "TEXT_MESSAGE_CONTENT", delta: rest };
      [held, form] = ["", "undecided"];
    }
    yield event;
  }
}
