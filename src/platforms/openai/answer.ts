/**
 * Writes an answer in OpenAI's format, as Server-Sent Events or as one JSON object.
 *
 * https://platform.openai.com/docs/api-reference/chat-streaming
 *
 * @module
 */
import type { TurnPart } from "../../conversation/turn.ts";
import {
  createTextStream,
  EVENT_STREAM_HEADERS,
} from "../../server/text_stream.ts";
import type { Answer } from "../platform.ts";

const JSON_HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** An answer that says, once it is complete, whether it failed. */
export interface Completion extends Answer {
  /** Whether the model failed, so that the answer is only an apology. */
  hasFailed(): boolean;
}

/**
 * Creates the stream of an answer.
 *
 * @param model the name that the response repeats
 * @param hasUsage whether a stream ends with the token counts
 * @param created the time in seconds since 1970
 */
export function createAnswer(
  { model, isStreamed, hasUsage, created }: {
    model: string;
    isStreamed: boolean;
    hasUsage: boolean;
    created: number;
  },
): Completion {
  const { write, end, signal, body } = createTextStream();
  const object = isStreamed ? "chat.completion.chunk" : "chat.completion";
  const id = `chatcmpl-${crypto.randomUUID()}`;
  /** The beginning of each JSON object, up to its `choices`. */
  const head = JSON.stringify({ id, object, created, model }).slice(0, -1);
  const before = `data: ${head},"choices":[{"index":0,"delta":`;
  const after = `,"finish_reason":null}]}\n\n`;
  const headers = isStreamed ? EVENT_STREAM_HEADERS : JSON_HEADERS;
  let summary: Summary | undefined;
  let content = "";
  // An empty chunk shows the platform at once that the server answers.
  if (isStreamed) write(`${before}{"role":"assistant","content":""}${after}`);
  return {
    write(part) {
      if (part.type === "summary") summary = part;
      if (part.type !== "speech") return undefined;
      if (isStreamed) {
        const text = part.isFiller ? toBufferWords(part.text) : part.text;
        return write(`${before}{"content":${JSON.stringify(text)}}${after}`);
      }
      // A single object arrives after the last word, so fillers are useless.
      if (!part.isFiller) content += part.text;
      return undefined;
    },
    end() {
      const { calls, finish_reason, usage } = toEnd(summary);
      if (!isStreamed) {
        const said = { role: "assistant", content: content.trim() };
        const message = { ...said, tool_calls: calls };
        const choices = [{ index: 0, message, finish_reason }];
        write(`${head},${JSON.stringify({ choices, usage }).slice(1)}`);
        return end();
      }
      if (calls) {
        const indexed = calls.map((call, index) => ({ index, ...call }));
        write(`${before}{"tool_calls":${JSON.stringify(indexed)}}${after}`);
      }
      write(`${before}{},"finish_reason":"${finish_reason}"}]}\n\n`);
      if (hasUsage) {
        const counts = JSON.stringify(usage);
        write(`data: ${head},"choices":[],"usage":${counts}}\n\n`);
      }
      write("data: [DONE]\n\n");
      end();
    },
    hasFailed: () => summary?.status === "failed",
    signal,
    response: new Response(body, { headers }),
  };
}

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
