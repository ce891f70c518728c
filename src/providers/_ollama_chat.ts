/**
 * How a model of Ollama's is asked, made ready, and looked at while it loads.
 *
 * @module
 */
import type { ChatRequest } from "ollama";
import { connect } from "./_ollama_client.ts";
import { isSameModel, type ModelFinder } from "./_ollama_models.ts";
import { type Model, readLine, toLines, toTools } from "./_ollama_wire.ts";
import { takeResponse, toFetch } from "./_sdk.ts";
import type { Server } from "./_server.ts";
import { Answer, streamAnswer } from "./_stream.ts";
import type {
  PromptBeginning,
  ProviderPart,
  ProviderRequest,
} from "./provider.ts";

/** What every question to one Ollama needs. */
export interface Asked {
  /** Where it is. */
  server: Server;
  /** Knows the model. */
  finder: ModelFinder;
  /** What a request says of the model, and how long an answer may be. */
  toRequest(
    model: Model,
    limit?: { num_predict?: number },
  ): Omit<ChatRequest, "messages" | "stream">;
}

/** A question, or the beginning of all questions. */
export type OllamaQuestion =
  & PromptBeginning
  & Pick<ProviderRequest, "toolChoice" | "signal">;

/**
 * Asks, and passes on the answer.
 *
 * @param toLimitOf how long the answer may be
 */
export function stream(
  { server, finder, toRequest }: Asked,
  question: OllamaQuestion,
  toLimitOf: (model: Model) => { num_predict?: number },
  answer?: Answer,
): AsyncIterable<ProviderPart> {
  return streamAnswer(server, {
    format: "ndjson",
    signal: question.signal,
    async send(signal) {
      const fetch = toFetch(server, signal);
      const model = await finder.find(await connect(server, fetch));
      return await takeResponse(async (fetch) => {
        const client = await connect(server, fetch);
        await client.chat({
          ...toRequest(model, toLimitOf(model)),
          messages: toLines(question),
          stream: true,
          ...toTools(question, model),
        });
      }, fetch);
    },
    read: (line, answer) => readLine(JSON.parse(line), answer),
  }, answer);
}

/** Loads the model and has it read the beginning, for which it must say a word. */
export async function prepare(
  asked: Asked,
  question: OllamaQuestion,
): Promise<void> {
  const answer = new Answer("ollama");
  const limit = () => ({ num_predict: 1 });
  let parts = 0;
  try {
    for await (const _ of stream(asked, question, limit, answer)) {
      // One that says more than it was asked to is left.
      if (++parts >= 8) return;
    }
  } catch (error) {
    // An answer without a word is as good here.
    if (answer.end === undefined) throw error;
  }
}

/**
 * Ollama lists a model once it has begun to load it, and answers a request
 * without a prompt when it has loaded it.
 */
export async function isLoading(
  { server, finder, toRequest }: Asked,
  signal: AbortSignal,
): Promise<boolean> {
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
  let isListed = false;
  try {
    const client = await connect(server, toFetch(server, inTime));
    const request = toRequest(await finder.find(client));
    const { models } = await client.ps();
    isListed = models.some(({ name }) => isSameModel(name, request.model));
    if (!isListed) return true;
    const askedAt = performance.now();
    await client.generate({ ...request, stream: false, prompt: "" });
    // It has loaded it just now, and has yet to read the prompt.
    return performance.now() - askedAt > LOADED_MS;
  } catch {
    return isListed && inTime.aborted && !signal.aborted;
  }
}

/** How long Ollama may take to tell whether it is loading a model. */
const LOOK_MS = 1_000;

/** A model that is loaded answers a request without a prompt sooner. */
const LOADED_MS = 250;
