/**
 * Pulls a model into Ollama and tells how far it is.
 *
 * Wire: https://docs.ollama.com/api/pull
 *
 * @module
 */
import { explain } from "../server/log.ts";
import { whyUnreachable } from "./_diagnosis.ts";
import { toLines } from "./_stream.ts";

/** How far a pull is. */
export interface Progress {
  /** What Ollama is at, in its words. */
  status: string;
  /** Bytes that are here. */
  completed: number;
  /** Bytes in all, as far as is known yet. */
  total: number;
}

/** A model could not be pulled; the message says why and how to fix it. */
export class PullError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "PullError";
}

/**
 * Pulls a model. What was fetched before a pull ended early is not fetched
 * again.
 *
 * @throws {PullError} when it can't be had
 */
export async function* pull(
  host: string,
  model: string,
  signal: AbortSignal,
): AsyncGenerator<Progress, void> {
  const layers = new Map<string, { completed: number; total: number }>();
  let isWhole = false;
  try {
    const body = JSON.stringify({ model, stream: true });
    const request = { method: "POST", body, signal };
    const response = await fetch(`${host}/api/pull`, request);
    for await (const line of readLines(response)) {
      const { status, digest, completed = 0, total, error } = JSON.parse(line);
      if (error !== undefined) throw new Error(error);
      if (digest && total) layers.set(digest, { completed, total });
      isWhole ||= status === "success";
      const all = { completed: 0, total: 0 };
      for (const { completed, total } of layers.values()) {
        all.completed += completed;
        all.total += total;
      }
      yield { status, ...all };
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new PullError(explainPull(error, model), { cause: error });
  }
  if (!isWhole) throw new PullError(BROKEN_OFF);
}

/** The lines of a body. Whoever leaves the loop ends the download. */
async function* readLines(response: Response): AsyncGenerator<string, void> {
  const lines: string[] = [];
  const feed = toLines((line) => lines.push(line));
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    feed(decoder.decode(bytes, { stream: true }));
    yield* lines.splice(0);
  }
  feed("\n");
  yield* lines;
}

const BROKEN_OFF = "the pull broke off: try again, and it goes on from there";

function explainPull(error: unknown, model: string): string {
  const text = error instanceof TypeError
    ? whyUnreachable(error)
    : explain(error);
  if (/error reading a body/i.test(text)) return BROKEN_OFF;
  if (/no space left|disk full|not enough space/i.test(text)) {
    return `Ollama's disk is full (${text}): make room, or set OLLAMA_MODELS there to a folder on another`;
  }
  // In Ollama's own words this reads like a fault of the disk.
  return /file does not exist|manifest unknown/i.test(text)
    ? `there is no model "${model}" to be had: see https://ollama.com/library for their names`
    : `Ollama could not pull ${model}: ${text}`;
}
