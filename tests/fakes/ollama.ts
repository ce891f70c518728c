/**
 * A stand-in for an Ollama server on loopback: the streamed answer, the lists
 * of models and the errors, in the server's own words. What it says is scripted
 * by the test; what Ollama would answer without calling the model (an unknown
 * model, a missing capability, loading and unloading) it answers by itself, and
 * takes nothing from the script for it.
 *
 * Follows https://docs.ollama.com/api and `server/routes.go` in
 * https://github.com/ollama/ollama as of August 2026.
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
  type Script,
  startFake,
  type WireAnswer,
} from "./_wire.ts";

export {
  type Fake,
  type Outcome,
  type Pace,
  type RawAnswer,
  type RecordedRequest,
  type Script,
  splitAt,
} from "./_wire.ts";

/** A message, as Ollama writes it. */
export interface OllamaMessage {
  role: string;
  content?: string;
  thinking?: string;
  tool_calls?: { id?: string; function: OllamaCall & { index?: number } }[];
  tool_name?: string;
  tool_call_id?: string;
}

/** The fields of a request that tests look at. */
export interface OllamaRequestBody {
  model?: string;
  messages?: OllamaMessage[];
  stream?: boolean;
  think?: boolean | string;
  tools?: {
    type: string;
    function: { name: string; description?: string; parameters?: unknown };
  }[];
  keep_alive?: number | string;
  options?: Record<string, unknown>;
}

/** A call the model makes. */
export interface OllamaCall {
  name: string;
  arguments?: Record<string, unknown>;
}

/** The metrics of the last line; durations in nanoseconds. */
export interface OllamaMetrics {
  total_duration: number;
  load_duration: number;
  prompt_eval_count: number;
  prompt_eval_duration: number;
  eval_count: number;
  eval_duration: number;
}

/**
 * What the model does. As with the real server, the headers come with the first
 * line: a slow first token is `headersAfterMs`.
 */
export type OllamaAnswer =
  | Fault
  | Pace
    & (
      | { kind: "text"; chunks: string[]; metrics?: Partial<OllamaMetrics> }
      /** Thinking, then the text. */
      | { kind: "thought"; thoughts: string[]; chunks: string[] }
      /** Text if there is any, then all calls in one line. */
      | { kind: "tool-calls"; calls: OllamaCall[]; chunks?: string[] }
      /** Ends without a fault but says nothing. */
      | { kind: "empty" }
      /** Stopped by `num_predict` or a full context. */
      | {
        kind: "max-tokens";
        chunks?: string[];
        metrics?: Partial<OllamaMetrics>;
      }
      /** An error status, in Ollama's format unless `body` is given (a proxy's page, say). */
      | {
        kind: "status";
        status: number;
        error?: string;
        body?: string;
        retryAfter?: string;
      }
      /** An error line inside the 200 stream; a 500 if it has no chunks. */
      | { kind: "error-chunk"; chunks: string[]; error?: string }
    );

/** A model that is installed. */
export interface FakeOllamaModel {
  /** With its tag. */
  name: string;
  /** Among `completion`, `tools`, `thinking`, `vision`. */
  capabilities: readonly string[];
  /** The longest context it was trained for. Default: 131072. */
  contextLength?: number;
  /** Bytes on disk. Default: 2019393189; a cloud model has a few hundred. */
  size?: number;
}

/** The options of a stand-in. */
export interface FakeOllamaOptions {
  /** The installed models. Default: three, of which one has thinking and two have tools. */
  models?: readonly FakeOllamaModel[];
  /** Its port. Default: any free port. */
  port?: number;
  /**
   * How long a model takes to load. Default: no time. Meanwhile it is listed as
   * running, as on the real server, and requests for it wait.
   */
  loadMs?: number;
}

const MODELS: readonly FakeOllamaModel[] = [
  { name: "llama3.2:3b", capabilities: ["completion", "tools"] },
  { name: "qwen3.5:4b", capabilities: ["completion", "tools", "thinking"] },
  { name: "gemma3:1b", capabilities: ["completion"], contextLength: 32768 },
];

/**
 * Starts a stand-in for `http://127.0.0.1:11434`.
 *
 * @param script The answers to `/api/chat`, one a request, or a function that
 * makes them. Once the list is used up, requests get a 500. A request without
 * messages loads the model; it uses no answer, nor does a request for a single
 * word.
 *
 * @example
 * ```ts ignore
 * await using ollama = startFakeOllama([{ kind: "text", chunks: ["Hel", "lo"] }]);
 * // ... point the client's host at ollama.url
 * ```
 */
