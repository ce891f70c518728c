/**
 * Google Gemini, through `@google/generative-ai`.
 *
 * The SDK's stream is read part by part and its conveniences are left alone:
 * `text()` would speak the model's thoughts, `response` garbles chunks of
 * several parts, `timeout` cuts a healthy stream, and leaving the loop does
 * not stop the download. Each is met where it is commented below.
 *
 * Wire: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
 *
 * @module
 */
import type {
  EnhancedGenerateContentResponse,
  Part,
} from "@google/generative-ai";
import { holdResponses, link } from "./_link.ts";
import {
  isRetryableStatus,
  type Message,
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
  type Usage,
} from "./provider.ts";

/** What is needed to reach Gemini. */
export interface GeminiOptions {
  /** From https://aistudio.google.com/apikey */
  apiKey: string;
  /** As Gemini spells it, e.g. `gemini-3.5-flash-lite`. */
  model: string;
  /** `https://generativelanguage.googleapis.com`, or a stand-in's address. */
  baseUrl: string;
}

/** Makes a provider that asks Gemini. The SDK is loaded on the first question. */
export function createGemini(options: GeminiOptions): Provider {
  const name = "gemini";
  const { model } = options;

  async function* stream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    const { GoogleGenerativeAI } = await import("@google/generative-ai");
    holdResponses(options.baseUrl);
    // The SDK sends the request even when its signal was aborted beforehand.
    request.signal.throwIfAborted();

    const client = new GoogleGenerativeAI(options.apiKey).getGenerativeModel(
      { model, systemInstruction: request.system },
      { baseUrl: options.baseUrl },
    );
    // A signal of our own, because leaving the SDK's loop stops nothing.
    using upstream = link(request.signal);
    try {
      const result = await client.generateContentStream(
        { contents: toContents(request.messages) },
        { signal: upstream.signal },
      );
      // Rejects when the stream is cut or aborted; unheard, that ends the process.
      result.response.catch(() => {});
      yield* toParts(result.stream);
    } catch (error) {
      request.signal.throwIfAborted();
      throw await toProviderError(error);
    }
  }

  async function check(signal: AbortSignal): Promise<void> {
    let response: Response;
    try {
      response = await fetch(`${options.baseUrl}/v1beta/models/${model}`, {
        headers: { "x-goog-api-key": options.apiKey },
        signal,
      });
    } catch (cause) {
      throw new ProviderError("Cannot reach Gemini", {
        provider: name,
        retryable: true,
        cause,
      });
    }
    await response.body?.cancel();
    if (!response.ok) throw statusError(response.status);
  }

  function statusError(status: number, cause?: unknown): ProviderError {
    return new ProviderError(
      `Cannot ask Gemini model "${model}": ${explain(status)}`,
      { provider: name, status, retryable: isRetryableStatus(status), cause },
    );
  }

  async function toProviderError(cause: unknown): Promise<ProviderError> {
    if (cause instanceof ProviderError) return cause;
    const { GoogleGenerativeAIFetchError } = await import(
      "@google/generative-ai"
    );
    if (
      cause instanceof GoogleGenerativeAIFetchError &&
      cause.status !== undefined
    ) {
      return statusError(cause.status, cause);
    }
    return new ProviderError(`Cannot read Gemini's answer`, {
      provider: name,
      retryable: true,
      cause,
    });
  }

  return { name, model, stream, check };
}

/** An entry of Gemini's `contents`: what one side said until the other spoke. */
export interface Content {
  /** The caller is `user`, the agent `model`. */
  role: "user" | "model";
  /** One for each message, oldest first. */
  parts: { text: string }[];
}

/**
 * Converts a conversation to Gemini's `contents`. Gemini wants turns that
 * alternate and begin with the user: neighbours of one role become one entry,
 * and a welcome is preceded by a line that says how it came about.
 */
export function toContents(messages: readonly Message[]): Content[] {
  const contents: Content[] = [];
  if (messages[0]?.role !== "user") {
    contents.push({ role: "user", parts: [{ text: "(The caller joins.)" }] });
  }
  for (const { role, text } of messages) {
    const theirs = role === "user" ? "user" : "model";
    const last = contents.at(-1);
    if (last?.role === theirs) last.parts.push({ text });
    else contents.push({ role: theirs, parts: [{ text }] });
  }
  return contents;
}

/** An answer that the SDK passes on although it is an error. */
type Chunk = EnhancedGenerateContentResponse & {
  error?: { code?: number; message?: string };
};

/** A part with the field that the SDK's types lack. */
type AnyPart = Part & { thought?: boolean };

async function* toParts(
  chunks: AsyncIterable<Chunk>,
): AsyncIterable<ProviderPart> {
  let usage: Usage = {};
  let spoke = false;
  let finishReason: string | undefined;
  for await (const chunk of chunks) {
    if (chunk.error !== undefined) {
      const status = chunk.error.code ?? 500;
      throw failure(`Gemini failed in mid-answer: ${explain(status)}`, status);
    }
    const blocked = chunk.promptFeedback?.blockReason;
    if (blocked) throw failure(`Gemini blocked the question: ${blocked}`);
    const candidate = chunk.candidates?.[0];
    for (const part of (candidate?.content?.parts ?? []) as AnyPart[]) {
      if (part.thought || !part.text) continue;
      spoke = true;
      yield { type: "text-delta", text: part.text };
    }
    finishReason = candidate?.finishReason ?? finishReason;
    const counts = chunk.usageMetadata;
    if (counts) {
      usage = {
        inputTokens: counts.promptTokenCount,
        outputTokens: counts.candidatesTokenCount ?? 0,
      };
    }
  }
  if (finishReason !== undefined && finishReason !== "STOP") {
    throw failure(`Gemini stopped its answer early: ${finishReason}`);
  }
  if (!spoke) throw failure("Gemini gave an empty answer");
  if (finishReason === undefined) throw failure("Gemini's answer broke off");
  yield { type: "finish", usage };
}

/** A failure that Gemini reports inside an answer with status 200. */
function failure(message: string, status?: number): ProviderError {
  return new ProviderError(message, {
    provider: "gemini",
    ...(status === undefined ? {} : { status }),
    retryable: status !== undefined && isRetryableStatus(status),
  });
}

function explain(status: number): string {
  switch (status) {
    case 400:
      return "400, it did not accept the request or the API key; check GOOGLE_GENERATIVE_AI_API_KEY";
    case 401:
    case 403:
      return `${status}, the API key may not use it; check GOOGLE_GENERATIVE_AI_API_KEY`;
    case 404:
      return "404, no such model; check GEMINI_MODEL";
    case 429:
      return "429, the quota is used up for now";
    default:
      return `status ${status}`;
  }
}
