/**
 * Pulls a model into Ollama and tells how far it is.
 *
 * Wire: https://docs.ollama.com/api/pull
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import { whyUnreachable } from "./net.ts";

/** How far a pull is. */
export interface Progress {
  /** What Ollama is at, in its words. */
  status: string;
  /** Bytes that are here. */
  completed: number;
  /** Bytes in all, as far as is known yet. */
  total: number;
}

/** A model could not be pulled; the message says why and how to mend it. */
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
  const { Ollama } = await import("ollama");
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const client = new Ollama({
    host,
    fetch: async (url, init) => {
      const response = await fetch(url, { ...init, signal: either });
      // The SDK stops reading where it likes; through a pipe, the rest of the
      // body is let go with the signal.
      return new Response(
        response.body?.pipeThrough(new TransformStream(), { signal: either }),
        response,
      );
    },
  });
  const layers = new Map<string, { completed: number; total: number }>();
  let succeeded = false;
  try {
    const steps = await client.pull({ model, stream: true });
    for await (const { status, digest, completed = 0, total } of steps) {
      if (digest && total) layers.set(digest, { completed, total });
      succeeded ||= status === "success";
      yield { status, ...sum(layers.values()) };
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new PullError(explainPull(error, model), { cause: error });
  } finally {
    done.abort();
  }
  if (!succeeded) throw new PullError(BROKEN_OFF);
}

function sum(
  layers: Iterable<{ completed: number; total: number }>,
): { completed: number; total: number } {
  const all = { completed: 0, total: 0 };
  for (const { completed, total } of layers) {
    all.completed += completed;
    all.total += total;
  }
  return all;
}

const BROKEN_OFF = "the pull broke off: try again, and it goes on from there";

function explainPull(error: unknown, model: string): string {
  const text = explain(error);
  if (/no space left|disk full|not enough space/i.test(text)) {
    return `Ollama's disk is full (${text}): make room, or set OLLAMA_MODELS there to a folder on another`;
  }
  if (/file does not exist|not found|manifest unknown/i.test(text)) {
    return `there is no model "${model}" to be had: see https://ollama.com/library for their names`;
  }
  if (/newer version of ollama/i.test(text)) {
    return `Ollama is too old for ${model}: update it, https://ollama.com/download`;
  }
  if (/dial tcp|lookup|i\/o timeout|no such host/i.test(text)) {
    return `Ollama can't reach its library (${text}): check its network`;
  }
  if (/did not receive done|error reading a body/i.test(text)) {
    return BROKEN_OFF;
  }
  return `Ollama could not pull ${model}: ${
    error instanceof TypeError ? whyUnreachable(error) : text
  }`;
}
