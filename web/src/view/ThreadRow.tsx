/** A conversation in the list. */
import clsx from "clsx";
import { GitBranch, Pencil, Trash2 } from "lucide-react";
import { memo, useState } from "react";
import type { Thread } from "../api/threads";
import { exact, short } from "../model/time";
import { openNew, openThread, useConversation } from "../state/conversation";
import { remove, rename } from "../state/threads";
import { Menu } from "./Menu";

type Props = { thread: Thread; selected: boolean; chosen: () => void };

export const ThreadRow = memo(function ThreadRow({ thread, selected, chosen }: Props) {
  const [renaming, setRenaming] = useState(false);
  if (renaming) return <Rename thread={thread} close={() => setRenaming(false)} />;
  const items = [
    { name: "Rename", icon: Pencil, run: () => setRenaming(true) },
    { name: "Delete", icon: Trash2, run: () => removed(thread), danger: true },
  ];
  return (
    <div className={clsx("row", selected && "selected")}>
      <a
        href={`?${new URLSearchParams({ thread: thread.threadId })}`}
        aria-current={selected ? "page" : undefined}
        title={`${thread.title}\n${exact(thread.updatedAt)}`}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return; // into a new tab or window
          event.preventDefault();
          if (!selected) void openThread(thread.threadId);
          chosen();
        }}
      >
        {thread.forkedFrom && <GitBranch size={13} aria-label="Branch:" />}
        <span className="title" dir="auto">
          {thread.title}
        </span>
        {thread.isRunning ? <span className="running" role="img" aria-label="An answer is being written" /> : <time>{short(thread.updatedAt)}</time>}
      </a>
      <Menu name={`Options of ${thread.title}`} items={items} className="options" />
    </div>
  );
});

/** Delete it; a person who was reading it begins a new conversation. */
export function removed(thread: Thread): void {
  if (useConversation.getState().threadId === thread.threadId) openNew();
  remove(thread);
}

/** Characters of a title that the server takes. */
const TITLE = 200;

export function Rename({ thread, close }: { thread: Thread; close: () => void }) {
  const [title, setTitle] = useState(thread.title);
  const done = () => {
    close();
    if (title.trim() && title.trim() !== thread.title) void rename(thread.threadId, title.trim());
  };
  return (
    <form
      className="rename"
      onSubmit={(event) => {
        event.preventDefault();
        done();
      }}
    >
      <input
        autoFocus
        dir="auto"
        aria-label="Title"
        maxLength={TITLE}
        value={title}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setTitle(event.target.value)}
        onBlur={done}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          event.stopPropagation(); // it closes no list
          close();
        }}
      />
    </form>
  );
}
