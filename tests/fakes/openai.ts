/**
 * A stand-in for a server of OpenAI's chat completions on loopback: the streamed
 * answer, the list of models and the errors, in OpenAI's own words. What it says
 * is scripted by the test; what OpenAI would refuse before calling the model (a
 * wrong key, an unknown model, a field that the model doesn't take, a result
 * without its call) it refuses too, and takes no answer from the script for it.
 *
 * Follows https://platform.openai.com/docs/api-reference/chat/create-stream, and
 * error bodies as the service sent them in 2026.
 *
 * @module
 */

import {
  encode,
  type Fake,
  type Fault,
  faultWire,
  type Pace,
  paceOf,
  readScript,
  type RecordedRequest,
  type Script,
  startFake,
  type WireAnswer,
} from "./_wire.ts";

export { type Fake, splitAt } from "./_wire.ts";

/** A message, as OpenAI writes it. */
export interface OpenAiMessage {
  role: string;
  content?: string | null;
  tool_calls?: {
    id: string;
    type: string;
    function: { name: string; arguments: string };
  }[];
  tool_call_id?: string;
}

/** The fields of a request that tests look at. */
export interface OpenAiRequestBody {
  model?: string;
  messages?: OpenAiMessage[];
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  max_tokens?: number;
  max_completion_tokens?: number;
  reasoning_effort?: string;
  tools?: {
    type: string;
    function: { name: string; description?: string; parameters?: unknown };
  }[];
  tool_choice?: string;
}

/** A call the model makes. */
export interface OpenAiCall {
  id?: string;
  name: string;
  /** JSON, or invalid text that the model wrote. */
  arguments: string;
}

/** What the model does. Without `chunks`, it says nothing. */
export type OpenAiAnswer =
  | Fault
  | Pace
    & (
      | { kind: "text"; chunks: string[]; usage?: Record<string, unknown> }
      /** Thoughts in this field of the delta, like those of reasoning models, then the text. */
      | {
        kind: "thought";
        thoughts: string[];
        chunks: string[];
        field?: "reasoning_content" | "reasoning";
      }
      /** Each call in pieces: id and name, then the arguments in two. */
      | { kind: "tool-calls"; calls: OpenAiCall[]; chunks?: string[] }
      | { kind: "empty" }
      | { kind: "max-tokens"; chunks?: string[] }
      /** The filter stops the answer. */
      | { kind: "filtered"; chunks?: string[] }
      /** An error status, in OpenAI's format unless `body` is given. */
      | {
        kind: "status";
        status: number;
        message?: string;
        code?: string;
        retryAfter?: string;
        body?: string;
      }
      /** An error object inside the 200 stream. */
      | { kind: "error-chunk"; chunks?: string[]; code?: number }
    );

/** What a stand-in accepts. */
export interface FakeOpenAiOptions {
  /** The only valid key. Default: `test-key`; `undefined`: no key is needed. */
  apiKey?: string | undefined;
  /** The available models. */
  models?: readonly { id: string }[];
  /** Fields of the body that are refused, with the message. */
  refuses?: (body: OpenAiRequestBody) => string | undefined;
}

const MODELS = [{ id: "gpt-6-luna" }, { id: "text-embedding-3-small" }];

/**
 * Starts a stand-in for `https://api.openai.com/v1`; its `url` has no `/v1`.
 *
 * @param script The answers, one a request, or a function that makes them. Once
 * the list is used up, requests get a 500.
 */
export function startFakeOpenAi(
  script: Script<OpenAiAnswer, OpenAiRequestBody>,
  options: FakeOpenAiOptions = {},
): Fake<OpenAiRequestBody> {
  const { models = MODELS, refuses } = options;
  const apiKey = "apiKey" in options ? options.apiKey : "test-key";
  const next = readScript(script);
  return startFake<OpenAiRequestBody>((request) => {
    const refused = refuseKey(request, apiKey);
    if (refused) return refused;
    switch (`${request.method} ${request.path}`) {
      case "GET /v1/models":
        return json(200, {
          object: "list",
          data: models.map((model) => ({ ...model, object: "model" })),
        });
      case "POST /v1/chat/completions": {
        const body = request.body ?? {};
        if (!models.some(({ id }) => id === body.model)) {
          return openAiError(404, {
            message:
              `The model \`${body.model}\` does not exist or you do not have access to it.`,
            code: "model_not_found",
          });
        }
        const wrong = refuses?.(body) ?? refuseMessages(body.messages ?? []);
        if (wrong) return openAiError(400, { message: wrong });
        const answer = next(request);
        return answer
          ? toWire(answer, body)
          : openAiError(500, { message: "The stand-in's script has run out" });
      }
    }
    return openAiError(404, {
      message: `Invalid URL (${request.method} ${request.path})`,
    });
  });
}

