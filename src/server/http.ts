/**
 * What every route shares: reading a bounded body, and answers and errors as
 * JSON in the one shape that is documented.
 *
 * @module
 */
import { Deadline } from "./deadline.ts";
import type { Log } from "./log.ts";

/** A refusal, as the sender will read it. */
export class HttpError extends Error {
  /**
   * Makes a refusal; to be thrown, or sent with {@linkcode toResponse}.
   *
   * @param code for programs, e.g. `invalid_signature`
   * @param message for people; says how to fix it, tells nothing internal
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }

  /** The response that carries it. */
  toResponse(): Response {
    const { status, code, message, headers } = this;
    return json({ error: { code, message } }, { status, headers });
  }
}

/** What a sender is told of an error: all of a refusal, and nothing of what only the log may know. */
export function toHttpError(
  error: unknown,
  log: Log,
  event = "request.failed",
): HttpError {
  if (error instanceof HttpError) return error;
  log.error(event, { error });
  return new HttpError(500, "internal", "Something went wrong here");
}

/** What is not there, or not for this sender. */
export function notFound(): HttpError {
  return new HttpError(404, "not_found", "There is nothing at this path");
}

/** Told to whoever comes once nothing new is begun any more. */
export function shuttingDown(): HttpError {
  return new HttpError(503, "shutting_down", "This server is shutting down");
}

/** Answers with JSON that nobody may keep. */
export function json(body: unknown, init: ResponseInit = {}): Response {
  const response = Response.json(body, init);
  response.headers.set("cache-control", "no-store");
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

/** The largest body that is read, in bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Whoever is told to stop sending is not listened to any longer. */
const CLOSE = { connection: "close" };

/** How long a body may take to arrive. Deno itself would wait for ever. */
const BODY_SECONDS = 10;

/**
 * Reads a JSON request's body without decoding it: signatures are over bytes.
 *
 * @throws {HttpError} 415 when it isn't declared as JSON, 413 when it is
 * larger than {@linkcode MAX_BODY_BYTES}, 408 when it takes longer than ten
 * seconds, 400 when it doesn't arrive whole
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
    // The server lets no more through than was declared, and this is cheaper.
    // Deno 2.5 takes chunks all the same, where both are declared.
    const isBounded = /^\d+$/.test(length) &&
      !headers.has("transfer-encoding");
    const bytes = isBounded ? request.bytes() : readPieces(request.body);
    return await Promise.race([bytes, late.promise]);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "malformed_body", "The body did not arrive whole");
  } finally {
    deadline.clear();
  }
}

/** Reads a body whose length nobody declared. */
async function readPieces(body: Request["body"]): Promise<Uint8Array> {
  const buffer = new ArrayBuffer(0, { maxByteLength: MAX_BODY_BYTES });
  const bytes = new Uint8Array(buffer);
  for await (const piece of toPieces(body)) {
    const at = buffer.byteLength;
    if (at + piece.length > MAX_BODY_BYTES) throw tooLarge();
    buffer.resize(at + piece.length);
    bytes.set(piece, at);
  }
  // A copy, as decoders take no memory that can be resized.
  return bytes.slice();
}

/**
 * Each piece is good until the next is read: Deno fills the same memory again
 * and again. Left to itself, it takes 64 KiB for every chunk, and a sender of
 * single bytes costs tens of megabytes.
 */
async function* toPieces(body: Request["body"]): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    // The body of a request that was made in this process is no byte stream.
    return yield* body;
  }
  try {
    let lent = new Uint8Array(4096);
    while (true) {
      const { done, value } = await reader.read(lent);
      if (done) return;
      yield value;
      lent = new Uint8Array(value.buffer);
    }
  } finally {
    await reader.cancel();
  }
}

/**
 * Decodes a body as JSON.
 *
 * @throws {HttpError} 400 when it isn't
 */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    // The parser's own message would quote the body.
    throw new HttpError(400, "malformed_json", "The body is not valid JSON");
  }
}

/**
 * Whether a page of this origin was served from here. By host alone: behind a
 * proxy that ends TLS, we can't know our own scheme.
 */
export function isSameOrigin(origin: string, request: Request): boolean {
  return URL.canParse(origin) &&
    new URL(origin).host === new URL(request.url).host;
}

function tooLarge(): HttpError {
  const message = `The body is larger than ${MAX_BODY_BYTES} bytes`;
  return new HttpError(413, "too_large", message, CLOSE);
}
