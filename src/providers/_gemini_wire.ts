/**
 * Gemini's request and answer in our terms, and back. Pure.
 *
 * Wire: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent,
 * https://ai.google.dev/gemini-api/docs/thinking,
 * https://ai.google.dev/gemini-api/docs/thought-signatures
 *
 * @module
 */
import { toTools } from "./_gemini_tools.ts";
import { toStreamError } from "./_server.ts";
import { type Answer, OWN_ID } from "./_stream.ts";
import {
  type Message,
  ProviderError,
  type ProviderRequest,
  type Thinking,
  THINKING_TOKENS,
} from "./provider.ts";

/** A part of a message. The SDK's own type lacks half of these. */
export interface GeminiPart {
  text?: string;
  /** Whether the words are the model's thoughts. */
  thought?: boolean;
  /** What Gemini wants back with a call, unchanged. */
  thoughtSignature?: string;
  functionCall?: { name: string; args?: unknown; id?: string };
  functionResponse?: { name: string; response: object; id?: string };
}

/** A message; tools speak as the user. */
interface GeminiContent {
  role: "user" | "model";
  parts: GeminiPart[];
}

/** How much a model is to think: a number of tokens up to 2.5, a level from 3 on. */
export interface ThinkingConfig {
  thinkingBudget?: number;
  thinkingLevel?: "minimal" | Exclude<Thinking, "off">;
}

/**
 * How little or much a model is to think, in the words of its generation; the
 * words of another generation are an error.
 */
export function toThinkingConfig(
  model: string,
  thinking: Thinking,
): ThinkingConfig {
  if (/^gemini-2\.5/.test(model)) {
    // The large model can't do without; this is its least.
    const least = /^gemini-2\.5-pro/.test(model) ? 128 : 0;
    const isOff = thinking === "off";
    return { thinkingBudget: isOff ? least : THINKING_TOKENS[thinking] };
  }
  if (thinking !== "off") return { thinkingLevel: thinking };
  return { thinkingLevel: /pro/.test(model) ? "low" : "minimal" };
}

/**
 * How many of an answer's tokens a model may have thought, which count as part
 * of it. A model that wasn't told how much to think may do so a lot.
 */
function toThinkingTokens(
  { thinkingBudget, thinkingLevel = "medium" }: ThinkingConfig = {},
): number {
  if (thinkingBudget !== undefined) return thinkingBudget;
  return thinkingLevel === "minimal" ? 512 : THINKING_TOKENS[thinkingLevel];
}

/** The body of a question. */
export function toBody(
  { messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  thinkingConfig: ThinkingConfig | undefined,
): Record<string, unknown> {
  const isForbidden = tools.length > 0 && toolChoice === "none";
  return {
    contents: toContents(messages),
    tools: tools.length > 0 ? toTools(tools) : undefined,
    toolConfig: isForbidden
      ? { functionCallingConfig: { mode: "NONE" } }
      : undefined,
    generationConfig: {
      maxOutputTokens: maxTokens === undefined
        ? undefined
        : maxTokens + toThinkingTokens(thinkingConfig),
      thinkingConfig,
    },
  };
}

/**
 * Converts a conversation. Gemini wants turns that alternate and begin with
 * the user: neighbours of one role become one entry, and a welcome is preceded
 * by a line that says how it came about.
 */
export function toContents(messages: readonly Message[]): GeminiContent[] {
  const contents: GeminiContent[] = [];
  if (messages[0]?.role !== "user") {
    contents.push({ role: "user", parts: [{ text: "(The caller joins.)" }] });
  }
  for (const message of messages) {
    const role = message.role === "assistant" ? "model" : "user";
    const parts = toParts(message);
    const last = contents.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts: [...parts] });
  }
  return contents;
}

function toParts(message: Message): GeminiPart[] {
  switch (message.role) {
    case "user":
      return [{ text: message.text }];
    case "tool":
      return [{
        functionResponse: {
          name: message.name,
          response: toObject(JSON.parse(message.text)),
          ...idOf(message.callId),
        },
      }];
    case "assistant": {
      const { text, calls = [], providerMetadata } = message;
      // Gemini 3 refuses calls whose signature was lost: send its own parts back.
      if (providerMetadata?.provider === "gemini") {
        // What keep() put there.
        return providerMetadata.content as GeminiPart[];
      }
      const parts = calls.map(({ name, arguments: args, id }, n) => ({
        functionCall: { name, args, ...idOf(id) },
        // Of a call that another model made there is none; this stands for it.
        ...(n === 0 ? { thoughtSignature: NO_SIGNATURE } : {}),
      }));
      return text === "" ? parts : [{ text }, ...parts];
    }
  }
}

/** Google's word for calls that come from elsewhere. */
const NO_SIGNATURE = "skip_thought_signature_validator";

/** Gemini takes objects alone. */
function toObject(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value
    : { result: value };
}

/** Ids that we made up ourselves mean nothing to Gemini. */
function idOf(id: string): { id?: string } {
  return id.startsWith(OWN_ID) ? {} : { id };
}

/** An answer's next piece. The SDK's own type knows neither thoughts nor errors. */
export interface GeminiChunk {
  candidates?: {
    content?: { parts?: GeminiPart[] };
    finishReason?: string;
  }[];
  /** Why the question is refused. */
  promptFeedback?: { blockReason?: string };
  usageMetadata?: {
    promptTokenCount?: number;
    cachedContentTokenCount?: number;
    candidatesTokenCount?: number;
  };
  /** Comes in place of all else, with status 200. */
  error?: { code?: number; message?: string };
}

/** Reads the next piece of an answer. */
export function readChunk(chunk: GeminiChunk, answer: Answer): void {
  if (chunk.error !== undefined) {
    const { code = 500, message } = chunk.error;
    throw toStreamError("gemini", code, message);
  }
  const blocked = chunk.promptFeedback?.blockReason;
  if (blocked) throw toFailure(`Gemini blocked the question: ${blocked}`);
  const candidate = chunk.candidates?.[0];
  for (const part of candidate?.content?.parts ?? []) {
    keep(part, answer);
    if (part.functionCall) {
      const { name, args, id } = part.functionCall;
      answer.addCall(name, args, id);
    } else if (!part.thought) answer.addText(part.text);
  }
  const counts = chunk.usageMetadata;
  if (counts) {
    answer.usage = {
      inputTokens: counts.promptTokenCount,
      cachedTokens: counts.cachedContentTokenCount,
      outputTokens: counts.candidatesTokenCount ?? 0,
    };
  }
  const reason = candidate?.finishReason;
  if (reason === "STOP") answer.end = "complete";
  // An answer that is as long as it may be has ended, not failed.
  else if (reason === "MAX_TOKENS") answer.end = "cut";
  else if (reason !== undefined) {
    answer.end = toFailure(`Gemini stopped its answer early: ${reason}`);
  }
}

/** Keeps a part as it came: Gemini wants it back with the calls. */
function keep(part: GeminiPart, answer: Answer): void {
  answer.providerMetadata ??= { provider: "gemini", content: [] };
  const { content } = answer.providerMetadata;
  if (Array.isArray(content)) content.push(part);
}

/** A failure that would come again, whoever asks. */
function toFailure(message: string): ProviderError {
  return new ProviderError(message, { provider: "gemini", retryable: false });
}
