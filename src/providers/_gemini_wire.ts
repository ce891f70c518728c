/**
 * Gemini's request and answer in our terms, and back. Pure.
 *
 * Wire: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent,
 * https://ai.google.dev/gemini-api/docs/thought-signatures
 *
 * @module
 */
import type { GenerateContentRequest } from "@google/generative-ai";
import { toSchema } from "./_gemini_schema.ts";
import { toStreamError } from "./_server.ts";
import { type Answer, OWN_ID, toObject } from "./_stream.ts";
import {
  type Message,
  type ProviderRequest,
  type Thinking,
  THINKING_TOKENS,
  type ToolDeclaration,
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
interface ThinkingConfig {
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
): ThinkingConfig | undefined {
  if (/^gemini-2\.5/.test(model)) {
    // The large model can't do without; this is its least.
    const least = /^gemini-2\.5-pro/.test(model) ? 128 : 0;
    const isOff = thinking === "off";
    return { thinkingBudget: isOff ? least : THINKING_TOKENS[thinking] };
  }
  if (thinking !== "off") return { thinkingLevel: thinking };
  return { thinkingLevel: /pro/.test(model) ? "low" : "minimal" };
}

/** The body of a question. */
export function toBody(
  { messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  thinkingConfig: ThinkingConfig | undefined,
): GenerateContentRequest {
  const isTold = tools.length > 0;
  const body = {
    contents: toContents(messages),
    tools: isTold ? toTools(tools) : undefined,
    toolConfig: isTold && toolChoice === "none"
      ? { functionCallingConfig: { mode: "NONE" } }
      : undefined,
    generationConfig: {
      thinkingConfig,
      maxOutputTokens: maxTokens && maxTokens + toRoom(thinkingConfig),
    },
  };
  // The SDK's types know neither thinking nor signatures; it passes both on.
  return body as unknown as GenerateContentRequest;
}

/** What thoughts may add to an answer: a model that wasn't told how much to think may do so a lot. */
function toRoom(
  { thinkingBudget, thinkingLevel = "medium" }: ThinkingConfig = {},
): number {
  return thinkingBudget ??
    (thinkingLevel === "minimal" ? 512 : THINKING_TOKENS[thinkingLevel]);
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
          response: toResponse(message.text),
          ...idOf(message.callId),
        },
      }];
    case "assistant": {
      const { text, calls = [], providerMetadata } = message;
      // Gemini 3 refuses calls whose signature was lost: send its own parts back.
      if (providerMetadata?.provider === "gemini") {
        // What was kept of them.
        return providerMetadata.content as GeminiPart[];
      }
      const parts = calls.map(({ name, arguments: args, id }, n) => ({
        functionCall: { name, args: toObject(args), ...idOf(id) },
        // Of a call that another model made there is none; this stands for it.
        ...(n === 0 ? { thoughtSignature: NO_SIGNATURE } : {}),
      }));
      return text === "" ? parts : [{ text }, ...parts];
    }
  }
}

/** Google's word for calls that come from elsewhere. */
const NO_SIGNATURE = "skip_thought_signature_validator";

/** Gemini takes objects alone. A platform's tool may have returned plain words. */
function toResponse(text: string): object {
  try {
    return toObject(JSON.parse(text));
  } catch {
    return toObject(text);
  }
}

/** Ids that we made up ourselves mean nothing to Gemini. */
function idOf(id: string): { id?: string } {
  return id.startsWith(OWN_ID) ? {} : { id };
}

/** The tools in Gemini's terms: no empty parameters, no keyword that it refuses. */
export function toTools(tools: readonly ToolDeclaration[]): unknown[] {
  return [{
    functionDeclarations: tools.map(({ name, description, parameters }) => ({
      name,
      description,
      ...(Object.keys(parameters.properties ?? {}).length === 0
        ? {}
        : { parameters: toSchema(parameters) }),
    })),
  }];
}

/** An answer's next piece. The SDK's own type knows neither thoughts nor errors. */
export interface GeminiChunk {
  candidates?: {
    content?: { parts?: GeminiPart[] };
    finishReason?: string;
  }[];
  promptFeedback?: { blockReason?: string };
  usageMetadata?: {
    promptTokenCount?: number;
    cachedContentTokenCount?: number;
    candidatesTokenCount?: number;
  };
  error?: { code?: number; message?: string };
}

/** Reads the next piece of an answer. */
export function readChunk(chunk: GeminiChunk, answer: Answer): void {
  if (chunk.error !== undefined) {
    const { code, message } = chunk.error;
    throw toStreamError("gemini", code, message);
  }
  const blocked = chunk.promptFeedback?.blockReason;
  if (blocked) throw answer.toError(`Gemini blocked the question: ${blocked}`);
  const candidate = chunk.candidates?.[0];
  for (const part of candidate?.content?.parts ?? []) {
    answer.kept.push(part);
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
    answer.end = answer.toError(`Gemini stopped its answer early: ${reason}`);
  }
}
