/** Follows an answer that is being written when its thread is opened: its prompt is sent again, as the same run. */
import { useThread, useThreadList } from "@openuidev/react-headless";
import { useEffect } from "react";
import { resume, select, takeRunning } from "./client";

export function Resume(): null {
  const selected = useThreadList((state) => state.selectedThreadId);
  const isLoading = useThread((state) => state.isLoadingMessages);
  const processMessage = useThread((state) => state.processMessage);
  useEffect(() => select(selected), [selected]);
  useEffect(() => {
    const running = isLoading ? undefined : takeRunning();
    if (running && running.threadId === selected) {
      resume(running);
      void processMessage({ role: "user", content: running.prompt });
    }
  }, [isLoading, selected, processMessage]);
  return null;
}
