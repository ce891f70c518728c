/**
 * Converts requests to the format of OpenAI's chat completions, and reads the
 * answers. Many servers take it, each with small differences. Pure.
 *
 * Wire: https://platform.openai.com/docs/api-reference/chat/create-stream
 *
 * @module
 */
import { toStreamError } from "./_server.ts";
import { type Answer, toObject } from "./_stream.ts";
import {
  type Message,
  type ProviderRequest,
  type Thinking,
  THINKING_TOKENS,
  type ToolDeclaration,
} from "./provider.ts";

/** The body of a request; a field that is `undefined` is not sent. */
export type Body = Record<string, unknown>;

/** Makes the body of a request. `limit` names the field with its most tokens; `hasThought`: an earlier answer contained reasoning. */
export function toBody(
  { system, messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  { model, limit, thinking, hasThought }: {
    model: string;
    limit: "max_completion_tokens" | "max_tokens";
    thinking: Thinking;
    hasThought: boolean;
  },
): Body {
  const hasTools = tools.length > 0;
  const least = hasThought ? "medium" : "off";
  const room = Math.max(THINKING_TOKENS[thinking], THINKING_TOKENS[least]);
  return {
    model,
    messages: toMessages(system, messages),
    stream: true,
    stream_options: { include_usage: true },
    [limit]: maxTokens && maxTokens + room,
    reasoning_effort: thinking === "off" ? "none" : thinking,
    tools: hasTools ? toFunctions(tools) : undefined,
    tool_choice: hasTools ? toolChoice : undefined,
  };
}

/** Matches errors about an unknown field, or a model that can't call tools. */
const UNSUPPORTED =
  /not support|unsupported|unknown|unrecogni[sz]ed|not permitted|no endpoints|requires|not enabled/i;

/**
 * Finds what to change in a request that a server refused for this reason: the
 * value that it names instead, or the fields to leave out, as `undefined`.
 */
export function findChange(sent: Body, reason: string): Body | undefined {
  const { reasoning_effort: effort, max_tokens, max_completion_tokens } = sent;
  if (effort !== undefined && /reasoning|thinking/i.test(reason)) {
    // For example: Supported values are: 'minimal', 'low', 'medium', and 'high'.
    const named = ["none", "minimal", "low"].find((other) =>
      other !== effort && new RegExp(`['"\`]${other}['"\`]`).test(reason)
    );
    return { reasoning_effort: named };
  }
  // Unknown by this name, or more than the model's window has left.
  const isLimit = /max_(completion_)?tokens|in the completion/.test(reason);
  if (isLimit && (max_tokens ?? max_completion_tokens) !== undefined) {
    return { max_tokens: undefined, max_completion_tokens: undefined };
  }
  if (!UNSUPPORTED.test(reason)) return undefined;
  if (sent.stream_options && /stream_options/.test(reason)) {
    return { stream_options: undefined };
  }
  // An error about one tool's schema doesn't mean that tools are unsupported.
  if (sent.tools && /\btools?\b/i.test(reason) && !/schema/i.test(reason)) {
    return { tools: undefined, tool_choice: undefined };
  }
  return undefined;
}

/** Converts tools to the format that OpenAI and Ollama share. */
export function toFunctions(tools: readonly ToolDeclaration[]) {
  return tools.map(({ name, description, parameters }) => ({
    type: "function" as const,
    function: { name, description, parameters },
  }));
}

/** Converts a conversation. Some models' templates require that the user begins. */
function toMessages(system: string, messages: readonly Message[]): object[] {
  const all: object[] = messages.map(toMessage);
  if (messages[0]?.role === "assistant") {
    all.unshift({ role: "user", content: "(The caller joins.)" });
  }
  if (system !== "") all.unshift({ role: "system", content: system });
  return all;
}

function toMessage(message: Message): object {
  const { role, text: content } = message;
  if (role === "user") return { role, content };
  if (role === "tool") {
    return { role, content, tool_call_id: toCallId(message.callId) };
  }
  if (!message.calls?.length) return { role, content };
  return {
    role,
    content: content || null,
    tool_calls: message.calls.map((call) => ({
      id: toCallId(call.id),
      type: "function",
      function: {
        name: toToolName(call.name),
        arguments: JSON.stringify(toObject(call.arguments)),
      },
    })),
  };
}

/** Makes a valid name: a model may call an unknown tool, such as `multi_tool_use.parallel`, and OpenAI refuses a conversation with that name. */
function toToolName(name: string): string {
  return name.replaceAll(/[^\w-]/g, "_").slice(0, 64) || "_";
}

/** Shortens an id: OpenAI takes 40 characters, and Parley's have 41. */
function toCallId(id: string): string {
  return id.slice(-40);
}

/** The arguments of a call are streamed. */
interface CallPiece {
  index?: number;
  id?: string | null | undefined;
  function?: { name?: string | null; arguments?: string | null };
}

type Call = Pick<CallPiece, "index" | "id"> & { name: string; text: string };

interface Chunk {
  /** Empty in the event with the token counts. */
  choices?: {
    delta?: {
      content?: unknown;
      reasoning?: unknown;
      reasoning_content?: unknown;
      tool_calls?: CallPiece[] | null;
    };
    finish_reason?: string | null;
  }[];
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
    completion_tokens_details?: { reasoning_tokens?: number } | null;
  } | null;
  error?: { message?: string; code?: string | number | null };
}

