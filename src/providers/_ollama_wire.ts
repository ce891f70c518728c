/**
 * Ollama's request and answer in our terms, and back. Pure.
 *
 * Wire: https://docs.ollama.com/api/chat
 *
 * @module
 */
import type { ChatResponse, Message as Line } from "ollama";
import { toFunctions } from "./_openai_wire.ts";
import type { Answer } from "./_stream.ts";
import {
  type Message,
  type ProviderRequest,
  type Thinking,
  THINKING_TOKENS,
} from "./provider.ts";
import type { VendorContext } from "./vendor.ts";

/** What can be known of a model before it is asked. */
export interface Model {
  /** With its tag. */
  name: string;
  /** Absent where Ollama is too old to tell. */
  capabilities?: readonly string[];
}

/** How the settings have models asked. */
export type Asking =
  & Pick<VendorContext, "contextTokens" | "thinking">
  & { keepAlive: string };

/** What every request says of the model. */
export function toRequest(
  { name, capabilities }: Model,
  { keepAlive, contextTokens, thinking }: Asking,
) {
  // The window is always the same: another would load the model anew.
  const options: { num_ctx: number; num_predict?: number } = {
    num_ctx: contextTokens,
  };
  return {
    model: name,
    // A bare number is seconds, a text a duration with its unit.
    keep_alive: /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive,
    options,
    think: toThink(name, thinking, capabilities),
  };
}

/** The body of a question, or of the beginning of all questions. */
export function toBody(
  { system, messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  model: Model,
  asking: Asking,
) {
  const request = toRequest(model, asking);
  if (maxTokens !== undefined) {
    // Thoughts count as part of the answer.
    const isLow = request.think === "low";
    const room = THINKING_TOKENS[isLow ? "low" : asking.thinking];
    request.options.num_predict = maxTokens + room;
  }
  // A model that can't call tools refuses to be told of any.
  const isTold = tools.length > 0 && toolChoice !== "none" &&
    (model.capabilities?.includes("tools") ?? true);
  return {
    ...request,
    messages: [
      ...(system === "" ? [] : [{ role: "system", content: system }]),
      ...messages.map(toLine),
    ],
    ...(isTold ? { tools: toFunctions(tools) } : {}),
    stream: true as const,
  };
}

function toLine(message: Message): Line {
  const { role, text: content } = message;
  if (role === "user") return { role, content };
  if (role === "tool") return { role, content, tool_name: message.name };
  if (!message.calls?.length) return { role, content };
  const tool_calls = message.calls.map(({ name, arguments: args }) => ({
    // An object: Ollama itself made one of what the model wrote.
    function: { name, arguments: args as Record<string, unknown> },
  }));
  return { role, content, tool_calls };
}

/**
 * Whether to think. Unset means "yes" on models that can, and a long pause;
 * on models that can't, "yes" is an error. GPT-OSS knows levels only.
 */
export function toThink(
  model: string,
  thinking: Thinking,
  capabilities: readonly string[] | undefined,
): boolean | "low" | "medium" | "high" {
  if (/^gpt-oss/.test(model)) return thinking === "off" ? "low" : thinking;
  return thinking !== "off" && (capabilities?.includes("thinking") ?? false);
}

/** One line of an answer, or an error in its place. */
export type OllamaLine = Partial<ChatResponse> & { error?: string };

/** Reads the next line of an answer. `message.thinking` is the model's own business. */
export function readLine(line: OllamaLine, answer: Answer): void {
  if (line.error !== undefined) throw new Error(line.error);
  const { content, tool_calls = [] } = line.message ?? {};
  answer.addText(content);
  for (const { function: { name, arguments: args } } of tool_calls) {
    answer.addCall(name, args);
  }
  if (!line.done) return;
  const { prompt_eval_duration: promptNs } = line;
  answer.usage = {
    inputTokens: line.prompt_eval_count,
    outputTokens: line.eval_count,
    promptMs: promptNs === undefined ? undefined : Math.round(promptNs / 1e6),
  };
  answer.end = line.done_reason === "length" ? "cut" : "complete";
  answer.isOver = true;
}