function toWire(answer: OpenAiAnswer, body: OpenAiRequestBody): WireAnswer {
  const chunk = (fields: Record<string, unknown>) =>
    sse({
      id: "chatcmpl-BxQ2",
      object: "chat.completion.chunk",
      created: 1_795_000_000,
      model: body.model,
      service_tier: "default",
      system_fingerprint: null,
      ...fields,
    });
  const say = (
    delta: Record<string, unknown>,
    finish_reason: string | null = null,
  ) => chunk({ choices: [{ index: 0, delta, logprobs: null, finish_reason }] });
  const first = say({ role: "assistant", content: "", refusal: null });
  const texts = (chunks: string[] = []) => [
    first,
    ...chunks.map((content) => say({ content })),
  ];
  const ending = (reason: string, usage: Record<string, unknown> = {}) => [
    say({}, reason),
    ...(body.stream_options?.include_usage
      ? [chunk({
        choices: [],
        usage: {
          prompt_tokens: 31,
          completion_tokens: 24,
          total_tokens: 55,
          prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 0 },
          ...usage,
        },
      })]
      : []),
    encode("data: [DONE]\n\n"),
  ];
  const wire = (pieces: Uint8Array[]): WireAnswer => ({
    ...paceOf(answer),
    status: 200,
    contentType: "text/event-stream; charset=utf-8",
    pieces,
  });
  switch (answer.kind) {
    case "text":
      return wire([...texts(answer.chunks), ...ending("stop", answer.usage)]);
    case "thought": {
      const { field = "reasoning_content" } = answer;
      const thoughts = answer.thoughts.map((text) => say({ [field]: text }));
      return wire([
        first,
        ...thoughts,
        ...texts(answer.chunks).slice(1),
        ...ending("stop"),
      ]);
    }
    case "tool-calls":
      return wire([
        ...texts(answer.chunks),
        ...answer.calls.flatMap(({ id, name, arguments: text }, index) => {
          const call = (fields: Record<string, unknown>) =>
            say({ tool_calls: [{ index, ...fields }] });
          const half = Math.ceil(text.length / 2);
          return [
            call({
              id: id ?? `call_${crypto.randomUUID().slice(0, 18)}`,
              type: "function",
              function: { name, arguments: "" },
            }),
            call({ function: { arguments: text.slice(0, half) } }),
            call({ function: { arguments: text.slice(half) } }),
          ];
        }),
        ...ending("tool_calls"),
      ]);
    case "empty":
      return wire([...texts(), ...ending("stop")]);
    case "max-tokens":
      return wire([...texts(answer.chunks), ...ending("length")]);
    case "filtered":
      return wire([...texts(answer.chunks), ...ending("content_filter")]);
    case "status": {
      const { status, body: page, retryAfter } = answer;
      const failed = page === undefined
        ? openAiError(status, answer)
        : { status, contentType: "text/html", pieces: [encode(page)] };
      return { ...failed, retryAfter, ...paceOf(answer) };
    }
    case "error-chunk": {
      const { code = null } = answer;
      const message = "The server had an error while processing your request.";
      const error = { message, type: "server_error", param: null, code };
      return wire([...texts(answer.chunks), sse({ error })]);
    }
    default:
      return faultWire(answer, "text/event-stream", texts);
  }
}

function refuseKey(
  { headers }: RecordedRequest,
  apiKey: string | undefined,
): WireAnswer | undefined {
  const key = headers.get("authorization");
  if (apiKey === undefined || key === `Bearer ${apiKey}`) return undefined;
  return openAiError(401, {
    message: key
      ? "Incorrect API key provided: wr****ng. You can find your API key at https://platform.openai.com/account/api-keys."
      : "You didn't provide an API key.",
    code: "invalid_api_key",
  });
}

/** Refuses the most common mistakes of clients, in OpenAI's words. */
function refuseMessages(
  messages: readonly OpenAiMessage[],
): string | undefined {
  if (/\\ud[89a-f]/.test(JSON.stringify(messages))) {
    return "We could not parse the JSON body of your request.";
  }
  const open = new Set<string>();
  for (const { role, tool_calls = [], tool_call_id = "" } of messages) {
    if (role === "tool") {
      if (open.delete(tool_call_id)) continue;
      return "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
    }
    if (open.size > 0) {
      return "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
    }
    for (const { id, function: { name } } of tool_calls) {
      if (!/^[\w-]+$/.test(name)) {
        return "Invalid 'messages[1].tool_calls[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.";
      }
      if (id.length > 40) {
        return `Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a string with length ${id.length} instead.`;
      }
      open.add(id);
    }
  }
  return undefined;
}

/** OpenAI's usual message for each status. */
const ERRORS: Record<number, string> = {
  400: "Invalid value for 'messages'.",
  403: "You are not allowed to sample from this model",
  429: "Rate limit reached for requests",
  500:
    "The server had an error while processing your request. Sorry about that!",
  503: "That model is currently overloaded with other requests.",
};

function openAiError(
  status: number,
  { message = ERRORS[status] ?? "Error", code }: {
    message?: string;
    code?: string;
  },
): WireAnswer {
  const type = status < 500 ? "invalid_request_error" : "server_error";
  return json(status, {
    error: { message, type, param: null, code: code ?? null },
  });
}

function json(status: number, value: unknown): WireAnswer {
  const pieces = [encode(JSON.stringify(value, null, 2))];
  return { status, contentType: "application/json", pieces };
}

function sse(value: unknown): Uint8Array {
  return encode(`data: ${JSON.stringify(value)}\n\n`);
}