/** Reads a streamed answer, event by event; calls come in pieces. */
export class AnswerReader {
  /** Whether the answer contained reasoning. */
  hasThought = false;
  readonly #calls: Call[] = [];

  /** @param toolChoice `none`: tool calls are dropped, since some servers send them anyway */
  constructor(readonly toolChoice: "none" | undefined) {}

  read(data: string, answer: Answer): void {
    if (data === "[DONE]") {
      this.#finish(answer);
      answer.isOver = true;
      return;
    }
    const { choices, usage, error }: Chunk = JSON.parse(data);
    if (error) {
      const status = Number(error.code) || undefined;
      throw toStreamError(answer.provider, status, error.message);
    }
    const { delta, finish_reason } = choices?.[0] ?? {};
    if (typeof delta?.content === "string") answer.addText(delta.content);
    if (delta?.reasoning_content || delta?.reasoning) this.hasThought = true;
    for (const piece of delta?.tool_calls ?? []) this.#addCall(piece);
    if (usage) {
      answer.usage = {
        inputTokens: usage.prompt_tokens,
        cachedTokens: usage.prompt_tokens_details?.cached_tokens,
        outputTokens: usage.completion_tokens,
      };
      this.hasThought ||= !!usage.completion_tokens_details?.reasoning_tokens;
    }
    if (finish_reason) this.#finish(answer, finish_reason);
  }

  #addCall(piece: CallPiece): void {
    const { index = 0, id, function: { name, arguments: text } = {} } = piece;
    let call = this.#calls.findLast((call) => call.index === index);
    // Some servers give every call the same index, and no id.
    if (call === undefined || (id && id !== call.id) || (name && !id)) {
      if (this.#calls.length === MAX_CALLS) return;
      call = { index, id, name: name ?? "", text: "" };
      this.#calls.push(call);
    }
    call.text += text ?? "";
  }

  #finish(answer: Answer, reason?: string): void {
    for (const { id, name, text } of this.#calls.splice(0)) {
      if (this.toolChoice === "none") continue;
      answer.addCall(name, toArguments(text), id);
    }
    if (reason === "length") answer.end = "cut";
    else if (reason === "content_filter") {
      answer.end = answer.toError("The vendor's filter ended the answer");
    } else answer.end ??= "complete";
  }
}

/** Far more calls than are run; each piece that arrives is looked up among them. */
const MAX_CALLS = 128;

/** Parses arguments. Invalid JSON is passed on as text: the tool refuses it, and the model gets the error. */
function toArguments(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
