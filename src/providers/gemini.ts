/**
 * Google Gemini, through `@google/generative-ai`.
 *
 * The SDK's stream is read part by part and its conveniences are left alone:
 * `text()` would speak the model's thoughts, `response` garbles chunks of
 * several parts, `timeout` cuts a healthy stream, and leaving the loop does
 * not stop the download. Each is met where it is commented below.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type {
  EnhancedGenerateContentResponse,
  GenerateContentRequest,
} from "@google/generative-ai";
import {
  type GeminiPart,
  type ThinkingConfig,
  toCall,
  toContents,
  toThinkingConfig,
  toThinkingTokens,
  toTools,
} from "./_gemini_wire.ts";
import { type BodyReader, readBody } from "./_body.ts";
import { holdResponse, hookResponses, linkedSignal } from "./_link.ts";
import {
  isRetryableStatus,
  parseRetryAfter,
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
  type Thinking,
  type Usage,
} from "./provider.ts";

/** The model that is asked when none is named. */
export const DEFAULT_GEMINI_MODEL = "gemini-3.5-flash-lite";

/** What is needed to reach Gemini. */
export interface GeminiOptions {
  /** From https://aistudio.google.com/apikey */
  apiKey: string;
  /** As Gemini spells it, e.g. `gemini-3.5-flash-lite`. */
  model: string;
  /** `https://generativelanguage.googleapis.com`, or a stand-in's address. */
  baseUrl: string;
  /** How much it thinks before it speaks. */
  thinking: Thinking;
}

/** Makes a provider that asks Gemini. The SDK is loaded on the first question. */
export function createGemini(options: GeminiOptions): Provider {
  const name = "gemini";
  const { model } = options;
  // Not every model knows every level: one that refuses is asked without.
  let thinkingConfig = toThinkingConfig(model, options.thinking);

  async function* stream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    const { GoogleGenerativeAI } = await import("@google/generative-ai");
    hookResponses(options.baseUrl, prepareResponse);
    // The SDK sends the request even when its signal was aborted beforehand.
    request.signal.throwIfAborted();

    const client = new GoogleGenerativeAI(options.apiKey).getGenerativeModel(
      { model, systemInstruction: request.system },
      { baseUrl: options.baseUrl },
    );
    // A signal of our own, because leaving the SDK's loop stops nothing.
    using upstream = linkedSignal(request.signal);
    const { signal } = upstream;
    const ask = () =>
      client.generateContentStream(toBody(request, model, thinkingConfig), {
        signal,
      });
    const seen: { retryAfterMs?: number | undefined } = {};
    try {
      const result = await responses.run(seen, ask).catch((error) => {
        if (!thinkingConfig || !isAboutThinking(error)) throw error;
        thinkingConfig = undefined;
        return responses.run(seen, ask);
      });
      // Rejects when the stream is cut or aborted; unheard, that ends the process.
      result.response.catch(() => {});
      const answer = createAnswerReader();
      for await (const chunk of result.stream) {
        for (const part of answer.read(chunk)) yield part;
      }
      yield answer.finish();
      // The SDK has read the body to its end: the connection serves again.
      upstream.release();
    } catch (error) {
      request.signal.throwIfAborted();
      throw toProviderError(error, seen.retryAfterMs);
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

  function statusError(
    status: number,
    cause?: unknown,
    retryAfterMs?: number,
  ): ProviderError {
    return new ProviderError(
      `Cannot ask Gemini model "${model}": ${explain(status)}`,
      {
        provider: name,
        status,
        retryable: isRetryableStatus(status),
        retryAfterMs,
        cause,
      },
    );
  }

  function toProviderError(
    cause: unknown,
    retryAfterMs: number | undefined,
  ): ProviderError {
    if (cause instanceof ProviderError) return cause;
    const status = statusOf(cause);
    if (status !== undefined) {
      return statusError(status, cause, toRetryDelayMs(cause) ?? retryAfterMs);
    }
    return new ProviderError(`Cannot read Gemini's answer`, {
      provider: name,
      retryable: true,
      cause,
    });
  }

  return { name, model, stream, check };
}

/** What the SDK doesn't tell of the response to the question under way. */
const responses = new AsyncLocalStorage<
  { retryAfterMs?: number | undefined }
>();

/** Keeps what the SDK doesn't tell of a response, and spares it a stream. */
function prepareResponse(
  response: Response,
  signal: AbortSignal | null | undefined,
): Response {
  const seen = responses.getStore();
  // Whatever else is asked of this address gets the response as it is.
  if (!signal || !seen) return response;
  const retryAfter = response.headers.get("retry-after");
  seen.retryAfterMs = parseRetryAfter(retryAfter);
  if (!response.ok || response.body === null) return response;
  holdResponse(response, signal);
  const { body } = response;
  // All that the SDK asks of a response. A real pipe to the decoder that it
  // brings costs more for each word than all else here.
  return {
    ok: true,
    body: {
      pipeThrough: () => ({ getReader: () => decode(readBody(body)) }),
    },
  } as unknown as Response;
}

function decode(reader: BodyReader) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return {
    async read() {
      const { done, value } = await reader.read();
      return { done, value: decoder.decode(value, { stream: !done }) };
    },
  };
}

