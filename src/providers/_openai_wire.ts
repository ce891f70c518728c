/**
 * The request and answer of OpenAI's chat completions in our terms, and back.
 * Many servers speak it, each a little differently. Pure.
 *
 * Wire: https://platform.openai.com/docs/api-reference/chat/create-stream
 *
 * @module
 */
import type { Answer } from "./_stream.ts";
import {
  isRetryableStatus,
  type Message,
  ProviderError,
  type ProviderRequest,
  type Thinking,
  THINKING_TOKENS,
} from "./provider.ts";

/**
 * What of a request not every server takes. It begins as most take it, and
 * {@linkcode adapt} changes it by what a server refuses.
 */
export interface Dialect {
  /** What the server calls the longest answer. */
  limit: "max_completion_tokens" | "max_tokens";
  /** How much the model is to think. `undefined`: nothing is said of it. */
  effort: string | undefined;
  /** Whether the model may be told of tools. */
  hasTools: boolean;
  /** Whether token counts are asked for. */
  hasUsage: boolean;
  /** Whether the model thinks all the same, as its answers show. */
  isThinking: boolean;
}

/** How a server is spoken to at first. */
export function toDialect(isOpenAi: boolean, thinking: Thinking): Dialect {
  return {
    limit: isOpenAi ? "max_completion_tokens" : "max_tokens",
    effort: thinking === "off" ? "none" : thinking,
    hasTools: true,
    hasUsage: true,
    isThinking: thinking !== "off",
  };
}

/**
 * How a server is spoken to from now on, by why it refused a request.
 *
 * @returns `undefined` where nothing can be changed
 */
export function adapt(dialect: Dialect, reason: string): Dialect | undefined {
  const { limit, effort, hasTools, hasUsage } = dialect;
  if (/reasoning|thinking/i.test(reason) && effort !== undefined) {
    // Such as: Supported values are: 'minimal', 'low', 'medium', and 'high'.
    const other = ["none", "minimal", "low"].find((other) =>
      other !== effort && new RegExp(`['"\`]${other}['"\`]`).test(reason)
    );
    const isThinking = other === "minimal" || other === "low";
    return { ...dialect, effort: other, isThinking };
  }
  if (hasTools && /\btools?\b/i.test(reason) && UNABLE.test(reason)) {
    return { ...dialect, hasTools: false };
  }
  if (hasUsage && /stream_options/.test(reason)) {
    return { ...dialect, hasUsage: false };
  }
  if (reason.includes(limit) && UNKNOWN.test(reason)) {
    const isOld = limit === "max_tokens";
    return {
      ...dialect,
      limit: isOld ? "max_completion_tokens" : "max_tokens",
    };
  }
  return undefined;
}

/** How servers say that they don't know a field. */
const UNKNOWN =
  /unsupported|not supported|unknown|unrecogni[sz]ed|not permitted/i;

/** How servers say that a model can't call tools, or that they weren't set up for it. */
const UNABLE = /not support|unsupported|no endpoints|requires|not enabled/i;

/** The body of a question. */
export function toBody(
  { system, messages, tools = [], toolChoice, maxTokens }: Omit<
    ProviderRequest,
    "signal"
  >,
  model: string,
  { limit, effort, hasTools, hasUsage, isThinking }: Dialect,
): Record<string, unknown> {
  // What a model thinks counts as part of the answer.
  const room = isThinking
    ? THINKING_TOKENS[effort as Thinking] || THINKING_TOKENS.medium
    : 0;
  return {
    model,
    messages: toMessages(system, messages),
    stream: true,
    ...(hasUsage ? { stream_options: { include_usage: true } } : {}),
    ...(maxTokens === undefined ? {} : { [limit]: maxTokens + room }),
    ...(effort === undefined ? {} : { reasoning_effort: effort }),
    ...(tools.length === 0 || !hasTools ? {} : {
      tools: tools.map(({ name, description, parameters }) => ({
        type: "function",
        function: { name, description, parameters },
      })),
      ...(toolChoice === undefined ? {} : { tool_choice: toolChoice }),
    }),
  };
}

/** A message as it goes over the wire. */
export interface OpenAiMessage {
  /** Who says it. */
  role: "system" | "user" | "assistant" | "tool";
  /** What is said. */
  content: string | null;
  /** What the model calls. */
  tool_calls?: {
    id: string;
    type: "function";
    function: { name: string; arguments: string };
  }[];
  /** Which call a result answers. */
  tool_call_id?: string;
}

/** Converts a conversation. Some models' templates want it to begin with the user. */
export function toMessages(
  system: string,
  messages: readonly Message[],
): OpenAiMessage[] {
  const all = messages.map(toMessage);
  if (all[0]?.role === "assistant") {
    all.unshift({ role: "user", content: "(The caller joins.)" });
  }
  if (system !== "") all.unshift({ role: "system", content: system });
  return all;
}