export function startFakeOllama(
  script: Script<OllamaAnswer, OllamaRequestBody>,
  { models = MODELS, port = 0, loadMs = 0 }: FakeOllamaOptions = {},
): Fake<OllamaRequestBody> {
  const next = readScript(script);
  const loaded = new Map<string, Date>();
  const readyAt = new Map<string, number>();
  /** Loads a model if it isn't loaded, and returns how long that still takes. */
  function load(name: string, expires: Date): number {
    const since = readyAt.get(name) ?? Date.now() + loadMs;
    readyAt.set(name, since);
    loaded.set(name, expires);
    return Math.max(since - Date.now(), 0);
  }
  return startFake<OllamaRequestBody>((request) => {
    const body = request.body ?? {};
    const model = find(models, body.model ?? "");
    switch (`${request.method} ${request.path}`) {
      case "GET /":
        return {
          status: 200,
          contentType: "text/plain; charset=utf-8",
          pieces: [encode("Ollama is running")],
        };
      case "GET /api/version":
        return json(200, { version: "0.14.2" });
      case "GET /api/tags":
        return json(200, { models: models.map(listed) });
      case "GET /api/ps":
        return json(200, {
          models: models.filter(({ name }) =>
            Number(loaded.get(name) ?? 0) > Date.now()
          )
            .map((model) => running(model, loaded.get(model.name)!)),
        });
      case "POST /api/show":
        return model ? json(200, shown(model)) : refuseModel(body.model);
      case "POST /api/chat": {
        if (!model) return refuseModel(body.model);
        const expires = expiry(body.keep_alive);
        if (!body.messages?.length) {
          const done_reason = expires.getTime() <= Date.now()
            ? "unload"
            : "load";
          const headersAfterMs = load(model.name, expires);
          const answer = json(200, {
            ...message(body.model, { content: "" }),
            done: true,
            done_reason,
          });
          return { ...answer, headersAfterMs };
        }
        const missing = refuseRequest(model, body);
        if (missing) return json(400, { error: missing });
        const loadingMs = load(model.name, expires);
        // A request for a single word only makes Ollama read the prompt.
        const isReadingAhead = body.options?.num_predict === 1;
        const answer: OllamaAnswer | undefined = isReadingAhead
          ? { kind: "max-tokens", chunks: ["Hm"] }
          : next(request);
        if (!answer) {
          return json(500, { error: "the stand-in's script has run out" });
        }
        const wire = toWire(answer, body.model ?? "");
        const headersAfterMs = (wire.headersAfterMs ?? 0) + loadingMs;
        return { ...wire, headersAfterMs };
      }
      case "POST /api/generate": {
        if (!model) return refuseModel(body.model);
        const headersAfterMs = load(model.name, expiry(body.keep_alive));
        const created_at = new Date().toISOString();
        const done = { done: true, done_reason: "load" };
        const answer = { model: model.name, created_at, response: "", ...done };
        return { ...json(200, answer), headersAfterMs };
      }
    }
    return {
      status: 404,
      contentType: "text/plain",
      pieces: [encode("404 page not found")],
    };
  }, port);
}

function toWire(answer: OllamaAnswer, model: string): WireAnswer {
  const say = (text: string) =>
    line({ ...message(model, { content: text }), done: false });
  const wire = (pieces: Uint8Array[]): WireAnswer => ({
    ...paceOf(answer),
    status: 200,
    contentType: "application/x-ndjson",
    pieces,
  });
  switch (answer.kind) {
    case "text":
      return wire([
        ...answer.chunks.map(say),
        done(model, "stop", answer.metrics),
      ]);
    case "thought": {
      const thoughts = answer.thoughts.map((thinking) =>
        line({ ...message(model, { content: "", thinking }), done: false })
      );
      return wire([
        ...thoughts,
        ...answer.chunks.map(say),
        done(model, "stop"),
      ]);
    }
    case "tool-calls": {
      const tool_calls = answer.calls.map((call, index) => ({
        id: `call_${crypto.randomUUID().slice(0, 8)}`,
        function: { index, arguments: {}, ...call },
      }));
      const calls = line({
        ...message(model, { content: "", tool_calls }),
        done: false,
      });
      return wire([
        ...(answer.chunks ?? []).map(say),
        calls,
        done(model, "stop"),
      ]);
    }
    case "empty":
      return wire([done(model, "stop", { eval_count: 1 })]);
    case "max-tokens":
      return wire([
        ...(answer.chunks ?? []).map(say),
        done(model, "length", answer.metrics),
      ]);
    case "status": {
      const { status, body, retryAfter } = answer;
      const error = answer.error ?? ERRORS[status] ?? "unexpected error";
      const failed = body === undefined
        ? json(status, { error: error.replace("$model", model) })
        : { status, contentType: "text/html", pieces: [encode(body)] };
      return { ...failed, retryAfter, ...paceOf(answer) };
    }
    case "error-chunk": {
      const {
        chunks,
        error = "an error was encountered while running the model",
      } = answer;
      // Before the first line, the server still answers with an error status.
      return chunks.length === 0
        ? { ...json(500, { error }), ...paceOf(answer) }
        : wire([...chunks.map(say), line({ error })]);
    }
    default:
      return faultWire(
        answer,
        "application/x-ndjson",
        (chunks) => chunks.map(say),
      );
  }
}

