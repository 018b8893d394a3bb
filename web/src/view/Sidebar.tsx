/** The list of conversations. */
import { PanelLeft, Search, SquarePen } from "lucide-react";
import { useContext, useEffect, useMemo, useRef } from "react";
import type { Thread } from "../api/threads";
import logo from "../logo.svg";
import { group } from "../model/time";
import { SignInContext } from "../signin";
import { openNew, useConversation } from "../state/conversation";
import { refreshThreads, useThreads } from "../state/threads";
import { IconButton } from "./IconButton";
import { ThemeSwitch } from "./ThemeSwitch";
import { ThreadRow } from "./ThreadRow";

type Props = { close: () => void; chosen: () => void };

export function Sidebar({ close, chosen }: Props) {
  const { threads, loaded, complete, problem, search } = useThreads();
  const signIn = useContext(SignInContext);
  const selected = useConversation((state) => state.threadId);
  const found = useMemo(() => threads.filter(({ title }) => matches(title, search)), [threads, search]);
  return (
    <>
      <header className="brand">
        <img src={logo} alt="" width={26} height={26} />
        <span>c1fn</span>
        <IconButton icon={PanelLeft} name="Hide conversations" onClick={close} />
      </header>
      <button
        type="button"
        className="new"
        onClick={() => {
          openNew();
          chosen();
        }}
      >
        <SquarePen size={17} aria-hidden />
        New conversation
      </button>
      <label className="search">
        <Search size={16} aria-hidden />
        <input
          type="search"
          aria-label="Search conversations"
          placeholder="Search"
          value={search}
          onChange={(event) => useThreads.setState({ search: event.target.value })}
        />
      </label>
      <nav aria-label="Conversations" tabIndex={-1}>
        {problem && (
          <p className="empty" role="alert">
            {problem.title}. {problem.message}
            <button type="button" className="button" onClick={() => void refreshThreads()}>
              Try again
            </button>
          </p>
        )}
        {grouped(found).map(([heading, ones]) => (
          <Group key={heading} heading={heading} threads={ones} selected={selected} chosen={chosen} />
        ))}
        {loaded && !problem && found.length === 0 && (
          <p className="empty">{threads.length ? "No title has these words." : "Your conversations will be listed here."}</p>
        )}
        {!complete && <p className="empty">The newest {threads.length} conversations are listed.</p>}
      </nav>
      <footer>
        {signIn && <signIn.Account />}
        <ThemeSwitch />
      </footer>
    </>
  );
}

function Group({ heading, threads, selected, chosen }: { heading: string; threads: Thread[]; selected: string | null; chosen: () => void }) {
  const current = useRef<HTMLLIElement>(null);
  const has = threads.some(({ threadId }) => threadId === selected);
  useEffect(() => {
    current.current?.scrollIntoView({ block: "nearest" });
  }, [selected, has]);
  return (
    <section>
      <h2>{heading}</h2>
      <ul>
        {threads.map((thread) => (
          <li key={thread.threadId} ref={thread.threadId === selected ? current : undefined}>
            <ThreadRow thread={thread} selected={thread.threadId === selected} chosen={chosen} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Every word that is searched for is in the title, in any order. */
function matches(title: string, search: string): boolean {
  const folded = fold(title);
  return fold(search)
    .split(/\s+/)
    .every((word) => folded.includes(word));
}

/** Without case and accents: "résumé" is found by "resume". */
const fold = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();

function grouped(threads: Thread[]): [string, Thread[]][] {
  const groups = new Map<string, Thread[]>();
  for (const thread of threads) {
    const heading = group(thread.updatedAt);
    groups.set(heading, [...(groups.get(heading) ?? []), thread]);
  }
  return [...groups];
}
