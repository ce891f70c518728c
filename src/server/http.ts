/**
 * Reads bodies of limited size, and sends answers and errors as JSON.
 *
 * @module
 */
import { Deadline } from "./deadline.ts";
import type { Log } from "./log.ts";

/** An error that is sent to the client as it is. */
export class HttpError extends Error {
  /** Creates an error: `code` is for programs, `message` says how to fix it and reveals nothing internal. */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }

  /** Creates the response that carries the error. */
  toResponse(): Response {
    const { status, code, message, headers } = this;
    return json({ error: { code, message } }, { status, headers });
  }
}

/** Converts an error for the client. Any but an `HttpError` is logged, and its details are not sent. */
export function toHttpError(
  error: unknown,
  log: Log,
  event = "request.failed",
): HttpError {
  if (error instanceof HttpError) return error;
  log.error(event, { error });
  return new HttpError(500, "internal", "Something went wrong here");
}

/** Creates the 404 for what does not exist. */
export function notFound(): HttpError {
  return new HttpError(404, "not_found", "There is nothing at this path");
}

/** Creates the 503 for requests during the shutdown. */
export function shuttingDown(): HttpError {
  return new HttpError(503, "shutting_down", "This server is shutting down");
}

/** Creates a response of JSON that may not be cached. */
export function json(body: unknown, init: ResponseInit = {}): Response {
  const response = Response.json(body, init);
  response.headers.set("cache-control", "no-store");
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

/** The largest body that is read, in bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Closes the connection after a refusal, since the client may still be sending. */
const CLOSE = { connection: "close" };

/** The largest body that is read in one piece, in bytes: most webhooks have a few hundred. */
const SMALL_BYTES = 16_384;

/** How much of larger bodies may be in memory while they arrive: anybody can send them. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

let pendingBytes = 0;

/** How long a body may take to arrive. Deno itself has no such limit. */
const BODY_SECONDS = 10;

/**
 * Reads the body of a JSON request as bytes, over which signatures are computed.
 *
 * @throws {HttpError} 415 when it isn't declared as JSON, 413 when it is too large,
 * 408 when it is late, 503 when too much of other bodies is in memory, 400 when it
 * doesn't arrive whole
 */
export async function readBody(request: Request): Promise<Uint8Array> {
  const { headers } = request;
  const type = headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type.trim())) {
    throw new HttpError(
      415,
      "unsupported_media_type",
      "Send the body as JSON, with content-type: application/json",
    );
  }
  const length = headers.get("content-length") ?? "";
  if (Number(length) > MAX_BODY_BYTES) throw tooLarge();
  const late = Promise.withResolvers<never>();
  const deadline = new Deadline(() => {
    const message = `The body did not arrive within ${BODY_SECONDS} seconds`;
    late.reject(new HttpError(408, "request_timeout", message, CLOSE));
  });
  deadline.set(BODY_SECONDS * 1000);
  try {
    // `bytes()` is cheaper, but goes on reading after the deadline. Deno reads no
    // more than the content-length, except Deno 2.5 if `transfer-encoding` is
    // present as well.
    const isSmall = /^\d+$/.test(length) && Number(length) <= SMALL_BYTES &&
      !headers.has("transfer-encoding");
    const bytes = isSmall
      ? request.bytes()
      : readChunks(request.body, late.promise);
    return await Promise.race([bytes, late.promise]);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "malformed_body", "The body did not arrive whole");
  } finally {
    deadline.clear();
  }
}

/** Reads a body that is large, or of unknown length, until `late` rejects. */
async function readChunks(
  body: Request["body"],
  late: Promise<never>,
): Promise<Uint8Array> {
  const buffer = new ArrayBuffer(0, { maxByteLength: MAX_BODY_BYTES });
  const bytes = new Uint8Array(buffer);
  try {
    for await (const chunk of toChunks(body, late)) {
      const at = buffer.byteLength;
      if (at + chunk.length > MAX_BODY_BYTES) throw tooLarge();
      if (pendingBytes + chunk.length > MAX_PENDING_BYTES) throw tooBusy();
      buffer.resize(at + chunk.length);
      pendingBytes += chunk.length;
      bytes.set(chunk, at);
    }
    // Returns a copy, since decoders reject resizable buffers.
    return bytes.slice();
  } finally {
    pendingBytes -= buffer.byteLength;
  }
}

/**
 * Yields the chunks of a body. Each is valid only until the next one is read,
 * since all share one buffer. By default Deno allocates 64 KiB for every chunk,
 * so that a sender of single bytes would cost tens of megabytes.
 */
async function* toChunks(
  body: Request["body"],
  late: Promise<never>,
): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    // The body of a request that was created in this process is not a byte stream.
    return yield* body;
  }
  late.catch(() => reader.cancel().catch(() => {}));
  try {
    let buffer = new Uint8Array(4096);
    while (true) {
      const { done, value } = await reader.read(buffer);
      if (done) return;
      yield value;
      buffer = new Uint8Array(value.buffer);
    }
  } finally {
    await reader.cancel();
  }
}

/** Parses a body. Throws a 400 when it isn't JSON. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    // The parser's own message would quote the body.
    throw new HttpError(400, "malformed_json", "The body is not valid JSON");
  }
}

/** Whether an origin has this server's host. Behind a proxy that terminates TLS, the server doesn't know its own scheme. */
export function isSameOrigin(origin: string, request: Request): boolean {
  return URL.canParse(origin) &&
    new URL(origin).host === new URL(request.url).host;
}

function tooBusy(): HttpError {
  const message = "Too many large bodies arrive at once: try again";
  return new HttpError(503, "too_busy", message, {
    ...CLOSE,
    "retry-after": "2",
  });
}

function tooLarge(): HttpError {
  const message = `The body is larger than ${MAX_BODY_BYTES} bytes`;
  return new HttpError(413, "too_large", message, CLOSE);
}
