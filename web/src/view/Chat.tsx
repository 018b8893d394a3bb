/** The list, and beside it the conversation; on a narrow screen the list lies over it. */
import * as Dialog from "@radix-ui/react-dialog";
import { useArtifact } from "@thesysai/genui-sdk";
import clsx from "clsx";
import { useContext, useEffect, useState, useSyncExternalStore } from "react";
import { SignInContext } from "../signin";
import { tie } from "../state/address";
import { refresh, useConversation } from "../state/conversation";
import { listen } from "../state/tabs";
import { finishDeletions, refreshThreads } from "../state/threads";
import { Conversation } from "./Conversation";
import { Head } from "./Head";
import { Notices } from "./Notices";
import { Sidebar } from "./Sidebar";

const wide = window.matchMedia("(min-width: 768px)");

function subscribe(changed: () => void): () => void {
  wide.addEventListener("change", changed);
  return () => wide.removeEventListener("change", changed);
}

export function Chat() {
  const narrow = !useSyncExternalStore(subscribe, () => wide.matches);
  const [listed, setListed] = useState(true); // beside the conversation
  const [over, setOver] = useState(false); // over it
  const { isArtifactActive, renderArtifact } = useArtifact();
  useServer();
  const signIn = useContext(SignInContext);
  const close = () => (narrow ? setOver(false) : setListed(false));
  const list = <Sidebar close={close} chosen={() => setOver(false)} />;
  return (
    <div className="page">
      {!narrow && listed && <aside className="sidebar">{list}</aside>}
      {narrow && (
        <Dialog.Root open={over} onOpenChange={setOver}>
          <Dialog.Portal>
            <Dialog.Overlay className="overlay" />
            <Dialog.Content className="sidebar over" aria-describedby={undefined} tabIndex={-1} onOpenAutoFocus={focusItself}>
              <Dialog.Title className="unseen">Conversations</Dialog.Title>
              {list}
            </Dialog.Content>
          </Dialog.Portal>
        </Dialog.Root>
      )}
      <main className={clsx("main", isArtifactActive && "beside")}>
        <Head narrow={narrow} listed={listed} openList={() => (narrow ? setOver(true) : setListed(true))} />
        {signIn && <signIn.Ended />}
        <Conversation />
      </main>
      {isArtifactActive && <div className="artifact">{renderArtifact()}</div>}
      <Notices />
    </div>
  );
}

/** Not its first button: that would show its name, which Escape then closes in place of the list. */
function focusItself(event: Event): void {
  event.preventDefault();
  (event.currentTarget as HTMLElement).focus();
}

/** What the server has is shown, now and when it changes. */
function useServer(): void {
  useEffect(() => {
    let left = false;
    let untie = () => undefined as void;
    void finishDeletions().then(() => {
      if (left) return;
      untie = tie();
      void refreshThreads();
    });
    const unlisten = listen((news) => {
      void refreshThreads();
      if (!news || news.thread === useConversation.getState().threadId) void refresh();
    });
    return () => {
      left = true;
      untie();
      unlisten();
    };
  }, []);
}
