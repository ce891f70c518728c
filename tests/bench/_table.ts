/**
 * Figures, and the table that shows them.
 *
 * @module
 */

/** One line of the table. */
export interface Figure {
  what: string;
  value: string;
  /** What it has to stay under, where there is a bound. */
  bound?: string;
  /** Whether it does. */
  holds?: boolean;
}

/** The value that this share of the samples stays under. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = Math.ceil(sorted.length * share) - 1;
  return sorted[Math.max(at, 0)] ?? NaN;
}

/** A time for a reader. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

/** The table as text. */
export function toTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, value, bound = "", holds }) => [
    what,
    value,
    bound,
    holds === undefined ? "" : holds ? "ok" : "TOO MUCH",
  ]);
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")
      .trimEnd()
  ).join("\n");
}
