/** The official client on c1fn's endpoints: thread list, form state, stop, and answers that survive a reload. */
import { C1Chat, processStreamedMessage, ThemeProvider, useThreadListManager, useThreadManager } from "@thesysai/genui-sdk";
import { useEffect, useRef, useState } from "react";
import { useAnswersApart } from "./Answer";
import * as api from "./api";
import { errorCard } from "./cards";
import logo from "./logo.svg";
import { useTheme } from "./theme";

const STARTERS = ["Show a chart", "Show a table", "Make a contact form"];

/** Which answer is being written, and where. */
type Running = { threadId: string; responseId: string };

export function Chat() {
  const asked = useRef<Running>(undefined); // by this page
  const [met, meet] = useState<Running>(); // found running when its thread was opened
  const [saving] = useState(() => inOrder());

  const threads = useThreadListManager({
    fetchThreadList: api.listThreads,
    createThread: async ({ message }) => {
      const threadId = crypto.randomUUID();
      const unsaved = { threadId, title: message ?? "", createdAt: new Date() };
      return api.createThread(threadId, message ?? "").catch(() => unsaved); // the answer will tell what is wrong
    },
    deleteThread: api.deleteThread,
    updateThread: api.renameThread,
    onSwitchToNew: () => show(null),
    onSelectThread: show,
  });

  const thread = useThreadManager({
    threadListManager: threads,
    loadThread: async (threadId) => {
      meet(undefined);
      try {
        const { messages, running } = await api.loadThread(threadId);
        if (running) meet({ threadId, responseId: running });
        return messages;
      } catch (error) {
        return [{ id: crypto.randomUUID(), role: "assistant", content: told(error) }];
      }
    },
    processMessage: async ({ threadId, messages, responseId, abortController }) => {
      asked.current = { threadId, responseId };
      return api.ask(threadId, responseId, messages.at(-1)!, abortController.signal);
    },
    onUpdateMessage: ({ message }) => {
      const threadId = threads.selectedThreadId;
      if (threadId) saving(() => api.saveAnswer(threadId, message));
    },
  });

  const following = met !== undefined && met.threadId === threads.selectedThreadId;
  useAddress(threads.selectThread, threads.switchToNewThread);
  useEffect(() => {
    if (!met || !following || thread.isLoadingMessages) return;
    const left = new AbortController();
    const { appendMessages, updateMessage } = thread;
    const response = api.follow(met.threadId, met.responseId, left.signal);
    processStreamedMessage({ response, createMessage: appendMessages, updateMessage, id: met.responseId })
      .catch(() => undefined) // the reader has gone to another thread
      .finally(() => left.signal.aborted || meet(undefined));
    return () => left.abort();
  }, [met, following, thread.isLoadingMessages]);

  const responseTemplates = useAnswersApart(thread.responseTemplates);
  const shown = { ...thread, responseTemplates, isRunning: thread.isRunning || following, processMessage, onCancel };

  async function processMessage(message: Parameters<typeof thread.processMessage>[0]): Promise<void> {
    await thread.processMessage(message).catch((error: Error) => {
      if (error.name !== "AbortError") throw error; // its reader has gone to another thread
    });
  }

  function onCancel(): void {
    const running = following ? met : asked.current;
    if (running) api.stop(running.threadId, running.responseId).then((heard) => heard || leave(), leave);
  }

  /** The server ends the answer it is asked to stop; without it, at least this page stops waiting. */
  function leave(): void {
    thread.onCancel();
    meet(undefined);
  }

  return (
    <ThemeProvider mode={useTheme()}>
      <C1Chat
        agentName="c1fn"
        logoUrl={logo}
        disableThemeProvider
        threadListManager={threads}
        threadManager={shown}
        welcomeMessage={{ title: "What would you like to see?", description: "Ask for a chart, a table or a form.", image: { url: logo } }}
        conversationStarters={{ variant: "short", options: STARTERS.map((text) => ({ displayText: text, prompt: text })) }}
      />
    </ThemeProvider>
  );
}

/** The address names the thread, so that a reload, a link and the back button find it. */
function useAddress(select: (threadId: string) => void, leave: () => void): void {
  useEffect(() => {
    const go = () => {
      const threadId = named();
      if (threadId) select(threadId);
      else leave();
    };
    if (named()) go();
    window.addEventListener("popstate", go);
    return () => window.removeEventListener("popstate", go);
  }, []);
}

const named = (): string | null => new URLSearchParams(window.location.search).get("thread");

function show(threadId: string | null): void {
  if (threadId === named()) return;
  const query = threadId === null ? "" : `?${new URLSearchParams({ thread: threadId })}`;
  window.history.pushState(null, "", window.location.pathname + query);
}

function told(error: unknown): string {
  if (error instanceof api.Refusal) return errorCard(error.title, error.message);
  return errorCard("The server does not answer", "This conversation could not be loaded. Reload the page to try again.");
}

/** Runs saves one after the other, so that the last one wins. */
function inOrder(): (save: () => Promise<void>) => void {
  let last = Promise.resolve();
  return (save) => {
    last = last.then(save).catch((error: unknown) => console.warn("The form's state was not saved.", error));
  };
}
