/**
 * Ollama's request and answer in our terms, and back. Pure.
 *
 * Wire: https://docs.ollama.com/api/chat
 *
 * @module
 */
import type { ChatRequest, ChatResponse, Message as Line } from "ollama";
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
  /** Facts about it, such as `llama.context_length`. */
  model_info?: Record<string, unknown>;
  /** Where it runs, if not on this machine. */
  remote_host?: string;
}

/** How the settings have models asked. */
export type Asking =
  & Pick<VendorContext, "contextTokens" | "thinking">
  & { keepAlive: string };

/** What every request says of the model. */
export function toRequest(
  { name, capabilities }: Model,
  { keepAlive, contextTokens, thinking }: Asking,
  limit: { num_predict?: number } = {},
): Omit<ChatRequest, "messages" | "stream"> {
  return {
    model: name,
    // A bare number is seconds, a text a duration with its unit.
    keep_alive: /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive,
    // The window is always the same: another would load the model anew.
    options: { num_ctx: contextTokens, ...limit },
    think: toThink(name, thinking, capabilities),
  };
}

/** Converts a conversation to Ollama's `messages`: none where there is nothing to say. */
export function toLines(
  { system, messages }: Pick<ProviderRequest, "system" | "messages">,
): Line[] {
  const lines = messages.map(toLine);
  return system === ""
    ? lines
    : [{ role: "system", content: system }, ...lines];
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

/** A model that can't call tools refuses to be told of any. */
export function toTools(
  { tools = [], toolChoice }: Pick<ProviderRequest, "tools" | "toolChoice">,
  { capabilities }: Model,
): Pick<ChatRequest, "tools"> {
  if (tools.length === 0 || toolChoice === "none") return {};
  if (capabilities && !capabilities.includes("tools")) return {};
  return { tools: toFunctions(tools) };
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
  if (isGptOss(model)) return thinking === "off" ? "low" : thinking;
  return thinking !== "off" && (capabilities?.includes("thinking") ?? false);
}

/** How long an answer may be, in Ollama's tokens, which count thoughts as well. */
export function toLimit(
  maxTokens: number | undefined,
  { name }: Model,
  { thinking }: Asking,
): { num_predict?: number } {
  if (maxTokens === undefined) return {};
  const isLow = isGptOss(name) && thinking === "off";
  return {
    num_predict: maxTokens + THINKING_TOKENS[isLow ? "low" : thinking],
  };
}

/** GPT-OSS always thinks; it can be told how much. */
function isGptOss(model: string): boolean {
  return /^gpt-oss/.test(model);
}

/** One line of an answer, or an error in its place. */
export type OllamaLine = Partial<ChatResponse> & { error?: string };

/** Reads the next line of an answer. `message.thinking` is the model's own business. */
export function readLine(line: OllamaLine, answer: Answer): void {
  if (line.error !== undefined) throw new Error(line.error);
  const { content, tool_calls = [] } = line.message ?? {};
  answer.addText(content);
  for (const { function: { name, arguments: args } } of tool_calls) {
    const id = `call_${crypto.randomUUID()}`;
    answer.addCall({ id, name, arguments: args ?? {} });
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
