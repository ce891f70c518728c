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

/** The variant of the format that a server takes. */
export interface Dialect {
  /** The name of the field with the most tokens of an answer. */
  limit: "max_completion_tokens" | "max_tokens";
  /** How much the model should think. `undefined`: the field is left out. */
  effort: string | undefined;
  /** The fields that the server refused, which are left out. */
  refused: readonly string[];
}

/** Matches errors about an unknown field, or a model that can't call tools. */
const UNSUPPORTED =
  /not support|unsupported|unknown|unrecogni[sz]ed|not permitted|no endpoints|requires|not enabled/i;

/**
 * Adapts the dialect to the reason for which the server refused a request.
 *
 * @returns the dialect for further requests, or `undefined` where no change helps
 */
export function adaptDialect(
  dialect: Dialect,
  reason: string,
): Dialect | undefined {
  const { limit, effort, refused } = dialect;
  if (effort !== undefined && /reasoning|thinking/i.test(reason)) {
    // For example: Supported values are: 'minimal', 'low', 'medium', and 'high'.
    const other = ["none", "minimal", "low"].find((other) =>
      other !== effort && new RegExp(`['"\`]${other}['"\`]`).test(reason)
    );
    return { ...dialect, effort: other };
  }
  if (!UNSUPPORTED.test(reason)) return undefined;
  if (reason.includes(limit)) {
    const isOld = limit === "max_tokens";
    return {
      ...dialect,
      limit: isOld ? "max_completion_tokens" : "max_tokens",
    };
  }
  const field = /stream_options/.test(reason)
    ? "stream_options"
    // An error about one tool's schema doesn't mean that tools are unsupported.
    : /\btools?\b/i.test(reason) && !/schema/i.test(reason)
    ? "tools"
    : undefined;
  if (field === undefined || refused.includes(field)) return undefined;
  return { ...dialect, refused: [...refused, field] };
}

/** Makes the body of a request. */
export function toBody(
  { system, messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  model: string,
  { limit, effort, refused }: Dialect,
  thinking: Thinking,
): Record<string, unknown> {
  const hasTools = tools.length > 0 && !refused.includes("tools");
  const body: Record<string, unknown> = {
    model,
    messages: toMessages(system, messages),
    stream: true,
    stream_options: { include_usage: true },
    [limit]: maxTokens && maxTokens + THINKING_TOKENS[thinking],
    reasoning_effort: effort,
    tools: hasTools ? toFunctions(tools) : undefined,
    tool_choice: hasTools ? toolChoice : undefined,
  };
  for (const field of refused) delete body[field];
  return body;
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

/** A piece of a tool call, whose arguments are streamed. */
interface CallPiece {
  index?: number;
  id?: string | null | undefined;
  function?: { name?: string | null; arguments?: string | null };
}

/** The part of a tool call that has arrived. */
type Call = Pick<CallPiece, "index" | "id"> & { name: string; text: string };

/** One event of a streamed answer. */
interface Chunk {
  /** Empty in the event with the token counts. */
  choices?: {
    delta?: {
      content?: unknown;
      tool_calls?: CallPiece[] | null;
    };
    finish_reason?: string | null;
  }[];
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
  } | null;
  error?: { message?: string; code?: string | number | null };
}

/** Reads a streamed answer, event by event. */
export class AnswerReader {
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
    for (const piece of delta?.tool_calls ?? []) this.#addCall(piece);
    if (usage) {
      answer.usage = {
        inputTokens: usage.prompt_tokens,
        cachedTokens: usage.prompt_tokens_details?.cached_tokens,
        outputTokens: usage.completion_tokens,
      };
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
