/**
 * Talks to a running server as a voice platform does, for `say` and `doctor`.
 *
 * @module
 */
import {
  type AnswerEvent,
  newId,
  readAnswer,
  readEvents,
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
  /** Whether the platform has other events than messages. */
  hasEvents: boolean;
  /** Sends an event, given with Layercode's field names, in the platform's format. */
  send(fields: EventFields, signal?: AbortSignal): Promise<Response>;
  /** Reads an answer, as Layercode's events. */
  read(response: Response): AsyncIterable<AnswerEvent>;
}

/** The fields of an event, without the ids of the conversation. */
export type EventFields = Record<string, unknown>;

/** The options of the command line. */
export interface ConnectOptions {
  platform?: string;
  conversation?: string;
  url?: string;
  secret?: string;
}

/** Prepares a connection. Options that are not given come from the settings. */
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
  throw new Error(`--platform ${platform}: must be layercode or openai`);
}

/** Prepares a connection with Layercode's signed webhook. */
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
 * Prepares a connection with chat completions, for which the client keeps the
 * messages and sends all of them each time.
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
      // A redirect could send the key to another server.
      redirect: "manual",
    });
  }

  async function* read(response: Response): AsyncGenerator<AnswerEvent, void> {
    const answer = { role: "assistant", content: "" };
    messages.push(answer);
    for await (const data of readEvents(response)) {
      if (data === "[DONE]") return yield { type: "response.end" };
      const { model, choices = [], usage }: Chunk = JSON.parse(data);
      const content = choices[0]?.delta?.content;
      if (content) {
        answer.content += content;
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

  return { url, conversationId, hasEvents: false, send, read };
}

interface Chunk {
  model?: string;
  choices?: { delta?: { content?: string | null } }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
}

/** The result of a turn. Times are measured on this side, and include the network. */
export interface TurnResult extends Figures {
  text: string;
  /** The content of every `response.data`. */
  data: unknown[];
  /** `complete` or `failed`; `broken` when the stream ended too early. */
  status: string;
  /** Why it is `broken`. */
  reason?: string;
}

/**
 * Sends an event and reads the answer up to its `response.end`.
 *
 * @param show prints the answer as it comes
 * @returns the result; or the response, if that is not a stream
 * @throws {TypeError} when the server can't be reached
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
  const result: TurnResult = { text: "", data: [], status: "complete" };
  let firstMs: number | undefined;
  let isComplete = false;
  try {
    for await (const { type, content, ...details } of read(response)) {
      if (type === "response.tts") {
        firstMs ??= elapsed();
        result.text += content;
        show(String(content));
      } else if (type === "response.data") {
        result.data.push(content);
        show(`\n[data] ${JSON.stringify(content)}\n`);
      } else if (type === "parley.turn") {
        Object.assign(result, details);
      } else if (type === "response.end") {
        isComplete = true;
        break;
      }
    }
    if (!isComplete) throw new Error("the stream ended too early");
  } catch (error) {
    Object.assign(result, { status: "broken", reason: explain(error) });
  }
  return { ...result, first_words_ms: firstMs, total_ms: elapsed() };
}

/** Says why a turn was not answered with a stream, and how to fix that. */
export function explainRefusal(
  { status, headers }: Response,
  body: string,
  url: string,
): [detail: string, fix: string] {
  const location = headers.get("location");
  if (location !== null) {
    return [
      `${url} redirects (${status}) to ${location}: the body of a POST gets lost`,
      "give --url that address, and Layercode too",
    ];
  }
  const message = /"message":\s*"([^"\n]{1,300})/.exec(body)?.[1];
  const because = message ? `(${status}): ${message}` : `(${status})`;
  if (status === 401) {
    return [
      `the server refuses our signature or key ${because}`,
      "both need the same LAYERCODE_WEBHOOK_SECRET or API_KEYS (start the server " +
      "again after changing it), and clocks that are set by the network",
    ];
  }
  return [
    `${url} did not answer as Parley does ${because}`,
    "check the address: its path is /agent, or /v1/chat/completions, and a " +
    "tunnel's may change with each start; start the server, and the tunnel or " +
    "proxy to its HOST and PORT, which must let a POST through; see the " +
    "server's log",
  ];
}
