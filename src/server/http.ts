/**
 * What every route shares: reading a bounded body, and answers and errors as
 * JSON in the one shape that the README documents.
 *
 * @module
 */

/** A refusal, as the sender will read it. */
export class HttpError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "HttpError";

  /**
   * Makes a refusal; to be thrown, or sent with {@linkcode toResponse}.
   *
   * @param status HTTP status
   * @param code for programs, e.g. `invalid_signature`
   * @param message for people; says how to mend it, tells nothing internal
   * @param headers further response headers
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
    const { code, message } = this;
    return json({ error: { code, message } }, {
      status: this.status,
      headers: this.headers,
    });
  }
}

/** What is told to whoever comes when nothing new is begun any more. */
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

/** How long a body may take to arrive. Deno itself would wait for ever. */
const BODY_TIMEOUT_MS = 10_000;

/** How much of a body is read at once. Most events fit into it whole. */
const PIECE_BYTES = 4096;

/** Whoever is told to stop sending is not listened to any longer. */
const CLOSE = { connection: "close" };

/**
 * Reads a JSON request's body without decoding it: signatures are over bytes.
 *
 * @throws {HttpError} 415 when it isn't declared as JSON, 413 when it is
 * larger than {@linkcode MAX_BODY_BYTES}, 408 when it takes longer than ten
 * seconds, 400 when it doesn't arrive whole
 */
export async function readBody(request: Request): Promise<Uint8Array> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type.trim())) {
    throw new HttpError(
      415,
      "unsupported_media_type",
      "Send the body as JSON, with content-type: application/json",
    );
  }
  if (Number(request.headers.get("content-length")) > MAX_BODY_BYTES) {
    throw tooLarge();
  }
  let buffer = new Uint8Array(PIECE_BYTES);
  let size = 0;
  const pieces = request.body && readPieces(request.body);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    pieces?.cancel().catch(() => {
      // The sender is gone already, which is what was wanted.
    });
  }, BODY_TIMEOUT_MS);
  try {
    while (pieces) {
      const { done, value } = await pieces.read();
      // Cancelling looks like the end of the body.
      if (isLate) throw tooSlow();
      if (done) break;
      const end = size + value.length;
      if (end > MAX_BODY_BYTES) {
        await pieces.cancel();
        throw tooLarge();
      }
      if (end > buffer.length) buffer = enlarge(buffer, end);
      buffer.set(value, size);
      size = end;
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "malformed_body", "The body did not arrive whole");
  } finally {
    clearTimeout(timer);
  }
  return buffer.subarray(0, size);
}

/**
 * Reads a body piece by piece; each is good until the next is read. Deno fills
 * the same memory again and again: left to itself, it takes 64 KiB for every
 * chunk, and a sender of single bytes costs a hundred megabytes.
 */
function readPieces(body: ReadableStream<Uint8Array<ArrayBuffer>>): Pick<
  ReadableStreamDefaultReader<Uint8Array>,
  "read" | "cancel"
> {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    // The body of a request that was made in this process is no byte stream.
    return body.getReader();
  }
  let lent = new Uint8Array(PIECE_BYTES);
  return {
    async read() {
      const { done, value } = await reader.read(lent);
      if (done) return { done };
      lent = new Uint8Array(value.buffer);
      return { done, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** The same bytes with room for at least so many, and for a few more. */
function enlarge(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(length, 2 * bytes.length));
  larger.set(bytes);
  return larger;
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
  return new HttpError(
    413,
    "too_large",
    `The body is larger than ${MAX_BODY_BYTES} bytes`,
    CLOSE,
  );
}

function tooSlow(): HttpError {
  return new HttpError(
    408,
    "request_timeout",
    `The body did not arrive within ${BODY_TIMEOUT_MS / 1000} seconds`,
    CLOSE,
  );
}
