/** Short notices at the edge of the screen. */
import { create } from "zustand";
import { Refusal } from "../api/http";

/** Milliseconds: time enough to read a sentence, and to press a button. */
export const SHOWN = 8000;

export type Notice = { id: number; text: string; act?: { name: string; run: () => void } };

export const useNotices = create<Notice[]>(() => []);

let newest = 0;

export function notice(text: string, act?: Notice["act"]): void {
  newest += 1;
  const one: Notice = { id: newest, text, ...(act && { act }) };
  useNotices.setState((notices) => [...notices.slice(-2), one], true);
  setTimeout(() => dismiss(one.id), SHOWN);
}

export function dismiss(id: number): void {
  useNotices.setState((notices) => notices.filter((one) => one.id !== id), true);
}

/** An error that nothing on the screen has a place for. */
export function tell(error: unknown): void {
  notice(error instanceof Refusal ? `${error.title}. ${error.message}` : `${error}`);
}
