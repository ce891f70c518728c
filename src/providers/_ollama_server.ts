/**
 * Ollama's server: which models it has, how one is asked through `npm:ollama`,
 * and whether it is loaded.
 *
 * Wire: https://docs.ollama.com/api
 *
 * @module
 */
import type { Ollama } from "ollama";
import type { Model, toBody, toRequest } from "./_ollama_wire.ts";
import {
  type Fetch,
  requestBySdk,
  requestJson,
  type Server,
} from "./_server.ts";

/** The model that is asked for when none is named and none is installed. */
export const DEFAULT_MODEL = "qwen3.5:4b";

/** Asks what a model can do. */
export function describe(
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<Partial<Model>> {
  return requestJson<Model>(server, "/api/show", signal, { model });
}

/** Chooses the default model where it is pulled, else the smallest that can chat. */
export async function chooseModel(
  server: Server,
  signal: AbortSignal,
): Promise<string> {
  type Pulled = { models: { name: string; size: number }[] };
  const path = "/api/tags";
  const { models = [] } = await requestJson<Pulled>(server, path, signal);
  if (models.some(({ name }) => name === DEFAULT_MODEL)) return DEFAULT_MODEL;
  const bySize = models
    // Entries of Ollama's cloud are a few hundred bytes: not on this machine.
    .filter(({ size }) => size > 1_000_000)
    .sort((a, b) => a.size - b.size);
  for (const { name } of bySize) {
    const { capabilities } = await describe(server, name, signal);
    if (capabilities?.includes("completion") ?? true) return name;
  }
  return DEFAULT_MODEL;
}

/** Has the SDK ask, and hands out the response. */
export function chat(
  server: Server,
  body: ReturnType<typeof toBody>,
  signal: AbortSignal,
): Promise<Response> {
  return requestBySdk(server, signal, async (fetch) => {
    const client = await connect(server, fetch);
    await client.chat(body);
  });
}

let sdk: Promise<typeof import("ollama")> | undefined;

/**
 * Makes a client that asks by this `fetch`: one for each question, since an
 * abort ends all streams of a client. The SDK takes 140 million instructions to
 * load: only for those who use it.
 */
export async function connect(
  { url: host }: Server,
  fetch: Fetch,
): Promise<Ollama> {
  const { Ollama } = await (sdk ??= import("ollama"));
  return new Ollama({ host, fetch });
}

/** How long Ollama may take to tell whether it is loading a model. */
const LOOK_MS = 1_000;

/** A model that is loaded answers a request without a prompt sooner. */
const LOADED_MS = 250;

/**
 * Ollama lists a model once it has begun to load it, and answers a request
 * without a prompt when it has loaded it.
 */
export async function isLoading(
  server: Server,
  find: (signal: AbortSignal) => Promise<ReturnType<typeof toRequest>>,
  signal: AbortSignal,
): Promise<boolean> {
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
  let isListed = false;
  try {
    const request = await find(inTime);
    type Loaded = { models: { name: string }[] };
    const path = "/api/ps";
    const { models = [] } = await requestJson<Loaded>(server, path, inTime);
    // Without a tag, a name means the tag `latest`.
    const names = [request.model, `${request.model}:latest`];
    isListed = models.some(({ name }) => names.includes(name));
    if (!isListed) return true;
    const askedAt = performance.now();
    const body = { ...request, stream: false, prompt: "" };
    await requestJson(server, "/api/generate", inTime, body);
    // It has loaded it just now, and has yet to read the prompt.
    return performance.now() - askedAt > LOADED_MS;
  } catch {
    return isListed && inTime.aborted && !signal.aborted;
  }
}
