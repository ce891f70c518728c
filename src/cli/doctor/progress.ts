/**
 * How far a pull is, in one line that is drawn again and again, or a line
 * every tenth where nobody watches.
 *
 * @module
 */
import type { Progress } from "../../providers/ollama_pull.ts";

/** How to tell. */
export interface ProgressOptions {
  /** Whether a line can be drawn again. */
  isTerminal: boolean;
  /** How many letters fit into a line. */
  columns: number;
  /** Takes text as it is. */
  write: (text: string) => void;
  /** The time in milliseconds. */
  now: () => number;
}

/** What tells how far a pull is. */
export interface ProgressLine {
  /** Tells of a step. */
  draw(progress: Progress): void;
  /** Comes after the last step. */
  end(): void;
}

/** How often a line is drawn again, in milliseconds. */
const REDRAW_MS = 100;

/** Makes what tells a person of each step. */
export function createProgress(
  { isTerminal, columns, write, now }: ProgressOptions,
): ProgressLine {
  const startedAt = now();
  let drawnAt = -Infinity;
  let lastTenth = 0;
  let lastStatus = "";
  let began: number | undefined;

  function draw(progress: Progress): void {
    // What was here before this pull says nothing about its rate.
    began ??= progress.total > 0 ? progress.completed : undefined;
    const seconds = (now() - startedAt) / 1000;
    const line = describe(
      progress,
      (progress.completed - (began ?? 0)) / seconds,
    );
    if (isTerminal) {
      const isLast = progress.status === "success";
      if (now() - drawnAt < REDRAW_MS && !isLast) return;
      drawnAt = now();
      write(`\r\x1b[K${line.slice(0, columns - 1)}`);
      return;
    }
    const { completed, total, status } = progress;
    const tenth = total > 0 ? Math.floor(completed / total * 10) : 0;
    // Of the layers, each of which is a status, one word is enough.
    const word = total > 0 ? status.replace(/ .*/, "") : status;
    if (tenth <= lastTenth && word === lastStatus) return;
    lastTenth = Math.max(tenth, lastTenth);
    lastStatus = word;
    write(`${line}\n`);
  }

  function end(): void {
    if (isTerminal) write("\n");
  }

  return { draw, end };
}

/** One line: a bar, percent, megabytes and megabytes a second. */
function describe(
  { status, completed, total }: Progress,
  bytesPerSecond: number,
): string {
  if (total === 0) return status;
  const done = Math.min(completed / total, 1);
  const bar = "█".repeat(Math.round(done * 20)).padEnd(20, "░");
  const percent = `${Math.floor(done * 100)} %`.padStart(5);
  const of = `${toMegabytes(completed)} of ${toMegabytes(total)} MB`;
  const rate = bytesPerSecond > 0 && Number.isFinite(bytesPerSecond)
    ? `, ${toMegabytes(bytesPerSecond)} MB/s`
    : "";
  const layer = status.startsWith("pulling ") ? "" : `, ${status}`;
  return `${bar} ${percent}, ${of}${rate}${layer}`;
}

function toMegabytes(bytes: number): string {
  const megabytes = bytes / 1e6;
  return megabytes.toFixed(megabytes < 10 ? 1 : 0);
}
