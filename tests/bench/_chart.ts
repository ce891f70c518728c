/**
 * The chart of docs/speed.md: Parley as a multiple of a bare relay, one bar a
 * scenario. It has its own background and follows the reader's light or dark
 * mode, so that it can be read on any page.
 *
 * @module
 */
import type { Figure } from "./_table.ts";

const WIDTH = 840;
const ROW = 27;
const TOP = 96;
/** The position of the bars, and the width of the longest. */
const BARS = { x: 326, width: 286 };
/** The right edges of the columns of figures. */
const COLUMNS = { parley: 734, relay: WIDTH - 20 };

const STYLE = `<style>
  .ground { fill: #ffffff; stroke: #d1d9e0 }
  text { font: 13px system-ui, "Segoe UI", "Liberation Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .group { font-weight: 600 }
  .soft { fill: #59636e }
  .bar { fill: #0969da }
  .line { stroke: #59636e; stroke-dasharray: 3 3 }
  .end { text-anchor: end }
  .middle { text-anchor: middle }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 }
    .bar { fill: #4493f8 }
    .line { stroke: #9198a1 }
  }
</style>`;

/** A row of the table that has a comparison to draw. */
type Row = Figure & { other: string; ratio: number };

/** Draws the rows that compare Parley with the relay, with a note below on how they were measured. */
export function toSvg(figures: readonly Figure[], note: string): string {
  const rows = figures.filter((figure): figure is Row =>
    figure.isBesideRelay === true && figure.ratio !== undefined
  );
  const scale = BARS.width / Math.max(2, ...rows.map(({ ratio }) => ratio));
  const parts: string[] = [];
  let y = TOP;
  // The first part of the name, up to the comma, is the heading.
  const groups = Map.groupBy(rows, ({ what }) => what.split(", ", 1)[0] ?? "");
  for (const [group, members] of groups) {
    parts.push(text(group, 20, y + 17, "group"));
    y += ROW;
    for (const row of members) {
      parts.push(toBar(row, row.what.slice(group.length + 2), y, scale));
      y += ROW;
    }
  }
  const relay = BARS.x + scale;
  parts.push(
    text("Parley beside a bare relay", 20, 32, "title"),
    text(
      "A bar is Parley as a multiple of the relay: the shorter, the faster.",
      ...[20, 53, "soft"] as const,
    ),
    text("the relay", relay, TOP - 12, "soft middle"),
    text("Parley", COLUMNS.parley, TOP - 12, "soft end"),
    text("relay", COLUMNS.relay, TOP - 12, "soft end"),
    `<path class="line" d="M${fixed(relay)} ${TOP - 6}V${y}"/>`,
    text(note, 20, y + 26, "soft"),
  );
  const height = y + 44;
  const told = rows.map(({ what, ratio }) => `${what}: ${ratio.toFixed(2)}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>Parley as a multiple of a bare relay. ${told.join("; ")}</title>
${STYLE}
<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${
    height - 1
  }" rx="8"/>
${parts.join("\n")}
</svg>
`;
}

function toBar(row: Row, label: string, y: number, scale: number): string {
  const length = row.ratio * scale;
  return [
    text(label, 20, y + 17),
    `<rect class="bar" x="${BARS.x}" y="${y + 5}" width="${
      fixed(length)
    }" height="16" rx="2"/>`,
    text(row.ratio.toFixed(2), BARS.x + length + 6, y + 17),
    text(row.value, COLUMNS.parley, y + 17, "end"),
    text(row.other, COLUMNS.relay, y + 17, "soft end"),
  ].join("\n");
}

function text(words: string, x: number, y: number, style = ""): string {
  const look = style === "" ? "" : ` class="${style}"`;
  return `<text${look} x="${fixed(x)}" y="${y}">${words}</text>`;
}

function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}
