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
import type {
  EnhancedGenerateContentResponse,
  GenerateContentRequest,
} from "@google/generative-ai";
import {
  type GeminiPart,
  toCall,
  toContents,
  toThinkingConfig,
  toTools,
} from "./_gemini_wire.ts";
import { holdResponses, link } from "./_link.ts";
import {
  isRetryableStatus,
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
    holdResponses(options.baseUrl);
    // The SDK sends the request even when its signal was aborted beforehand.
    request.signal.throwIfAborted();

    const client = new GoogleGenerativeAI(options.apiKey).getGenerativeModel(
      { model, systemInstruction: request.system },
      { baseUrl: options.baseUrl },
    );
    // A signal of our own, because leaving the SDK's loop stops nothing.
    using upstream = link(request.signal);
    const { signal } = upstream;
    const ask = () =>
      client.generateContentStream(toBody(request, thinkingConfig), { signal });
    try {
      const result = await ask().catch((error) => {
        if (!thinkingConfig || !isAboutThinking(error)) throw error;
        thinkingConfig = undefined;
        return ask();
      });
      // Rejects when the stream is cut or aborted; unheard, that ends the process.
      result.response.catch(() => {});
      yield* toParts(result.stream);
    } catch (error) {
      request.signal.throwIfAborted();
      throw toProviderError(error);
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

  function toProviderError(cause: unknown): ProviderError {
    if (cause instanceof ProviderError) return cause;
    const status = statusOf(cause);
    if (status !== undefined) return statusError(status, cause);
    return new ProviderError(`Cannot read Gemini's answer`, {
      provider: name,
      retryable: true,
      cause,
    });
  }

  return { name, model, stream, check };
}

/** The SDK's types know neither thinking nor signatures; it passes both on. */
function toBody(
  request: ProviderRequest,
  thinkingConfig: Record<string, unknown> | undefined,
): GenerateContentRequest {
  const { messages, tools = [], noMoreCalls } = request;
  return {
    contents: toContents(messages),
    ...(tools.length === 0 ? {} : { tools: toTools(tools) }),
    ...(tools.length > 0 && noMoreCalls
      ? { toolConfig: { functionCallingConfig: { mode: "NONE" } } }
      : {}),
    ...(thinkingConfig ? { generationConfig: { thinkingConfig } } : {}),
  } as unknown as GenerateContentRequest;
}

/** An answer that the SDK passes on although it is an error. */
type Chunk = EnhancedGenerateContentResponse & {
  error?: { code?: number; message?: string };
};

async function* toParts(
  chunks: AsyncIterable<Chunk>,
): AsyncIterable<ProviderPart> {
  let usage: Usage = {};
  let spoke = false;
  let called = false;
  let finishReason: string | undefined;
  const content: GeminiPart[] = [];
  for await (const chunk of chunks) {
    if (chunk.error !== undefined) {
      const status = chunk.error.code ?? 500;
      throw failure(`Gemini failed in mid-answer: ${explain(status)}`, status);
    }
    const blocked = chunk.promptFeedback?.blockReason;
    if (blocked) throw failure(`Gemini blocked the question: ${blocked}`);
    const candidate = chunk.candidates?.[0];
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
  if (!spoke && !called) throw failure("Gemini gave an empty answer");
  if (finishReason === undefined) throw failure("Gemini's answer broke off");
  const raw = { provider: "gemini", content };
  yield { type: "finish", usage, ...(called ? { raw } : {}) };
}

/** A failure that Gemini reports inside an answer with status 200. */
function failure(message: string, status?: number): ProviderError {
  return new ProviderError(message, {
    provider: "gemini",
    ...(status === undefined ? {} : { status }),
    retryable: status !== undefined && isRetryableStatus(status),
  });
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
