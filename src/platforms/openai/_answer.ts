/**
 * Writes an answer in OpenAI's format, as Server-Sent Events or as one JSON object.
 *
 * https://platform.openai.com/docs/api-reference/chat-streaming
 *
 * @module
 */
import type { TurnPart } from "../../conversation/turn.ts";
import { HttpError, json } from "../../server/http.ts";
import {
  createTextStream,
  EVENT_STREAM_HEADERS,
} from "../../server/text_stream.ts";
import type { Answer } from "../platform.ts";

interface AnswerOptions {
  model: string;
  /** The time in seconds since 1970. */
  created: number;
  isStreamed: boolean;
  /** Whether a stream ends with the token counts. */
  hasUsage: boolean;
  /** Whether a caller hears the answer: then an apology is better than an error. */
  isSpoken: boolean;
  /** Aborted when the client disconnects before it has the response. */
  signal: AbortSignal;
}

/** Creates an answer in OpenAI's form: streamed, or in one piece. */
export function createAnswer(options: AnswerOptions): Answer {
  return options.isStreamed ? createStream(options) : createWhole(options);
}

// Its signal is that of the response's body, which is sent before the first word.
function createStream({ model, created, hasUsage }: AnswerOptions): Answer {
  const { write, end, signal, body } = createTextStream();
  const object = "chat.completion.chunk";
  /** The beginning of each chunk, up to its `choices`. */
  const head = `data: ${
    JSON.stringify({ id: createId(), object, created, model }).slice(0, -1)
  }`;
  const before = `${head},"choices":[{"index":0,"delta":`;
  const after = `,"finish_reason":null}]}\n\n`;
  let summary: Summary | undefined;
  // An empty chunk shows the platform at once that the server answers.
  write(`${before}{"role":"assistant","content":""}${after}`);
  return {
    write(part) {
      if (part.type === "summary") summary = part;
      if (part.type !== "speech") return undefined;
      const text = part.isFiller ? toBufferWords(part.text) : part.text;
      return write(`${before}{"content":${JSON.stringify(text)}}${after}`);
    },
    end() {
      const { calls, finish_reason, usage } = toEnd(summary);
      if (calls) {
        const indexed = calls.map((call, index) => ({ index, ...call }));
        write(`${before}{"tool_calls":${JSON.stringify(indexed)}}${after}`);
      }
      write(`${before}{},"finish_reason":"${finish_reason}"}]}\n\n`);
      if (hasUsage) {
        write(`${head},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`);
      }
      write("data: [DONE]\n\n");
      end();
    },
    signal,
    response: new Response(body, { headers: EVENT_STREAM_HEADERS }),
  };
}

function createWhole(
  { model, created, isSpoken, signal }: AnswerOptions,
): Answer {
  const response = Promise.withResolvers<Response>();
  let summary: Summary | undefined;
  let content = "";
  return {
    write(part) {
      if (part.type === "summary") summary = part;
      // The response is sent after the last word, so fillers are useless.
      if (part.type === "speech" && !part.isFiller) content += part.text;
      return undefined;
    },
    end() {
      if (summary?.status === "failed" && !isSpoken) {
        return response.resolve(toErrorResponse(MODEL_FAILED));
      }
      const { calls, finish_reason, usage } = toEnd(summary);
      const said = { role: "assistant", content: content.trim() };
      const message = { ...said, tool_calls: calls };
      const choices = [{ index: 0, message, finish_reason }];
      const head = { id: createId(), object: "chat.completion" };
      response.resolve(json({ ...head, created, model, choices, usage }));
    },
    signal,
    response: response.promise,
  };
}

const MODEL_FAILED = new HttpError(
  502,
  "model_failed",
  "The language model failed: this server's log has the cause",
);

/** Creates the response of an error, in OpenAI's form. */
export function toErrorResponse(
  { status, code, message, headers }: HttpError,
): Response {
  const type = status === 429
    ? "rate_limit_error"
    : status >= 500
    ? "server_error"
    : "invalid_request_error";
  return json({ error: { message, type, code } }, { status, headers });
}

const createId = () => `chatcmpl-${crypto.randomUUID()}`;

/** Ends a filler with an ellipsis and a space, so that a voice continues in the same breath. */
function toBufferWords(text: string): string {
  return `${text.replace(/[\s.!?…。]+$/, "")}... `;
}

type Summary = TurnPart & { type: "summary" };

function toEnd(summary: Summary | undefined) {
  const calls = summary?.calls?.map(({ id, name, arguments: given }) => ({
    id,
    type: "function",
    function: { name, arguments: JSON.stringify(given ?? {}) },
  }));
  const { inputTokens = 0, outputTokens = 0 } = summary?.details ?? {};
  return {
    calls,
    finish_reason: calls ? "tool_calls" : "stop",
    usage: {
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens,
    },
  };
}
