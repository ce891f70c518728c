/**
 * What `say` talks to: a running server, as one of the platforms.
 *
 * @module
 */
import {
  type AnswerEvent,
  newId,
  readAnswer,
  sendEvent,
} from "../platforms/layercode/client.ts";
import { type Config, loadConfig } from "../settings/config.ts";
import { readKeptSecret } from "../settings/secret.ts";
import { createChat } from "./_chat.ts";
import { readServerUrl, UsageError } from "./_terminal.ts";

/** A conversation with a server. */
export interface Connection {
  url: string;
  conversationId: string;
  /** Whether there is more to send than what a caller says. */
  hasEvents: boolean;
  /** Sends an event of Layercode's, in the platform's own form. */
  send(fields: EventFields, signal: AbortSignal): Promise<Response>;
  /** Reads the answer, whichever form it has. */
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
 * @throws {UsageError} when something is missing, or can't be understood
 */
export async function connect(given: Given): Promise<Connection> {
  const { platform = "layercode" } = given;
  const config = await loadConfig(Deno.env);
  switch (platform) {
    case "layercode":
      return await connectLayercode(given, config);
    case "openai":
      return connectOpenAi(given, config);
    default:
      throw new UsageError(`--platform ${platform}: layercode or openai`);
  }
}

async function connectLayercode(
  given: Given,
  { port, webhookSecrets, dataDir }: Config,
): Promise<Connection> {
  const secret = given.secret ?? webhookSecrets[0] ??
    await readKeptSecret(dataDir);
  if (secret === undefined) {
    throw new UsageError(
      "No webhook secret: start the server first (deno task start), or give --secret",
    );
  }
  const { href: url } = readServerUrl(given.url ?? `http://127.0.0.1:${port}`);
  const { conversation: conversationId = newId("conv") } = given;
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

function connectOpenAi(given: Given, { port, openai }: Config): Connection {
  const key = given.secret ?? openai.keys?.[0];
  if (key === undefined) {
    throw new UsageError(
      "No API key: set API_KEYS and start the server again, or give --secret",
    );
  }
  const { href: url } = readServerUrl(
    given.url ?? `http://127.0.0.1:${port}`,
    "/v1/chat/completions",
  );
  const { conversation: conversationId = newId("conv") } = given;
  const chat = createChat({ url, key, conversationId });
  return {
    url,
    conversationId,
    hasEvents: false,
    send: ({ text }, signal) => chat.send(String(text), signal),
    read: chat.read,
  };
}
