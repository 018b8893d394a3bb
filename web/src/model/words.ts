/** The words of an answer as Markdown: to copy it, to keep it in a file, and for where it cannot be drawn. */

type Node = { component?: string; props?: Record<string, unknown> };
type Chart = { labels?: unknown[]; series?: { category?: string; values?: unknown[] }[] };

/** Names of fields whose texts say how something looks or works: no words for people. */
const NO_WORDS = /^(component|type|name|variant|icon|iconName|id|src|url|href|key|format|placeholder|language|action|rules)$/;

export function wordsOf(content: string): string {
  const page = new DOMParser().parseFromString(content.replace(/<context>.*/s, ""), "text/html"); // it runs and loads nothing
  page.querySelectorAll("thinkitem").forEach((progress) => progress.remove());
  const parts = page.querySelectorAll("content");
  const text = (parts.length ? parts[parts.length - 1]! : page.body).textContent.trim(); // the last one is what shows
  try {
    return blocks(JSON.parse(text)).join("\n\n") || text;
  } catch {
    return text;
  }
}

/** How the components with an order of their own are written; of all others, every text is a block. */
const WRITTEN: Record<string, (props: Record<string, unknown>) => string[]> = {
  Header: ({ title, subtitle }) => [...line("## ", title), ...line("", subtitle)],
  InlineHeader: ({ heading, description }) => [...line("### ", heading), ...line("", description)],
  FollowUpBlock: () => [],
  Table: ({ tableHeader, tableBody }) => {
    const cells = (row: unknown): unknown[] => blocksOrValues((row as { children?: unknown }).children);
    const head = rowsOf(tableHeader).map((cell) => (cell as { children?: unknown }).children);
    return table(head, rowsOf(tableBody).map(cells));
  },
};

function blocks(value: unknown): string[] {
  if (typeof value === "string") return line("", value);
  if (Array.isArray(value)) return value.flatMap(blocks);
  if (value === null || typeof value !== "object") return [];
  const { component, props } = value as Node;
  const write = component && props && WRITTEN[component];
  if (write) return write(props);
  const chart = (value as { data?: Chart }).data;
  if (Array.isArray(chart?.labels) && Array.isArray(chart.series)) {
    return [...blocks({ ...value, data: null }), ...charted(chart)];
  }
  return Object.entries(value).flatMap(([name, inner]) => (typeof inner !== "object" && NO_WORDS.test(name) ? [] : blocks(inner)));
}

const line = (before: string, text: unknown): string[] => (typeof text === "string" && text.trim() ? [before + text] : []);

const rowsOf = (part: unknown): unknown[] => ((part as { rows?: unknown[] } | undefined)?.rows ?? []);

const blocksOrValues = (cells: unknown): unknown[] =>
  [cells].flat().map((cell) => (cell !== null && typeof cell === "object" ? blocks(cell).join(" ") : cell));

function charted({ labels = [], series = [] }: Chart): string[] {
  const head = ["", ...series.map(({ category }) => category)];
  return table(head, labels.map((label, row) => [label, ...series.map(({ values }) => values?.[row])]));
}

function table(head: unknown[], rows: unknown[][]): string[] {
  const written = (row: unknown[]) => `| ${row.map((cell) => `${cell ?? ""}`.replace(/\|/g, "\\|").replace(/\n/g, " ")).join(" | ")} |`;
  return rows.length ? [[written(head), written(head.map(() => "---")), ...rows.map(written)].join("\n")] : [];
}
