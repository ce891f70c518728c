/**
 * Figures, and the table that shows them.
 *
 * @module
 */

/** One line of the table. */
export interface Figure {
  what: string;
  value: string;
  /** What the bare relay, or whatever it is compared with, took in the same run. */
  other?: string;
  /** Whether that was the relay, so that the picture of docs/speed.md shows it. */
  isBesideRelay?: boolean;
  /** The value over the other's. */
  ratio?: number;
  /** What it has to stay under, where there is a bound. */
  bound?: string;
  /** Whether it does. */
  holds?: boolean;
  /** So far beyond the bound that it can't be this machine's noise. */
  isClearMiss?: boolean;
}

/** Two things measured in turn, a sample a round. */
export interface Pair {
  value: readonly number[];
  other: readonly number[];
}

/** What a pair may come to. */
export interface Limit {
  /** The highest value over the other. */
  ratio?: number;
  /** The highest value above the other. */
  added?: number;
}

/**
 * Ratios stray from run to run on a machine that others use as well, by up to
 * a third. What is further off than this has fallen back. Waits stray by far
 * more: where a time may be added, no miss is a clear one.
 */
export const CLEAR_MISS = 1.7;

/** A line that compares medians. */
export function compare(
  what: string,
  { value, other }: Pair,
  limit: Limit,
  format: (value: number) => string = ms,
): Figure {
  const [a, b] = [percentile(value, 0.5), percentile(other, 0.5)];
  const ratio = a / b;
  const { ratio: most = Infinity, added = Infinity } = limit;
  return {
    what,
    value: format(a),
    other: format(b),
    ratio,
    bound: most < Infinity
      ? `at most ${most} ×`
      : `at most ${format(added)} more`,
    holds: ratio <= most && a - b <= added,
    isClearMiss: ratio > most * CLEAR_MISS,
  };
}

/** The value that this share of the samples stays under. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = Math.ceil(sorted.length * share) - 1;
  return sorted[Math.max(at, 0)] ?? NaN;
}

/** A time for a reader. */
export function ms(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`;
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

/** The table as text. */
export function toTable(figures: readonly Figure[]): string {
  const head = ["", "Parley", "beside it", "ratio", "bound", ""];
  const rows = figures.map((figure) => {
    const { what, value, other = "", ratio, bound = "", holds } = figure;
    const verdict = holds === undefined ? "" : holds ? "ok" : "TOO MUCH";
    return [what, value, other, ratio?.toFixed(2) ?? "", bound, verdict];
  });
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0))
  );
  return [head, ...rows].map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")
      .trimEnd()
  ).join("\n");
}
