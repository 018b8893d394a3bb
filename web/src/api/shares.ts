/** Links to a conversation as it stands, and what such a link shows. */
import { call, segment } from "./http";
import type { Message } from "./threads";

export type Share = { token: string; threadId: string; title: string; createdAt: string; expiresAt: string };

/** What a link shows. */
export type Shared = { title: string; createdAt: string; expiresAt: string; messages: Message[]; before: number | null };

export async function share(threadId: string): Promise<Share> {
  return (await call("POST", `threads/${segment(threadId)}/shares`)).json();
}

export async function listShares(threadId: string): Promise<Share[]> {
  const { shares }: { shares: Share[] } = await (await call("GET", "shares")).json();
  return shares.filter((one) => one.threadId === threadId);
}

export async function revoke(token: string): Promise<void> {
  await call("DELETE", `shares/${segment(token)}`);
}

export async function openShare(token: string, before: number | null = null): Promise<Shared> {
  const response = await call("GET", `shares/${segment(token)}${before === null ? "" : `?before=${before}`}`);
  const linked = /[?&]before=(\d+)/.exec(response.headers.get("link") ?? "");
  return { ...(await response.json()), before: linked && Number(linked[1]) };
}
