/**
 * The answer to a request in OpenAI's form: as Server-Sent Events, or as one
 * JSON object.
 *
 * https://platform.openai.com/docs/api-reference/chat-streaming
 *
 * @module
 */
import type { AnswerOutput } from "../../conversation/conversation.ts";
import type { TurnPart } from "../../conversation/turn.ts";
import { createTextStream } from "../../server/text_stream.ts";

/** How an answer is to be written. */
export interface AnswerOptions {
  /** Repeated, whatever it is. */
  model: string;
  /** Whether it is streamed. */
  isStreamed: boolean;
  /** Whether a stream ends with the count of tokens. */
  hasUsage: boolean;
  /** The time in seconds since 1970. */
  created: number;
}

/** An answer that is being written. */
export interface Answer extends AnswerOutput {
  /** Aborted when the client left before the end. */
  readonly signal: AbortSignal;
  /** The response, which may be sent before there is a word. */
  readonly response: Response;
}

/** Those that keep proxies from holding words back. */
const STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "connection": "keep-alive",
  "x-accel-buffering": "no",
};

const JSON_HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** Begins an answer. */
export function createAnswer(options: AnswerOptions): Answer {
  const id = `chatcmpl-${crypto.randomUUID()}`;
  const { model, created } = options;
  return options.isStreamed
    ? createStream(options, toHead({ id, model, created }, ".chunk"))
    : createWhole(toHead({ id, model, created }));
}

/** The beginning of each object, up to its choices. */
function toHead(
  { id, model, created }: { id: string; model: string; created: number },
  kind = "",
): string {
  const object = `chat.completion${kind}`;
  return JSON.stringify({ id, object, created, model }).slice(0, -1);
}

type Summary = TurnPart & { type: "summary" };

function createStream({ hasUsage }: AnswerOptions, head: string): Answer {
  const { write, end, signal, body } = createTextStream();
  const before = `data: ${head},"choices":[{"index":0,"delta":`;
  const after = `,"finish_reason":null}]}\n\n`;
  let summary: Summary | undefined;
  // It proves at once that somebody is there, and makes no sound.
  write(`${before}{"role":"assistant","content":""}${after}`);
  return {
    write(part) {
      if (part.type === "summary") summary = part;
      if (part.type !== "speech") return undefined;
      const text = part.isFiller ? toBufferWords(part.text) : part.text;
      return write(`${before}{"content":${JSON.stringify(text)}}${after}`);
    },
    end() {
      const calls = toToolCalls(summary);
      if (calls.length > 0) {
        const indexed = calls.map((call, index) => ({ index, ...call }));
        write(`${before}{"tool_calls":${JSON.stringify(indexed)}}${after}`);
      }
      const reason = toFinishReason(calls);
      write(`${before}{},"finish_reason":"${reason}"}]}\n\n`);
      if (hasUsage) {
        const usage = JSON.stringify(toUsage(summary));
        write(`data: ${head},"choices":[],"usage":${usage}}\n\n`);
      }
      write("data: [DONE]\n\n");
      end();
    },
    signal,
    response: new Response(body, { headers: STREAM_HEADERS }),
  };
}

/** A JSON object is as late as its last word: what only fills a silence is left out. */
function createWhole(head: string): Answer {
  const { write, end, signal, body } = createTextStream();
  let summary: Summary | undefined;
  let content = "";
  return {
    write(part) {
      if (part.type === "summary") summary = part;
      if (part.type === "speech" && !part.isFiller) content += part.text;
      return undefined;
    },
    end() {
      const tool_calls = toToolCalls(summary);
      const message = {
        role: "assistant",
        content: content.trim(),
        ...(tool_calls.length > 0 ? { tool_calls } : {}),
      };
      const finish_reason = toFinishReason(tool_calls);
      const choices = [{ index: 0, message, finish_reason }];
      const rest = { choices, usage: toUsage(summary) };
      write(`${head},${JSON.stringify(rest).slice(1)}`);
      end();
    },
    signal,
    response: new Response(body, { headers: JSON_HEADERS }),
  };
}

/** With an ellipsis and a blank at the end, a voice takes words for thinking aloud, and goes on in the same breath. */
function toBufferWords(text: string): string {
  return `${text.replace(/[\s.!?…。]+$/, "")}... `;
}

function toToolCalls(summary: Summary | undefined) {
  return (summary?.calls ?? []).map((call) => ({
    id: call.id,
    type: "function",
    function: {
      name: call.name,
      arguments: JSON.stringify(call.arguments ?? {}),
    },
  }));
}

function toFinishReason(calls: readonly unknown[]): string {
  return calls.length > 0 ? "tool_calls" : "stop";
}

function toUsage(summary: Summary | undefined) {
  const { inputTokens = 0, outputTokens = 0 } = summary?.details ?? {};
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}
