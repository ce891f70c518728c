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
import { loadConfig } from "../settings/config.ts";
import { readKeptSecret } from "../settings/secret.ts";
import { readServerUrl, toLocalUrl } from "./_terminal.ts";

/** A conversation with a server. */
export interface Connection {
  url: string;
  conversationId: string;
  /** Whether there is more to send than what a caller says. */
  hasEvents: boolean;
  /** Sends an event of Layercode's, in the platform's own form. */
  send(fields: EventFields, signal?: AbortSignal): Promise<Response>;
  /**
   * Reads the answer up to its end, whichever form it has. What happens to the
   * connection after that matters to nobody.
   *
   * @throws {Error} when it breaks off
   */
  read(response: Response): AsyncIterable<AnswerEvent>;
}

/** What is sent, without the ids of the conversation. */
export type EventFields = Record<string, unknown>;

/** What was given on the command line. */
export interface Given {
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
export async function connect(given: Given): Promise<Connection> {
  const config = await loadConfig(Deno.env);
  const { webhookSecrets, dataDir, openai } = config;
  const { platform = "layercode", conversation = newId("conv") } = given;
  const { url = toLocalUrl(config) } = given;
  if (platform === "layercode") {
    const secret = given.secret ?? webhookSecrets[0] ??
      await readKeptSecret(dataDir);
    if (secret !== undefined) {
      return connectLayercode(url, secret, conversation);
    }
    throw new Error(
      "No webhook secret: start the server first (deno task start), or give --secret",
    );
  }
  if (platform === "openai") {
    const key = given.secret ?? openai.keys?.[0];
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
    read: (response) => readToEnd(readAnswer(response)),
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
  const messages: Message[] = [];

  function send(
    { text }: EventFields,
    signal: AbortSignal | null = null,
  ): Promise<Response> {
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
      signal,
    });
  }

  function read(response: Response): AsyncIterable<AnswerEvent> {
    const message = { role: "assistant", content: "" };
    messages.push(message);
    return readToEnd(readChunks(response, message));
  }

  return { url, conversationId, hasEvents: false, send, read };
}

interface Message {
  role: string;
  content: string;
}

/** The parts of a chunk that are read. */
interface Chunk {
  model?: string;
  choices?: { delta?: { content?: string | null } }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
}

/**
 * Reads chat completions as events of Layercode's.
 *
 * @param message what is said is added to it
 */
async function* readChunks(
  response: Response,
  message: Message,
): AsyncGenerator<AnswerEvent, void> {
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

/** Whether there is an answer to be read. */
export function isStream({ ok, headers }: Response): boolean {
  const type = headers.get("content-type") ?? "";
  return ok && type.startsWith("text/event-stream");
}

async function* readToEnd(
  answer: AsyncIterable<AnswerEvent>,
): AsyncGenerator<AnswerEvent, void> {
  for await (const event of answer) {
    yield event;
    if (event.type === "response.end") return;
  }
  throw new Error("no end of it came");
}
