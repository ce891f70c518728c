/**
 * Layercode's own part, for tools that stand in for it: makes an event, signs
 * it, sends it and reads the answer.
 *
 * @module
 */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { sign } from "./verify.ts";

/** Where to send events, and as whom. */
export interface ClientOptions {
  /** The webhook's address. */
  url: string;
  secret: string;
}

/** An event of an answer. */
export interface AnswerEvent {
  type: string;
  content?: unknown;
  turn_id?: string;
  error?: unknown;
}

/**
 * Sends an event as Layercode would.
 *
 * @throws {TypeError} when the server can't be reached
 */
export function sendEvent(
  event: Record<string, unknown>,
  { url, secret }: ClientOptions,
  signal?: AbortSignal,
): Promise<Response> {
  const body = new TextEncoder().encode(JSON.stringify(event));
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "layercode-signature": sign(body, secret, Date.now() / 1000),
    },
    body,
    ...(signal ? { signal } : {}),
  });
}

/**
 * Reads a streamed answer, event by event.
 *
 * @throws {SyntaxError} when an event isn't JSON
 */
export async function* readAnswer(
  response: Response,
): AsyncGenerator<AnswerEvent, void> {
  const events = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of events ?? []) {
    yield JSON.parse(data);
  }
}

/** A new id, as Layercode's look. */
export function newId(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
}
