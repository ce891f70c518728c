/**
 * Measured figures, and the table that shows them.
 *
 * @module
 */

/** One row of the table. */
export interface Figure {
  what: string;
  value: string;
  /** The value of the bare relay, or of another baseline, in the same run. */
  other?: string;
  /** Whether that is the relay, so that the chart of docs/speed.md shows the row. */
  isBesideRelay?: boolean;
  /** The value divided by the other. */
  ratio?: number;
  /** The upper bound, if there is one. */
  bound?: string;
  /** Whether the value is within the bound. */
  holds?: boolean;
  /** Whether the value is so far beyond the bound that noise can't be the cause. */
  isClearMiss?: boolean;
}

/** Two things measured alternately, one sample a round. */
export interface Pair {
  value: readonly number[];
  other: readonly number[];
}

/** The bound of a pair. */
export interface Limit {
  /** The highest ratio of the two medians. */
  ratio?: number;
  /** The highest difference of the two medians. */
  added?: number;
}

/**
 * On a shared machine, ratios vary from run to run by up to a third. A value that
 * exceeds its bound by more than this factor is a regression. Times vary far
 * more: where a bound allows an added time, no miss is a clear one.
 */
export const CLEAR_MISS = 1.7;

/** Makes a row that compares medians. */
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

/** Returns the value that this share of the samples is below. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = Math.ceil(sorted.length * share) - 1;
  return sorted[Math.max(at, 0)] ?? NaN;
}

/** Formats a time. */
export function ms(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`;
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

/** Formats the table as text. */
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
