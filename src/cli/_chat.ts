/**
 * A platform's part in a conversation by chat completions: keeps the messages,
 * asks as OpenAI's clients do, and reads the answer as events of Layercode's,
 * which `say` shows.
 *
 * https://platform.openai.com/docs/api-reference/chat/create-stream
 *
 * @module
 */
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { AnswerEvent } from "../platforms/layercode/client.ts";

/** Where to ask, and as whom. */
export interface ChatOptions {
  /** The address of `/v1/chat/completions`. */
  url: string;
  /** One of the server's `API_KEYS`. */
  key: string;
  /** Goes along as `x-parley-conversation`. */
  conversationId: string;
}

/** A conversation of which this side keeps the messages, as platforms do. */
export interface Chat {
  /** Sends all that was said so far, and now this. */
  send(text: string, signal: AbortSignal): Promise<Response>;
  /** Reads the answer, event by event. */
  read(response: Response): AsyncGenerator<AnswerEvent, void>;
}

/** The parts of a chunk that are read. */
interface Chunk {
  model?: string;
  choices?: { delta?: { content?: string | null } }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
}

/** Begins a conversation. */
export function createChat({ url, key, conversationId }: ChatOptions): Chat {
  const messages: { role: string; content: string }[] = [];

  function send(text: string, signal: AbortSignal): Promise<Response> {
    messages.push({ role: "user", content: text });
    const headers = {
      "content-type": "application/json",
      "authorization": `Bearer ${key}`,
      "x-parley-conversation": conversationId,
    };
    const stream_options = { include_usage: true };
    const body = { model: "parley", stream: true, stream_options, messages };
    const json = JSON.stringify(body);
    // A redirect would carry the key elsewhere.
    const redirect = "manual";
    return fetch(url, {
      method: "POST",
      headers,
      body: json,
      redirect,
      signal,
    });
  }

  async function* read(response: Response): AsyncGenerator<AnswerEvent, void> {
    const message = { role: "assistant", content: "" };
    messages.push(message);
    const events = response.body
      ?.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { data } of events ?? []) {
      if (data === "[DONE]") {
        yield { type: "response.end" };
        return;
      }
      const { model, choices = [], usage }: Chunk = JSON.parse(data);
      const content = choices[0]?.delta?.content;
      if (content) {
        message.content += content;
        yield { type: "response.tts", content };
      }
      if (usage) {
        yield {
          type: "parley.turn",
          ...(model === undefined ? {} : { model }),
          input_tokens: usage.prompt_tokens ?? 0,
          output_tokens: usage.completion_tokens ?? 0,
        };
      }
    }
  }

  return { send, read };
}