/** The server's message for each error status of a chat. */
const ERRORS: Record<number, string> = {
  400:
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, or use a model with a longer context length",
  401: "unauthorized",
  404: "model '$model' not found",
  500:
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details",
  503: "server busy, please try again.  maximum pending requests exceeded",
};

function refuseModel(name: string | undefined): WireAnswer {
  return name
    ? json(404, { error: `model '${name}' not found` })
    : json(400, { error: "model is required" });
}

function refuseRequest(
  { name, capabilities }: FakeOllamaModel,
  { model, think, tools, messages = [] }: OllamaRequestBody,
): string | undefined {
  const calls = messages.flatMap(({ tool_calls = [] }) => tool_calls);
  if (calls.some((call) => typeof call.function.arguments === "string")) {
    return "json: cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments";
  }
  if (think && !capabilities.includes("thinking")) {
    return `"${model}" does not support thinking`;
  }
  if (tools?.length && !capabilities.includes("tools")) {
    return `registry.ollama.ai/library/${name} does not support tools`;
  }
  return undefined;
}

/** Finds a model. A name without a tag means `latest`. */
function find(
  models: readonly FakeOllamaModel[],
  name: string,
): FakeOllamaModel | undefined {
  const tagged = name.includes(":") ? name : `${name}:latest`;
  return models.find((model) => model.name === tagged || model.name === name);
}

/** Returns when a model is unloaded. A number is in seconds; a negative one means never. Default: five minutes. */
function expiry(keepAlive: number | string = "5m"): Date {
  const [, count = "0", unit = "s"] =
    /^(-?[\d.]+)(ms|s|m|h)?$/.exec(String(keepAlive)) ?? [];
  const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit] ?? 1000;
  const ms = Number(count) * unitMs;
  return new Date(ms < 0 ? "2318-11-21T10:00:00Z" : Date.now() + ms);
}

function message(
  model: string | undefined,
  fields: Partial<OllamaMessage>,
): Record<string, unknown> {
  return {
    model,
    created_at: now(),
    message: { role: "assistant", ...fields },
  };
}

function done(
  model: string,
  done_reason: string,
  metrics: Partial<OllamaMetrics> = {},
): Uint8Array {
  return line({
    ...message(model, { content: "" }),
    done: true,
    done_reason,
    total_duration: 1_385_312_208,
    load_duration: 112_940_625,
    prompt_eval_count: 31,
    prompt_eval_duration: 215_430_000,
    eval_count: 24,
    eval_duration: 1_022_581_000,
    ...metrics,
  });
}

const DETAILS = {
  parent_model: "",
  format: "gguf",
  family: "llama",
  families: ["llama"],
  parameter_size: "3.2B",
  quantization_level: "Q4_K_M",
};
const DIGEST =
  "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72";

function listed(
  { name, capabilities, size = 2_019_393_189 }: FakeOllamaModel,
): Record<string, unknown> {
  return {
    name,
    model: name,
    modified_at: "2026-08-21T18:48:22.117409382+02:00",
    size,
    digest: DIGEST,
    details: DETAILS,
    capabilities,
  };
}

function running(
  { name }: FakeOllamaModel,
  expires: Date,
): Record<string, unknown> {
  return {
    name,
    model: name,
    size: 3_440_386_048,
    digest: DIGEST,
    details: DETAILS,
    expires_at: expires.toISOString(),
    size_vram: 3_440_386_048,
    context_length: 4096,
  };
}

function shown(
  { name, capabilities, contextLength = 131_072 }: FakeOllamaModel,
): Record<string, unknown> {
  return {
    modelfile: `# Modelfile generated by "ollama show"\nFROM ${name}\n`,
    parameters: 'stop                           "<|eot_id|>"',
    template: "{{ .Prompt }}",
    details: DETAILS,
    model_info: {
      "general.architecture": "llama",
      "general.parameter_count": 3_212_749_888,
      "llama.context_length": contextLength,
    },
    capabilities,
    modified_at: "2026-08-21T18:48:22.117409382+02:00",
  };
}

/** Formats the time as Go does, with more digits than JavaScript has. */
function now(): string {
  return new Date().toISOString().replace("Z", "204871Z");
}

function json(status: number, value: unknown): WireAnswer {
  const pieces = [encode(goJson(value))];
  return { status, contentType: "application/json; charset=utf-8", pieces };
}

function line(value: unknown): Uint8Array {
  return encode(`${goJson(value)}\n`);
}

/** Encodes JSON like Go, which escapes characters that are special in HTML. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
