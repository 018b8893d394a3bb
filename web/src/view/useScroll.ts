/**
 * Where a conversation stands on the screen: the newest prompt at the top, with its answer growing below it. It is
 * followed to its end when a reader asks for that, and not when they read on their own. Who is at the end stays there
 * while the room for it becomes less: the box that they type into grows.
 */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** Pixels from the end that still count as the end. */
const NEAR = 60;

export function useScroll(area: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>, first?: string, newest?: string) {
  const follows = useRef(false);
  const [away, setAway] = useState(false);
  const seen = useRef({ height: 0, top: 0, room: 0, near: false, first });

  useEffect(() => {
    const box = area.current!;
    const look = () => {
      if (box.clientHeight !== seen.current.room) return; // nobody scrolled: `grown` is next, and needs what was seen before
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      if (box.scrollTop < seen.current.top) follows.current = false;
      Object.assign(seen.current, { top: box.scrollTop, near });
      setAway(!near);
    };
    const grown = new ResizeObserver(() => {
      const less = box.clientHeight < seen.current.room;
      if (follows.current || (less && seen.current.near)) box.scrollTop = box.scrollHeight;
      Object.assign(seen.current, { height: box.scrollHeight, top: box.scrollTop, room: box.clientHeight });
      look();
    });
    grown.observe(content.current!);
    grown.observe(box);
    box.addEventListener("scroll", look, { passive: true });
    return () => {
      grown.disconnect();
      box.removeEventListener("scroll", look);
    };
  }, []);

  useLayoutEffect(() => {
    follows.current = false;
    const prompts = content.current!.querySelectorAll(".turn");
    prompts[prompts.length - 1]?.scrollIntoView({ block: "start" });
  }, [newest]);

  // Older turns come above what is read: it stays where it is.
  useLayoutEffect(() => {
    const box = area.current!;
    const grew = box.scrollHeight - seen.current.height;
    if (seen.current.first && first && seen.current.first !== first && grew > 0) box.scrollTop = seen.current.top + grew;
    Object.assign(seen.current, { first, height: box.scrollHeight });
  }, [first]);

  const toEnd = useCallback(() => {
    follows.current = true;
    area.current!.scrollTop = area.current!.scrollHeight;
  }, []);

  return { away, toEnd };
}
