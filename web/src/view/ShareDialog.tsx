/** Links to a conversation: made, copied, ended. */
import * as Dialog from "@radix-ui/react-dialog";
import { Link2, Trash2, X } from "lucide-react";
import { useEffect, useState } from "react";
import { Refusal } from "../api/http";
import { listShares, revoke, type Share, share } from "../api/shares";
import type { Thread } from "../api/threads";
import { date, exact } from "../model/time";
import { shareAddress } from "../state/address";
import { IconButton } from "./IconButton";
import { CopyButton } from "./Turn";

type Props = { thread: Thread; open: boolean; onOpenChange: (open: boolean) => void };

export function ShareDialog({ thread, open, onOpenChange }: Props) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog">
          <Dialog.Title>Share this conversation</Dialog.Title>
          <Dialog.Description>
            Anybody who has the link can read the conversation as it stands now. Later messages are not shown, and nobody can answer.
          </Dialog.Description>
          <Links threadId={thread.threadId} />
          <Dialog.Close asChild>
            <IconButton icon={X} name="Close" className="corner" />
          </Dialog.Close>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Links({ threadId }: { threadId: string }) {
  const [links, setLinks] = useState<Share[]>([]);
  const [problem, setProblem] = useState("");
  const [making, setMaking] = useState(false);
  const attempt = (work: Promise<Share[] | ((links: Share[]) => Share[])>) =>
    work.then(setLinks, (error: unknown) => setProblem(error instanceof Refusal ? `${error.title}. ${error.message}` : `${error}`));
  useEffect(() => void attempt(listShares(threadId).then(beside)), [threadId]);
  const make = async () => {
    setMaking(true);
    setProblem("");
    await attempt(share(threadId).then((made) => (others) => [made, ...others]));
    setMaking(false);
  };
  const end = (token: string) => attempt(revoke(token).then(() => links.filter((one) => one.token !== token)));
  return (
    <>
      <ul className="links">
        {links.map(({ token, createdAt, expiresAt }) => (
          <li key={token}>
            <input readOnly aria-label={`Link of ${exact(createdAt)}`} value={shareAddress(token)} onFocus={(event) => event.target.select()} />
            <CopyButton name="Copy link" text={() => shareAddress(token)} />
            <IconButton icon={Trash2} size={15} name="End this link" onClick={() => void end(token)} />
            <small>
              Made {exact(createdAt)}, ends {date(expiresAt)}
            </small>
          </li>
        ))}
      </ul>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <button type="button" className="button primary" disabled={making} onClick={() => void make()}>
        <Link2 size={16} aria-hidden /> {links.length ? "Make another link" : "Make a link"}
      </button>
    </>
  );
}

/** A link that was made while the list was on its way may be missing in it. */
const beside = (listed: Share[]) => (made: Share[]) => [...made.filter(({ token }) => !listed.some((one) => one.token === token)), ...listed];
