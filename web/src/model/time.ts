/** When something was, in as few characters as tell it. */

const DAY = 86_400_000;

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

function daysAgo(at: Date, now: Date): number {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  return Math.ceil((midnight.getTime() - at.getTime()) / DAY);
}

export function short(iso: string, now = new Date()): string {
  const at = new Date(iso);
  const days = daysAgo(at, now);
  if (days <= 0) return time.format(at);
  if (days < 7) return weekday.format(at);
  return (at.getFullYear() === now.getFullYear() ? day : year).format(at);
}

export const exact = (iso: string): string => full.format(new Date(iso));

export const date = (iso: string): string => year.format(new Date(iso));

/** The heading under which a list shows it. */
export function group(iso: string, now = new Date()): string {
  const days = daysAgo(new Date(iso), now);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days <= 7) return "Previous 7 days";
  if (days <= 30) return "Previous 30 days";
  return "Older";
}
