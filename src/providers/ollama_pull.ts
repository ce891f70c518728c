/**
 * Pulls a model into Ollama and tells how far it is.
 *
 * Wire: https://docs.ollama.com/api/pull
 *
 * @module
 */
import { explain } from "../server/log.ts";
import { connect, toServer } from "./_ollama_wire.ts";
import { request } from "./_server.ts";
import { ollamaSettings } from "./ollama.ts";

/** How far a pull is. */
export interface Progress {
  /** What Ollama is at, in its words. */
  status: string;
  /** Bytes that are here. */
  completed: number;
  /** Bytes in all, as far as is known yet. */
  total: number;
}

/**
 * Pulls a model. What was fetched before a pull ended early is not fetched
 * again.
 *
 * @throws {Error} when it can't be had; the message says why and how to fix it
 */
export async function* pull(
  host: string,
  model: string,
  signal: AbortSignal,
): AsyncGenerator<Progress, void> {
  const layers = new Map<string, { completed: number; total: number }>();
  // Whoever leaves the loop ends the download, which the SDK doesn't.
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  try {
    const server = toServer(host, ollamaSettings, () => model);
    const client = await connect(
      server,
      (url, init) => request(server, url, { ...init, signal: until }),
    );
    for await (const step of await client.pull({ model, stream: true })) {
      const { status, digest, completed = 0, total } = step;
      if (digest && total) layers.set(digest, { completed, total });
      const all = { completed: 0, total: 0 };
      for (const { completed, total } of layers.values()) {
        all.completed += completed;
        all.total += total;
      }
      yield { status, ...all };
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(explainPull(error, model), { cause: error });
  } finally {
    over.abort();
  }
}

function explainPull(error: unknown, model: string): string {
  const text = explain(error);
  if (/error reading a body|did not receive done/i.test(text)) {
    return "the pull broke off: try again, and it goes on from there";
  }
  if (/no space left|disk full|not enough space/i.test(text)) {
    return `Ollama's disk is full (${text}): make room, or set OLLAMA_MODELS there to a folder on another`;
  }
  // In Ollama's own words this reads like a fault of the disk.
  return /file does not exist|manifest unknown/i.test(text)
    ? `there is no model "${model}" to be had: see https://ollama.com/library for their names`
    : `Ollama could not pull ${model}: ${text}`;
}
