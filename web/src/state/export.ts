/** A conversation as a file. */
import { loadMessages, type Message, type Thread } from "../api/threads";
import { read } from "../model/c1";
import { labelsFor } from "../model/forms";
import { exact } from "../model/time";
import { turnsOf } from "../model/turns";
import { wordsOf } from "../model/words";
import { tell } from "./notices";

/** Turns of one request: the most that the server gives. */
const PAGE = 100;

export const saveJson = (thread: Thread) =>
  saved(thread, "json", "application/json", (messages) => JSON.stringify({ ...thread, messages }, null, 2));

export const saveMarkdown = (thread: Thread) =>
  saved(thread, "md", "text/markdown", (messages) => {
    const turns = turnsOf(messages).map(({ prompt, answer }, index, all) => {
      const { words, fields } = read(prompt.content, labelsFor(all, index));
      const filled = fields.map(({ label, value }) => `- ${label}: ${value}`).join("\n");
      return ["## You", words, filled, "## Answer", wordsOf(answer)].filter(Boolean).join("\n\n");
    });
    return [`# ${thread.title}`, exact(thread.createdAt), ...turns].join("\n\n") + "\n";
  });

async function saved(thread: Thread, ending: string, type: string, write: (messages: Message[]) => string): Promise<void> {
  try {
    const blob = new Blob([write(await all(thread.threadId))], { type });
    const href = URL.createObjectURL(blob);
    Object.assign(document.createElement("a"), { href, download: `${fileName(thread.title)}.${ending}` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 0);
  } catch (error) {
    tell(error);
  }
}

async function all(threadId: string): Promise<Message[]> {
  const pages: Message[][] = [];
  let before: number | null = null;
  do {
    const page = await loadMessages(threadId, before, PAGE);
    pages.unshift(page.messages);
    before = page.before;
  } while (before !== null);
  return pages.flat();
}

/** What every file system takes. */
const fileName = (title: string): string => title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation";
