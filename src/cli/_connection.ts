/**
 * What `say` and `doctor` talk to: a running server, as one of the platforms.
 *
 * @module
 */
import { EventSourceParserStream } from "eventsource-parser/stream";
import {
  type AnswerEvent,
  newId,
  readAnswer,
  sendEvent,
} from "../platforms/layercode/client.ts";
import { toServerUrl } from "../server/listen.ts";
import { explain } from "../server/log.ts";
import { loadConfig } from "../settings/config.ts";
import { readStoredSecret } from "../settings/secret.ts";
import type { Figures } from "../web/figures.js";
import { readServerUrl } from "./_terminal.ts";

/** A conversation with a server. */
export interface Connection {
  url: string;
  conversationId: string;
  /** Whether there is more to send than what a caller says. */
  hasEvents: boolean;
  /** Sends an event of Layercode's, in the platform's own form. */
  send(fields: EventFields, signal?: AbortSignal): Promise<Response>;
  /** Reads the events of an answer, whichever form it has. */
  read(response: Response): AsyncIterable<AnswerEvent>;
}

/** What is sent, without the ids of the conversation. */
export type EventFields = Record<string, unknown>;

/** What was given on the command line. */
export interface ConnectOptions {
  platform?: string;
  conversation?: string;
  url?: string;
  secret?: string;
}

/**
 * Reads from the settings what was not given. Nothing is sent yet.
 *
 * @throws {Error} when something is missing, or can't be understood
 */
export async function connect(given: ConnectOptions): Promise<Connection> {
  const config = await loadConfig(Deno.env);
  const { platform = "layercode", conversation = newId("conv") } = given;
  const { url = toServerUrl(config) } = given;
  if (platform === "layercode") {
    const secret = given.secret ?? config.webhookSecrets[0] ??
      await readStoredSecret(config.dataDir);
    if (secret !== undefined) {
      return connectLayercode(url, secret, conversation);
    }
    throw new Error(
      "No webhook secret: start the server first (deno task start), or give --secret",
    );
  }
  if (platform === "openai") {
    const key = given.secret ?? config.openai.keys?.[0];
    if (key !== undefined) return connectOpenAi(url, key, conversation);
    throw new Error(
      "No API key: set API_KEYS and start the server again, or give --secret",
    );
  }
  throw new Error(`--platform ${platform}: layercode or openai`);
}

/** Plays Layercode's part. */
export function connectLayercode(
  server: string,
  secret: string,
  conversationId: string,
): Connection {
  const { href: url } = readServerUrl(server, "/agent");
  const ids = { session_id: newId("sess"), conversation_id: conversationId };
  const client = { url, secret, withDetails: true };
  return {
    url,
    conversationId,
    hasEvents: true,
    send: (fields, signal) => sendEvent({ ...ids, ...fields }, client, signal),
    read: readAnswer,
  };
}

/**
 * Keeps the messages, as platforms do.
 *
 * https://platform.openai.com/docs/api-reference/chat/create-stream
 */
function connectOpenAi(
  server: string,
  key: string,
  conversationId: string,
): Connection {
  const { href: url } = readServerUrl(server, "/v1/chat/completions");
  const messages: { role: string; content: string }[] = [];

  function send({ text }: EventFields): Promise<Response> {
    messages.push({ role: "user", content: String(text) });
    const stream_options = { include_usage: true };
    const body = { model: "parley", stream: true, stream_options, messages };
    return fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "authorization": `Bearer ${key}`,
        "x-parley-conversation": conversationId,
      },
      body: JSON.stringify(body),
      // A redirect would carry the key elsewhere.
      redirect: "manual",
    });
  }

  async function* read(response: Response): AsyncGenerator<AnswerEvent> {
    const message = { role: "assistant", content: "" };
    messages.push(message);
    for await (const event of readChunks(response)) {
      if (event.type === "response.tts") message.content += event.content;
      yield event;
    }
  }

  return { url, conversationId, hasEvents: false, send, read };
}

/** The parts of a chunk that are read. */
interface Chunk {
  model?: string;
  choices?: { delta?: { content?: string | null } }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
}

/** Reads chat completions as events of Layercode's. */
async function* readChunks(
  response: Response,
): AsyncGenerator<AnswerEvent, void> {
  const events = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of events ?? []) {
    if (data === "[DONE]") return yield { type: "response.end" };
    const { model, choices = [], usage }: Chunk = JSON.parse(data);
    const content = choices[0]?.delta?.content;
    if (content) yield { type: "response.tts", content };
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

/** What came of a turn; times as measured here, the network included. */
export interface TurnResult extends Figures {
  /** All that was said. */
  text: string;
  /** Every `response.data`. */
  data: unknown[];
  /** `complete`, `failed`; `broken` when the answer had no end. */
  status: string;
  /** Why it is `broken`. */
  reason?: string;
}

/**
 * Sends an event and reads the answer to its end. What happens to the
 * connection after that matters to nobody.
 *
 * @param show takes what a person is to see, as it comes
 * @returns what came of it; or the response, where that is no answer
 * @throws {TypeError} when nobody is reached
 */
export async function ask(
  { send, read }: Connection,
  fields: EventFields,
  { show = () => {}, signal }: {
    show?: (text: string) => void;
    signal?: AbortSignal;
  } = {},
): Promise<TurnResult | Response> {
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  const response = await send(fields, signal);
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok || !type.startsWith("text/event-stream")) return response;
  const outcome: TurnResult = { text: "", data: [], status: "complete" };
  let firstMs: number | undefined;
  let isWhole = false;
  try {
    for await (const { type, content, ...details } of read(response)) {
      if (type === "response.tts") {
        firstMs ??= elapsed();
        outcome.text += content;
        show(String(content));
      } else if (type === "response.data") {
        outcome.data.push(content);
        show(`\n[data] ${JSON.stringify(content)}\n`);
      } else if (type === "parley.turn") {
        Object.assign(outcome, details);
      } else if (type === "response.end") {
        isWhole = true;
        break;
      }
    }
    if (!isWhole) throw new Error("no end of it came");
  } catch (error) {
    Object.assign(outcome, { status: "broken", reason: explain(error) });
  }
  return { ...outcome, first_words_ms: firstMs, total_ms: elapsed() };
}
