/**
 * A client that acts as Layercode, for Parley's own tools.
 *
 * @module
 */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { DETAILS_HEADER, type TurnEvent } from "./sse.ts";
import { sign } from "./verify.ts";

/** Where to send events, and how to sign them. */
export interface ClientOptions {
  /** The webhook's address. */
  url: string;
  /** The webhook secret. */
  secret: string;
  /** Whether to request `parley.turn`, which Layercode never does. */
  withDetails?: boolean;
}

/** An event of an answer. A `parley.turn` has the fields of {@linkcode TurnEvent}. */
export interface AnswerEvent extends Partial<Omit<TurnEvent, "type">> {
  /** `response.tts`, `response.data`, `parley.turn` or `response.end`. */
  type: string;
  /** The words of `response.tts`, or the JSON of `response.data`. */
  content?: unknown;
}

/**
 * Sends an event as Layercode would. Redirects are not followed: they would drop
 * the body, or send the signature to another host.
 *
 * @throws {TypeError} when the server can't be reached
 */
export function sendEvent(
  event: Record<string, unknown>,
  { url, secret, withDetails = false }: ClientOptions,
  signal: AbortSignal | null = null,
): Promise<Response> {
  const body = new TextEncoder().encode(JSON.stringify(event));
  const headers = {
    "content-type": "application/json",
    "layercode-signature": sign(body, secret, Date.now() / 1000),
    ...(withDetails ? { [DETAILS_HEADER]: "on" } : {}),
  };
  const redirect = "manual";
  return fetch(url, { method: "POST", headers, body, redirect, signal });
}

/** Reads a streamed answer. Throws a `SyntaxError` when an event isn't JSON. */
export async function* readAnswer(
  response: Response,
): AsyncGenerator<AnswerEvent, void> {
  for await (const data of readEvents(response)) yield JSON.parse(data);
}

/** Reads the data of each of a response's Server-Sent Events. */
export async function* readEvents(
  { body }: Response,
): AsyncGenerator<string, void> {
  const events = body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of events ?? []) yield data;
}

/** Makes an id in Layercode's format. */
export function newId(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
}
