/**
 * Converts requests to Gemini's format, and reads its answers. Pure.
 *
 * Wire: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent,
 * https://ai.google.dev/gemini-api/docs/thought-signatures
 *
 * @module
 */
import type { GenerateContentRequest } from "@google/generative-ai";
import { toStreamError } from "./_server.ts";
import { type Answer, OWN_ID_PREFIX, toObject } from "./_stream.ts";
import {
  type Message,
  type ProviderRequest,
  type Thinking,
  THINKING_TOKENS,
  type ToolDeclaration,
} from "./provider.ts";

/** A part of a message. The SDK's own type lacks half of these fields. */
export interface GeminiPart {
  text?: string;
  /** Whether the text is the model's reasoning. */
  thought?: boolean;
  /** Has to be sent back unchanged with the call. */
  thoughtSignature?: string;
  functionCall?: { name: string; args?: unknown; id?: string };
  functionResponse?: { name: string; response: object; id?: string };
}

/** A message. Results of tools have the role `user`. */
interface GeminiContent {
  role: "user" | "model";
  parts: GeminiPart[];
}

/** How much the model should think: models up to 2.5 take a number of tokens, newer ones a level. */
interface ThinkingConfig {
  thinkingBudget?: number;
  thinkingLevel?: "minimal" | Exclude<Thinking, "off">;
}

/**
 * Converts the setting to the field that the model's generation knows. The field
 * of another generation makes Gemini refuse the request.
 */
export function toThinkingConfig(
  model: string,
  thinking: Thinking,
): ThinkingConfig | undefined {
  if (/^gemini-2\.5/.test(model)) {
    // The large model always thinks; this is its minimum.
    const least = /^gemini-2\.5-pro/.test(model) ? 128 : 0;
    const isOff = thinking === "off";
    return { thinkingBudget: isOff ? least : THINKING_TOKENS[thinking] };
  }
  if (thinking !== "off") return { thinkingLevel: thinking };
  return { thinkingLevel: /pro/.test(model) ? "low" : "minimal" };
}

/** Makes the body of a request; `thinkingConfig` is absent where the model refused it. */
export function toBody(
  { messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  thinkingConfig: ThinkingConfig | undefined,
  thinking: Thinking,
): GenerateContentRequest {
  const hasTools = tools.length > 0;
  // Most models always think a little and, without the field, a lot.
  const least = thinkingConfig ? "low" : "medium";
  const room = Math.max(THINKING_TOKENS[thinking], THINKING_TOKENS[least]);
  const body = {
    contents: toContents(messages),
    tools: hasTools ? toTools(tools) : undefined,
    toolConfig: hasTools && toolChoice === "none"
      ? { functionCallingConfig: { mode: "NONE" } }
      : undefined,
    generationConfig: {
      thinkingConfig,
      maxOutputTokens: maxTokens && maxTokens + room,
    },
  };
  // The SDK's types lack thinking and signatures, but it sends both.
  return body as unknown as GenerateContentRequest;
}

/**
 * Converts a conversation. Gemini wants turns that alternate and begin with
 * the user: consecutive messages of one role are merged, and a line from the
 * user is put before the welcome.
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
          ...toIdField(message.callId),
        },
      }];
    case "assistant": {
      const { text, calls = [], providerMetadata } = message;
      // Gemini 3 refuses calls whose signature was lost: send its own parts back.
      if (providerMetadata?.provider === "gemini") {
        // The parts were stored as JSON.
        return providerMetadata.content as GeminiPart[];
      }
      const parts = calls.map(({ name, arguments: args, id }, n) => ({
        functionCall: { name, args: toObject(args), ...toIdField(id) },
        // A call that another model made has no signature.
        ...(n === 0 ? { thoughtSignature: NO_SIGNATURE } : {}),
      }));
      return text === "" ? parts : [{ text }, ...parts];
    }
  }
}

/** Google's placeholder for the signature of a call that Gemini didn't make. */
const NO_SIGNATURE = "skip_thought_signature_validator";

/** Gemini takes only objects as results. A platform's tool may have returned plain text. */
function toResponse(text: string): object {
  try {
    return toObject(JSON.parse(text));
  } catch {
    return toObject(text);
  }
}

/** Leaves out ids that Parley made: Gemini does not know them. */
function toIdField(id: string): { id?: string } {
  return id.startsWith(OWN_ID_PREFIX) ? {} : { id };
}

/**
 * Converts tools. All models that Google serves take JSON Schema in this field; in
 * the older `parameters`, one keyword too many makes it refuse the whole request.
 *
 * Sources: https://ai.google.dev/api/caching#FunctionDeclaration,
 * https://blog.google/technology/developers/gemini-api-structured-outputs/, and
 * https://github.com/vercel/ai/pull/20757, tried on Gemini 2.5 and 3.5
 */
export function toTools(tools: readonly ToolDeclaration[]): unknown[] {
  return [{
    functionDeclarations: tools.map(({ name, description, parameters }) => {
      const { $schema: _, ...schema } = parameters;
      // Gemini refuses an object without properties.
      return Object.keys(schema.properties ?? {}).length === 0
        ? { name, description }
        : { name, description, parametersJsonSchema: schema };
    }),
  }];
}

/** One event of a streamed answer. The SDK's own type lacks thoughts and errors. */
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

/** Adds one event of the stream to the answer; the event may be an error. */
export function readChunk(chunk: GeminiChunk, answer: Answer): void {
  if (chunk.error !== undefined) {
    const { code, message } = chunk.error;
    throw toStreamError("gemini", code, message);
  }
  const blocked = chunk.promptFeedback?.blockReason;
  if (blocked) throw answer.toError(`Gemini blocked the question: ${blocked}`);
  const candidate = chunk.candidates?.[0];
  for (const part of candidate?.content?.parts ?? []) {
    answer.rawParts.push(part);
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
  // An answer that reached its token limit has ended, not failed.
  else if (reason === "MAX_TOKENS") answer.end = "cut";
  else if (reason !== undefined) {
    answer.end = answer.toError(`Gemini stopped its answer early: ${reason}`);
  }
}
