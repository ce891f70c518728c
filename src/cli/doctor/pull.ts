/**
 * Offers to pull a missing Ollama model, and shows how far that is.
 *
 * @module
 */
import { pull } from "../../providers/ollama.ts";
import { explain } from "../../server/log.ts";
import { oneLine, print, printError } from "../_terminal.ts";

/** Asks whether to pull a model, where there is somebody to ask. */
export function offerPull(model: string): boolean {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return false;
  print(`\nPull ${oneLine(model)} now?`);
  return confirm("");
}

/** Pulls a model, and says why where it can't. Returns whether it is there now. */
export async function pullModel(host: string, model: string): Promise<boolean> {
  printError(`\nPulling ${oneLine(model)}; Ctrl+C stops it`);
  const isWatched = Deno.stderr.isTerminal();
  try {
    await pull(host, model, isWatched ? drawBar : () => {});
    printError("");
    return true;
  } catch (error) {
    printError(
      `\nNot pulled: ${oneLine(explain(error))}\n` +
        "    → try again, which goes on from there; names of models are at " +
        "https://ollama.com/library\n",
    );
    return false;
  }
}

const BAR_WIDTH = 30;

/** Draws the bar over the one before. Progress is no result, so it goes to stderr. */
function drawBar(completed: number, total: number): void {
  if (total === 0) return;
  const done = completed / total;
  const bar = "#".repeat(done * BAR_WIDTH).padEnd(BAR_WIDTH, ".");
  const percent = `${Math.floor(done * 100)}`.padStart(3);
  const line = `\r[${bar}] ${percent} % of ${(total / 1e9).toFixed(1)} GB`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}
