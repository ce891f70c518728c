/**
 * Ollama's request and answer in our terms, and back. Pure.
 *
 * Wire: https://docs.ollama.com/api/chat
 *
 * @module
 */
import type { ChatRequest, ChatResponse, Message as Line } from "ollama";
import {
  type Message,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
  type Thinking,
} from "./provider.ts";

/** What can be known of a model before it is asked. */
export interface Model {
  /** With its tag. */
  name: string;
  /** Absent where Ollama is too old to tell. */
  capabilities: readonly string[] | undefined;
}

/** Converts a conversation to Ollama's `messages`. */
export function toLines(
  { system, messages }: Pick<ProviderRequest, "system" | "messages">,
): Line[] {
  return [{ role: "system", content: system }, ...messages.map(toLine)];
}

function toLine(message: Message): Line {
  const { role, text } = message;
  switch (role) {
    case "user":
      return { role, content: text };
    case "tool":
      return { role, content: text, tool_name: message.name };
    case "assistant":
      return {
        role,
        content: text,
        ...(message.calls?.length
          ? {
            tool_calls: message.calls.map((call) => ({
              function: {
                name: call.name,
                arguments: call.arguments as Record<string, unknown>,
              },
            })),
          }
          : {}),
      };
  }
}

/** A model that can't call tools refuses to be told of any. */
export function toTools(
  { tools = [], noMoreCalls }: ProviderRequest,
  { capabilities }: Model,
): Pick<ChatRequest, "tools"> {
  if (tools.length === 0 || noMoreCalls) return {};
  if (capabilities && !capabilities.includes("tools")) return {};
  return {
    tools: tools.map(({ name, description, parameters }) => ({
      type: "function",
      function: { name, description, parameters },
    })),
  };
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

/** Ollama takes a bare number as seconds and a string as a duration with its unit. */
export function toKeepAlive(value: string): string | number {
  return /^-?\d+$/.test(value) ? Number(value) : value;
}

/** Reads an answer. */
export async function* toParts(
  chunks: AsyncIterable<ChatResponse>,
): AsyncIterable<ProviderPart> {
  let answered = false;
  for await (const chunk of chunks) {
    // `message.thinking` is the model's own business.
    const { content: text, tool_calls = [] } = chunk.message ?? {};
    if (text) {
      answered = true;
      yield { type: "text-delta", text };
    }
    for (const { function: { name, arguments: args } } of tool_calls) {
      answered = true;
      const id = `call_${crypto.randomUUID()}`;
      yield { type: "tool-call", call: { id, name, arguments: args ?? {} } };
    }
    if (!chunk.done) continue;
    if (!answered) {
      throw new ProviderError("Ollama gave an empty answer", {
        provider: "ollama",
        retryable: false,
      });
    }
    yield {
      type: "finish",
      usage: {
        inputTokens: chunk.prompt_eval_count,
        outputTokens: chunk.eval_count,
      },
    };
    return;
  }
}
