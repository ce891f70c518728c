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

/**
 * Reads a JSON request's body without decoding it: signatures are over bytes.
 *
 * @throws {HttpError} 415 when it isn't declared as JSON, 413 when it is
 * larger than {@linkcode MAX_BODY_BYTES}, 400 when it doesn't arrive whole
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
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader?.cancel().catch(() => {
      // The sender is gone already, which is what was wanted.
    });
  }, BODY_TIMEOUT_MS);
  try {
    while (reader) {
      const { done, value } = await reader.read();
      // Cancelling looks like the end of the body.
      if (isLate) throw new Error("Too late");
      if (done) break;
      size += value.length;
      if (size > MAX_BODY_BYTES) {
        await reader.cancel();
        throw tooLarge();
      }
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "malformed_body", "The body did not arrive whole");
  } finally {
    clearTimeout(timer);
  }
  return concat(chunks, size);
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
  );
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
