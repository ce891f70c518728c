/**
 * Converts requests to Ollama's format, reads its answers, and connects through
 * `npm:ollama`.
 *
 * Wire: https://docs.ollama.com/api
 *
 * @module
 */
import type { ChatResponse, Message as OllamaMessage, Ollama } from "ollama";
import { toFunctions } from "./_openai_wire.ts";
import { type Fetch, requestJson, type Server, shorten } from "./_server.ts";
import { type Answer, toObject } from "./_stream.ts";
import {
  type Message,
  type ProviderRequest,
  type Thinking,
  THINKING_TOKENS,
} from "./provider.ts";
import type { VendorContext } from "./vendor.ts";

/** What Ollama says about a model, and its name with the tag. */
export interface Model {
  name: string;
  /** Absent with old versions of Ollama. */
  capabilities?: readonly string[];
  /** Properties from the model file, such as `llama.context_length`. */
  model_info?: Readonly<Record<string, unknown>>;
}

/** The settings that go into every request. */
export type RequestDefaults =
  & Pick<VendorContext, "contextTokens" | "thinking">
  & { keepAlive: string };

/** Makes the fields that all requests for a model share, with or without messages. */
export function toRequest(
  { name, capabilities }: Model,
  { keepAlive, contextTokens, thinking }: RequestDefaults,
) {
  // The window never changes: a different one would reload the model.
  const options: { num_ctx: number; num_predict?: number } = {
    num_ctx: contextTokens,
  };
  return {
    model: name,
    // Ollama takes seconds as a number, and a duration with a unit as a string.
    keep_alive: /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive,
    options,
    think: toThink(name, thinking, capabilities),
  };
}

/** Makes the body of a request for an answer. */
export function toBody(
  { system, messages, tools = [], toolChoice, maxTokens }: ProviderRequest,
  model: Model,
  defaults: RequestDefaults,
) {
  const request = toRequest(model, defaults);
  if (maxTokens !== undefined) {
    const isLow = request.think === "low";
    const room = THINKING_TOKENS[isLow ? "low" : defaults.thinking];
    request.options.num_predict = maxTokens + room;
  }
  // Ollama refuses tools for a model that can't call any.
  const hasTools = tools.length > 0 && toolChoice !== "none" &&
    (model.capabilities?.includes("tools") ?? true);
  return {
    ...request,
    messages: [
      ...(system === "" ? [] : [{ role: "system", content: system }]),
      ...messages.map(toOllamaMessage),
    ],
    ...(hasTools ? { tools: toFunctions(tools) } : {}),
    stream: true as const,
  };
}

function toOllamaMessage(message: Message): OllamaMessage {
  const { role, text: content } = message;
  if (role === "user") return { role, content };
  if (role === "tool") return { role, content, tool_name: message.name };
  if (!message.calls?.length) return { role, content };
  const tool_calls = message.calls.map(({ name, arguments: args }) => ({
    function: { name, arguments: { ...toObject(args) } },
  }));
  return { role, content, tool_calls };
}

/**
 * Whether the model should think. It is always set: if it were not, models that
 * can think would, during a long pause. For models that can't, `true` is an
 * error. GPT-OSS takes only levels.
 */
export function toThink(
  model: string,
  thinking: Thinking,
  capabilities: readonly string[] | undefined,
): boolean | "low" | "medium" | "high" {
  if (/^gpt-oss/.test(model)) return thinking === "off" ? "low" : thinking;
  return thinking !== "off" && (capabilities?.includes("thinking") ?? false);
}

/** Adds one line of the stream to the answer; the line may be an error. `message.thinking` is ignored. */
export function readLine(
  line: Partial<ChatResponse> & { error?: string },
  answer: Answer,
): void {
  if (line.error !== undefined) throw new Error(shorten(line.error));
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

let sdk: Promise<typeof import("ollama")> | undefined;

/** Creates a client for one request, since an abort ends all streams of a client. The SDK takes long to load: it is loaded on first use. */
export async function connect(
  { url: host }: Server,
  fetch: Fetch,
): Promise<Ollama> {
  const { Ollama } = await (sdk ??= import("ollama"));
  return new Ollama({ host, fetch });
}

/** How long the check whether a model is loading may take, in milliseconds. */
const CHECK_MS = 1_000;

/** A loaded model answers a request without a prompt in less than this, in milliseconds. */
const LOADED_MS = 250;

/**
 * Whether Ollama is loading the model. Ollama lists a model once it has begun to
 * load it, and answers a request without a prompt when it has loaded it.
 */
export async function isLoading(
  server: Server,
  find: (signal: AbortSignal) => Promise<ReturnType<typeof toRequest>>,
  signal: AbortSignal,
): Promise<boolean> {
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(CHECK_MS)]);
  let isListed = false;
  try {
    const request = await find(inTime);
    type Loaded = { models: { name: string }[] };
    const path = "/api/ps";
    const { models = [] } = await requestJson<Loaded>(server, path, inTime);
    // Without a tag, a name means the tag `latest`.
    const names = [request.model, `${request.model}:latest`];
    isListed = models.some(({ name }) => names.includes(name));
    if (!isListed) return true;
    const askedAt = performance.now();
    const body = { ...request, stream: false, prompt: "" };
    await requestJson(server, "/api/generate", inTime, body);
    // A slow answer means that it was loaded just now, and still has to read the prompt.
    return performance.now() - askedAt > LOADED_MS;
  } catch {
    return isListed && inTime.aborted && !signal.aborted;
  }
}
