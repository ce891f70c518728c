/**
 * How far a pull is: one line that is drawn again and again, or a line every
 * tenth where nobody watches. Progress is no result, so it goes to stderr.
 *
 * @module
 */
import { oneLine } from "../_terminal.ts";
import type { Progress } from "../../providers/ollama_pull.ts";

/** Where progress is written. */
export interface ProgressOptions {
  /** Whether a line can be drawn again. */
  isTerminal?: boolean;
  /** Takes text as it is. */
  write?: (text: string) => void;
}

/** Makes what tells a person of each step. */
export function createProgress({
  isTerminal = Deno.stderr.isTerminal(),
  write = (text) => Deno.stderr.writeSync(new TextEncoder().encode(text)),
}: ProgressOptions = {}): (progress: Progress) => void {
  const step = isTerminal ? 1 : 10;
  let last = "";
  return ({ status, completed, total }) => {
    const percent = Math.floor(completed / total * 100 / step) * step;
    const line = total > 0 && status !== "success"
      ? `${percent} % of ${(total / 1e9).toFixed(1)} GB`
      : oneLine(status);
    if (line === last) return;
    last = line;
    write(isTerminal ? `\r\x1b[K${line}` : `${line}\n`);
  };
}