/** The SDK's types know neither thinking nor signatures; it passes both on. */
function toBody(
  request: ProviderRequest,
  model: string,
  thinkingConfig: ThinkingConfig | undefined,
): GenerateContentRequest {
  const { messages, tools = [], toolChoice, maxTokens } = request;
  const generationConfig = {
    ...(maxTokens === undefined ? {} : {
      maxOutputTokens: maxTokens + toThinkingTokens(model, thinkingConfig),
    }),
    ...(thinkingConfig ? { thinkingConfig } : {}),
  };
  return {
    contents: toContents(messages),
    ...(tools.length === 0 ? {} : { tools: toTools(tools) }),
    ...(tools.length > 0 && toolChoice === "none"
      ? { toolConfig: { functionCallingConfig: { mode: "NONE" } } }
      : {}),
    generationConfig,
  } as unknown as GenerateContentRequest;
}

/** An answer that the SDK passes on although it is an error. */
type Chunk = EnhancedGenerateContentResponse & {
  error?: { code?: number; message?: string };
};

/** Reads an answer, chunk by chunk. */
function createAnswerReader() {
  let usage: Usage = {};
  let spoke = false;
  let called = false;
  let finishReason: string | undefined;
  const content: GeminiPart[] = [];

  function* read(chunk: Chunk): Generator<ProviderPart> {
    if (chunk.error !== undefined) {
      const status = chunk.error.code ?? 500;
      throw failure(`Gemini failed in mid-answer: ${explain(status)}`, status);
    }
    const blocked = chunk.promptFeedback?.blockReason;
    if (blocked) throw failure(`Gemini blocked the question: ${blocked}`);
    const candidate = chunk.candidates?.[0];
    finishReason = candidate?.finishReason ?? finishReason;
    const counts = chunk.usageMetadata;
    if (counts) {
      usage = {
        inputTokens: counts.promptTokenCount,
        ...(counts.cachedContentTokenCount === undefined
          ? {}
          : { cachedTokens: counts.cachedContentTokenCount }),
        outputTokens: counts.candidatesTokenCount ?? 0,
      };
    }
    for (const part of (candidate?.content?.parts ?? []) as GeminiPart[]) {
      content.push(part);
      if (part.functionCall) {
        called = true;
        yield { type: "tool-call", call: toCall(part.functionCall) };
      } else if (part.text && !part.thought) {
        spoke = true;
        yield { type: "text-delta", text: part.text };
      }
    }
  }

  function finish(): ProviderPart {
    // An answer that is as long as it may be has ended, not failed.
    const isCut = finishReason === "MAX_TOKENS" && spoke;
    if (finishReason !== undefined && finishReason !== "STOP" && !isCut) {
      throw failure(`Gemini stopped its answer early: ${finishReason}`);
    }
    if (!spoke && !called) throw failure("Gemini gave an empty answer");
    if (finishReason === undefined) throw failure("Gemini's answer broke off");
    return {
      type: "finish",
      usage,
      ...(called ? { raw: { provider: "gemini", content } } : {}),
      ...(isCut ? { isCut } : {}),
    };
  }

  return { read, finish };
}

/** A failure that Gemini reports inside an answer with status 200. */
function failure(message: string, status?: number): ProviderError {
  return new ProviderError(message, {
    provider: "gemini",
    ...(status === undefined ? {} : { status }),
    retryable: status !== undefined && isRetryableStatus(status),
  });
}

/**
 * When Gemini wants to be asked again: `google.rpc.RetryInfo`, as in
 * `{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "23s"}`.
 */
function toRetryDelayMs(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errorDetails" in error)) return undefined;
  const { errorDetails } = error;
  if (!Array.isArray(errorDetails)) return undefined;
  for (const detail of errorDetails) {
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(String(detail?.retryDelay))?.[1];
    if (seconds !== undefined) return Number(seconds) * 1000;
  }
  return undefined;
}

/** `GoogleGenerativeAIFetchError` alone has one. */
function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "status" in error &&
      typeof error.status === "number"
    ? error.status
    : undefined;
}

function isAboutThinking(error: unknown): boolean {
  return statusOf(error) === 400 && error instanceof Error &&
    /thinking/i.test(error.message);
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