function toMessage(message: Message): OpenAiMessage {
  const { role, text: content } = message;
  if (role === "user") return { role, content };
  if (role === "tool") {
    return { role, content, tool_call_id: toId(message.callId) };
  }
  if (!message.calls?.length) return { role, content };
  return {
    role,
    content: content || null,
    tool_calls: message.calls.map((call) => ({
      id: toId(call.id),
      type: "function",
      function: {
        name: call.name,
        arguments: JSON.stringify(call.arguments ?? {}),
      },
    })),
  };
}

/** OpenAI takes ids of 40 characters; those made for other vendors have one more. */
function toId(id: string): string {
  return id.slice(-40);
}

/** An error, as the many servers put it. */
export type OpenAiError = string | {
  message?: string;
  code?: string | number | null;
  status_code?: number;
};

/** A piece of an answer. */
export interface OpenAiChunk {
  /** What the model says; empty in the chunk with the counts. */
  choices?: {
    delta?: {
      content?: unknown;
      reasoning?: unknown;
      reasoning_content?: unknown;
      tool_calls?: {
        index?: number;
        id?: string | null;
        function?: { name?: string | null; arguments?: string | null };
      }[] | null;
    };
    finish_reason?: string | null;
  }[];
  /** What the vendor counted. */
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
    completion_tokens_details?: { reasoning_tokens?: number } | null;
  } | null;
  /** Instead of all else. */
  error?: OpenAiError;
}

/** A call, whose arguments come in pieces. */
interface OpenCall {
  index: number;
  id: string;
  name: string;
  text: string;
}

/**
 * Makes what reads an answer, event by event.
 *
 * @param onThought called when the model turns out to think
 */
export function createChunkReader(
  answer: Answer,
  toolChoice: "none" | undefined,
  onThought: () => void,
): (data: string) => void {
  const calls: OpenCall[] = [];

  function addCall(
    { index = 0, id, function: { name, arguments: text } = {} }: NonNullable<
      NonNullable<NonNullable<OpenAiChunk["choices"]>[number]["delta"]>[
        "tool_calls"
      ]
    >[number],
  ): void {
    let call = calls.findLast((call) => call.index === index);
    // Some servers give every call the same index, and none an id.
    if (call === undefined || (id && id !== call.id) || (name && !id)) {
      const made = `call_${crypto.randomUUID().slice(0, 18)}`;
      call = { index, id: id || made, name: name ?? "", text: "" };
      calls.push(call);
    }
    call.text += text ?? "";
  }

  function finish(reason: string | undefined): void {
    for (const { id, name, text } of calls.splice(0)) {
      // Not every server keeps its model from calling what it must not.
      if (toolChoice === "none") continue;
      answer.addCall({ id, name, arguments: toArguments(text) });
    }
    if (reason === "length") answer.end = "cut";
    else if (reason === "content_filter") {
      answer.end = new ProviderError("The vendor's filter ended the answer", {
        provider: answer.provider,
        retryable: false,
      });
    } else answer.end ??= "complete";
  }

  return (data) => {
    if (data === "[DONE]") {
      finish(undefined);
      answer.isOver = true;
      return;
    }
    const { choices, usage, error }: OpenAiChunk = JSON.parse(data);
    if (error) throw toStreamError(error, answer.provider);
    const { delta, finish_reason } = choices?.[0] ?? {};
    if (typeof delta?.content === "string") answer.addText(delta.content);
    if (delta?.reasoning_content || delta?.reasoning) onThought();
    for (const call of delta?.tool_calls ?? []) addCall(call);
    if (usage) {
      const { prompt_tokens, completion_tokens } = usage;
      const cached = usage.prompt_tokens_details?.cached_tokens;
      const thought = usage.completion_tokens_details?.reasoning_tokens;
      if (thought) onThought();
      answer.usage = {
        ...(prompt_tokens === undefined ? {} : { inputTokens: prompt_tokens }),
        ...(cached === undefined ? {} : { cachedTokens: cached }),
        ...(completion_tokens === undefined
          ? {}
          : { outputTokens: completion_tokens }),
      };
    }
    if (finish_reason) finish(finish_reason);
  };
}

/** What is no JSON goes on as it came: the tool refuses it, and the model is told. */
function toArguments(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An error in the middle of an answer whose status was 200. */
function toStreamError(error: OpenAiError, provider: string): ProviderError {
  const { message, code, status_code } = typeof error === "string"
    ? { message: error }
    : error;
  const status = Number(status_code ?? code) || undefined;
  return new ProviderError(`The server of ${provider} failed in mid-answer`, {
    provider,
    status,
    retryable: status === undefined || isRetryableStatus(status),
    cause: message,
  });
}
