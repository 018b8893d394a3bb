/** The title of the conversation, and what can be done with the whole of it. */
import { Braces, FileText, Menu as MenuIcon, PanelLeft, Pencil, Share, SquarePen, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { saveJson, saveMarkdown } from "../state/export";
import { openNew, useConversation } from "../state/conversation";
import { useThreads } from "../state/threads";
import { IconButton } from "./IconButton";
import { Menu } from "./Menu";
import { ShareDialog } from "./ShareDialog";
import { removed, Rename } from "./ThreadRow";

type Props = { narrow: boolean; listed: boolean; openList: () => void };

export function Head({ narrow, listed, openList }: Props) {
  const threadId = useConversation((state) => state.threadId);
  const ready = useConversation((state) => state.status === "ready");
  const thread = useThreads((state) => state.threads.find((one) => one.threadId === threadId));
  const [renaming, setRenaming] = useState(false);
  const [sharing, setSharing] = useState(false);
  const title = thread?.title ?? (ready ? "New conversation" : "Conversation");
  useEffect(() => {
    document.title = thread ? `${title} · c1fn` : "c1fn";
  }, [thread, title]);
  return (
    <header className="head">
      {narrow && <IconButton icon={MenuIcon} name="Show conversations" onClick={openList} />}
      {!narrow && !listed && <IconButton icon={PanelLeft} name="Show conversations" onClick={openList} />}
      {renaming && thread ? (
        <>
          <h1 className="unseen">{title}</h1>
          <Rename thread={thread} close={() => setRenaming(false)} />
        </>
      ) : (
        <h1 dir="auto" title={title} className={thread ? undefined : "faint"}>
          {title}
        </h1>
      )}
      {thread && ready && (
        <>
          <IconButton icon={Share} size={17} name="Share" onClick={() => setSharing(true)} />
          <Menu
            name="More"
            items={[
              { name: "Rename", icon: Pencil, run: () => setRenaming(true) },
              { name: "Export as Markdown", icon: FileText, run: () => void saveMarkdown(thread) },
              { name: "Export as JSON", icon: Braces, run: () => void saveJson(thread) },
              { name: "Delete", icon: Trash2, run: () => removed(thread), danger: true },
            ]}
          />
          <ShareDialog thread={thread} open={sharing} onOpenChange={setSharing} />
        </>
      )}
      {(narrow || !listed) && threadId !== null && <IconButton icon={SquarePen} size={17} name="New conversation" onClick={openNew} />}
    </header>
  );
}
