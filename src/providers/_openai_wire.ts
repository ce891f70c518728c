/**
 * The request and answer of OpenAI's chat completions in our terms, and back.
 * Many servers speak it, each a little differently. Pure.
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
  THINKING_TOKENS,
  type ToolDeclaration,
} from "./provider.ts";

/** How a server is spoken to. */
export interface Dialect {
  /** What it calls the longest answer. */
  limit: "max_completion_tokens" | "max_tokens";
  /** How much the model is to think. `undefined`: nothing is said of it. */
  effort: string | undefined;
  /** The fields that it refused, which are left out. */
  refused: readonly string[];
}

/** How servers say that they don't know a field, or that a model can't call tools. */
const UNABLE =
  /not support|unsupported|unknown|unrecogni[sz]ed|not permitted|no endpoints|requires|not enabled/i;

/**
 * How a server is spoken to from now on, by why it refused a request.
 *
 * @returns `undefined` where nothing can be changed
 */
export function adapt(dialect: Dialect, reason: string): Dialect | undefined {
  const { limit, effort, refused } = dialect;
  if (effort !== undefined && /reasoning|thinking/i.test(reason)) {
    // Such as: Supported values are: 'minimal', 'low', 'medium', and 'high'.
    const other = ["none", "minimal", "low"].find((other) =>
      other !== effort && new RegExp(`['"\`]${other}['"\`]`).test(reason)
    );
    return { ...dialect, effort: other };
  }
  if (!UNABLE.test(reason)) return undefined;
  if (reason.includes(limit)) {
    const isOld = limit === "max_tokens";
    return {
      ...dialect,
      limit: isOld ? "max_completion_tokens" : "max_tokens",
    };
  }
  const field = /stream_options/.test(reason)
    ? "stream_options"
    // Of one tool's parameters it says nothing about the others.
    : /\btools?\b/i.test(reason) && !/schema/i.test(reason)
    ? "tools"
    : undefined;
  if (field === undefined || refused.includes(field)) return undefined;
  return { ...dialect, refused: [...refused, field] };
}

/** The body of a question to a model that may have thought before, told to or not. */
export function toBody(
  { system, messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  model: string,
  { limit, effort, refused }: Dialect,
  hasThought: boolean,
): Record<string, unknown> {
  // What a model thinks counts as part of the answer. Servers know more words
  // for how much than we do.
  const tokens: Record<string, number> = THINKING_TOKENS;
  const isThinking = hasThought || (effort ?? "none") !== "none";
  const room = isThinking ? tokens[effort ?? ""] || THINKING_TOKENS.medium : 0;
  const isTold = tools.length > 0 && !refused.includes("tools");
  const body: Record<string, unknown> = {
    model,
    messages: toMessages(system, messages),
    stream: true,
    stream_options: { include_usage: true },
    [limit]: maxTokens === undefined ? undefined : maxTokens + room,
    reasoning_effort: effort,
    tools: isTold ? toFunctions(tools) : undefined,
    tool_choice: isTold ? toolChoice : undefined,
  };
  for (const field of refused) delete body[field];
  return body;
}

/** Tools as OpenAI and Ollama are told of them. */
export function toFunctions(tools: readonly ToolDeclaration[]) {
  return tools.map(({ name, description, parameters }) => ({
    type: "function" as const,
    function: { name, description, parameters },
  }));
}

/** Converts a conversation. Some models' templates want it to begin with the user. */
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
        name: toName(call.name),
        arguments: JSON.stringify(toObject(call.arguments)),
      },
    })),
  };
}

/** A model may call what there isn't, such as `multi_tool_use.parallel`; sent back as it came, OpenAI refuses the whole conversation. */
function toName(name: string): string {
  return name.replaceAll(/[^\w-]/g, "_").slice(0, 64) || "_";
}

/** OpenAI takes ids of 40 characters; ours have one more. */
function toId(id: string): string {
  return id.slice(-40);
}

/** A call, or a piece of one: its arguments come bit by bit. */
interface CallPiece {
  index?: number;
  id?: string | null | undefined;
  function?: { name?: string | null; arguments?: string | null };
}

/** A call as far as it has come. */
type Call = Pick<CallPiece, "index" | "id"> & { name: string; text: string };

/** A piece of an answer. */
interface Chunk {
  /** What the model says; empty in the chunk with the counts. */
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

/** Reads an answer, event by event. */
export class AnswerReader {
  /** Whether the model turned out to think. */
  hasThought = false;
  readonly #calls: Call[] = [];

  /** @param toolChoice `none`: calls are dropped, since not every server keeps its model from them */
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
    // Some servers give every call the same index, and none an id.
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

/** Far more calls than are run; each piece that comes is looked for among them. */
const MAX_CALLS = 128;

/** What is no JSON goes on as it came: the tool refuses it, and the model is told. */
function toArguments(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
