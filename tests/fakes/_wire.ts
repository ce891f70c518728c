/**
 * What the vendors' stand-ins share: a loopback server that answers with exactly
 * the scripted bytes, pauses and faults, and records each request and what the
 * client did. It knows no vendor.
 *
 * It speaks HTTP/1.1 on a bare socket, one request a connection, because
 * `Deno.serve` cannot be held to the byte: pieces enqueued one after another
 * reach the client as one, and a body that errors in mid-stream prints a stack
 * on Deno 2.9 and loses what was not yet flushed on 2.5. Here every piece is a
 * chunk of its own (RFC 9112, section 7.1), which `fetch` delivers separately.
 *
 * @module
 */

/**
 * How an answer ended: sent whole (`finished`), left by the client
 * (`cancelled`), dropped because the script says so (`cut`), or ended by
 * {@linkcode Fake.close} (`closed`). Until then it is `open`.
 */
export type Outcome = "open" | "finished" | "cancelled" | "cut" | "closed";

/** A request as the stand-in saw it, and what became of its answer. */
export interface RecordedRequest<Body = unknown> {
  /** `GET`, `POST`, ... */
  readonly method: string;
  /** The path, without the query. */
  readonly path: string;
  /** The query's parameters. */
  readonly query: URLSearchParams;
  /** All headers, the key included. */
  readonly headers: Headers;
  /** The body parsed as JSON; its text when it is not JSON; `undefined` without one. */
  readonly body: Body | undefined;
  /** How the answer ended; `open` until then. */
  readonly outcome: Outcome;
  /** When the answer ended, in `performance.now()` milliseconds. */
  readonly endedAt: number | undefined;
  /** Resolves with the outcome when the answer has ended in any way. */
  readonly ended: Promise<Outcome>;
  /** Resolves with `endedAt` if the client disconnected before the answer was complete; otherwise never. */
  readonly cancelled: Promise<number>;
  /** Resolves with `endedAt` once the answer was sent completely; otherwise never. */
  readonly finished: Promise<number>;
}

/** A running stand-in. */
export interface Fake<Body = unknown> extends AsyncDisposable {
  /** Its base address, without a slash at the end. */
  readonly url: string;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly RecordedRequest<Body>[];
  /**
   * Returns the next request that no earlier call has returned. Waits for it if
   * it has not arrived yet.
   *
   * @throws {Error} If the stand-in is closed before one arrives.
   */
  nextRequest(): Promise<RecordedRequest<Body>>;
  /**
   * Drops open connections and resolves when nothing is left running.
   *
   * @throws The error that the script threw, if it is a function.
   */
  close(): Promise<void>;
}

/** How fast an answer comes. */
export interface Pace {
  /** Milliseconds before the status line, as with a cold model or a long queue. */
  headersAfterMs?: number;
  /** Milliseconds between the status line and the first chunk. */
  firstChunkAfterMs?: number;
  /** Milliseconds between one chunk and the next. */
  delayMs?: number;
}

/** An answer's pace, with the defaults filled in. */
export function paceOf(
  { headersAfterMs = 0, firstChunkAfterMs = 0, delayMs = 0 }: Pace,
): Required<Pace> {
  return { headersAfterMs, firstChunkAfterMs, delayMs };
}

/** A body sent as it is, in pieces that `fetch` delivers one by one. */
export interface RawAnswer extends Pace {
  kind: "raw";
  /** The body; see {@linkcode splitAt}. */
  bytes: readonly Uint8Array[];
  /** Default: 200. */
  status?: number;
  /** Default: the vendor's streaming type. */
  contentType?: string;
  /** Whether the body is complete (the default), is cut off, or goes silent after the last piece. */
  end?: "whole" | "cut" | "stall";
}

/** The faults that are the same with every vendor. */
export type Fault =
  | RawAnswer
  | Pace
    & (
      /** The connection drops; `midLine`: inside a message. */
      | { kind: "cut"; chunks: string[]; midLine?: boolean }
      /** The body ends properly but too early: nothing says that it is the end; `midLine`: inside a message. */
      | { kind: "unfinished"; chunks: string[]; midLine?: boolean }
      /** Silence until the client disconnects: after these chunks, or before the headers if there are none. */
      | { kind: "stall"; chunks?: string[] }
    );

/** What a model of any vendor may do. */
export type CommonAnswer =
  | Fault
  | Pace
    & (
      | { kind: "text"; chunks: string[] }
      | { kind: "thought"; thoughts: string[]; chunks: string[] }
      | { kind: "empty" }
      | { kind: "max-tokens"; chunks?: string[] }
      | { kind: "status"; status: number; body?: string; retryAfter?: string }
    );

/**
 * Converts a fault to bytes on the wire.
 *
 * @param say makes the messages with these words
 */
export function faultWire(
  answer: Fault,
  contentType: string,
  say: (chunks: string[]) => Uint8Array[],
): WireAnswer {
  if (answer.kind === "raw") return rawWire(answer, contentType);
  const wire = { ...paceOf(answer), status: 200, contentType };
  if (answer.kind === "stall") {
    return answer.chunks === undefined
      ? { ...wire, pieces: [], headersAfterMs: Infinity }
      : { ...wire, pieces: say(answer.chunks), end: "stall" };
  }
  const half = say(["never to be seen"]).slice(-1)
    .map((piece) => piece.subarray(0, 70));
  return {
    ...wire,
    pieces: [...say(answer.chunks), ...answer.midLine ? half : []],
    end: answer.kind === "cut" ? "cut" : "whole",
  };
}

/** An answer as it is sent; the vendors' answers are converted to these. */
export interface WireAnswer extends Pace {
  /** The HTTP status. */
  status: number;
  /** The content type. */
  contentType: string;
  /** The body, a chunk of the transfer encoding each. */
  pieces: readonly Uint8Array[];
  /** What follows the pieces. Default: `whole`. */
  end?: "whole" | "cut" | "stall";
  /** The `retry-after` header. Default: none. */
  retryAfter?: string | undefined;
}

/** Converts a raw answer. */
function rawWire(answer: RawAnswer, streamType: string): WireAnswer {
  const { bytes, status = 200, contentType = streamType, end = "whole" } =
    answer;
  return { ...paceOf(answer), status, contentType, pieces: bytes, end };
}

/** Answers in the order of the requests, or made from each request. */
export type Script<Answer, Body = unknown> =
  | readonly Answer[]
  | ((request: RecordedRequest<Body>, index: number) => Answer);

/**
 * Returns a script's answers one by one.
 *
 * @returns A function that gives the answer to a request, or `undefined` when
 * the list has no more.
 */
export function readScript<Answer, Body>(
  script: Script<Answer, Body>,
): (request: RecordedRequest<Body>) => Answer | undefined {
  let index = 0;
  return (request) =>
    typeof script === "function" ? script(request, index++) : script[index++];
}

/**
 * Cuts a body in pieces at the given byte offsets.
 *
 * @param body The whole body.
 * @param offsets Offsets in rising order, each between 0 and the body's length.
 */
export function splitAt(body: Uint8Array, ...offsets: number[]): Uint8Array[] {
  return [0, ...offsets].map((from, index) =>
    body.subarray(from, offsets[index])
  );
}

/**
 * Starts a server on a loopback port.
 *
 * @param answer Says what to send for a request.
 * @param port Default: any free port.
 */
export function startFake<Body>(
  answer: (request: RecordedRequest<Body>) => WireAnswer,
  port = 0,
): Fake<Body> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const closing = new AbortController();
  const requests: RecordedRequest<Body>[] = [];
  const waiting: PromiseWithResolvers<RecordedRequest<Body>>[] = [];
  const connections = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let handedOut = 0;

  async function serve(connection: Deno.TcpConn): Promise<void> {
    const close = () => {
      try {
        connection.close();
      } catch { /* closed before, which is all that was wanted */ }
    };
    closing.signal.addEventListener("abort", close);
    let settle: (outcome: Outcome) => void = () => {};
    try {
      const received = await readRequest<Body>(connection);
      if (received === undefined) return;
      const { request } = received;
      settle = received.settle;
      requests.push(request);
      const waiter = waiting.shift(); // there is one only if all earlier requests are handed out
      if (waiter) {
        handedOut++;
        waiter.resolve(request);
      }
      const wire = answer(request);
      const gone = new AbortController();
      const watch = untilGone(connection).then(() => gone.abort());
      const sent = await send(connection, wire, gone.signal);
      // In `send`, our own closing looks as if the client had disconnected.
      settle(closing.signal.aborted ? "closed" : sent);
      close();
      await watch;
    } catch (error) {
      // A bug in the script, or a request we cannot read: close() throws it.
      failures.push(error);
      settle("cut");
    } finally {
      closing.signal.removeEventListener("abort", close);
      close();
    }
  }

  const accepting = (async () => {
    for await (const connection of listener) {
      connection.setNoDelay(true);
      const served = serve(connection);
      connections.add(served);
      served.finally(() => connections.delete(served));
    }
  })();

  async function close(): Promise<void> {
    if (!closing.signal.aborted) {
      closing.abort();
      listener.close();
      for (const { reject } of waiting.splice(0)) reject(closed());
    }
    await accepting;
    await Promise.all(connections);
    if (failures.length > 0) throw failures[0];
  }

  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    requests,
    nextRequest() {
      const request = requests[handedOut];
      if (request !== undefined) {
        handedOut++;
        return Promise.resolve(request);
      }
      if (closing.signal.aborted) return Promise.reject(closed());
      const next = Promise.withResolvers<RecordedRequest<Body>>();
      waiting.push(next);
      return next.promise;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function closed(): Error {
  return new Error("Cannot wait for a request: the stand-in is closed");
}

/** Sends an answer and returns how that ended. */
async function send(
  connection: Deno.Conn,
  { status, contentType, pieces, end = "whole", ...more }: WireAnswer,
  gone: AbortSignal,
): Promise<Outcome> {
  let waitMs = more.firstChunkAfterMs;
  try {
    await pause(more.headersAfterMs, gone);
    await write(
      connection,
      gone,
      encode(
        `HTTP/1.1 ${status} ${
          STATUS_TEXT[status] ?? "Status"
        }\r\ncontent-type: ${contentType}\r\n` +
          (more.retryAfter ? `retry-after: ${more.retryAfter}\r\n` : "") +
          "transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
      ),
    );
    for (const piece of pieces) {
      await pause(waitMs, gone);
      waitMs = more.delayMs;
      // A chunk of no length would end the body.
      if (piece.length > 0) await write(connection, gone, chunk(piece));
    }
    if (end === "stall") await pause(Infinity, gone);
    if (end === "whole") await write(connection, gone, encode("0\r\n\r\n"));
    return end === "cut" ? "cut" : "finished";
  } catch {
    // Either `gone`, or the write failed because the client has disconnected.
    return "cancelled";
  }
}

async function write(
  connection: Deno.Conn,
  gone: AbortSignal,
  bytes: Uint8Array,
): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    gone.throwIfAborted();
    sent += await connection.write(bytes.subarray(sent));
  }
}

/** Waits, and rejects as soon as the client is gone. */
function pause(ms = 0, gone: AbortSignal): Promise<void> {
  if (ms === 0) return Promise.resolve();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = ms === Infinity ? undefined : setTimeout(resolve, ms);
  const leave = () => reject(gone.reason);
  if (gone.aborted) leave();
  else gone.addEventListener("abort", leave);
  return promise.finally(() => {
    clearTimeout(timer);
    gone.removeEventListener("abort", leave);
  });
}

/** Resolves when the client has disconnected; with one request a connection, nothing else is left to read. */
async function untilGone(connection: Deno.Conn): Promise<void> {
  const scrap = new Uint8Array(256);
  try {
    while (await connection.read(scrap) !== null);
  } catch { /* a reset, or our own close: over either way */ }
}

/** Reads one request; `undefined` if the client disconnects before it is complete. */
async function readRequest<Body>(
  connection: Deno.Conn,
): Promise<
  { request: RecordedRequest<Body>; settle(outcome: Outcome): void } | undefined
> {
  let bytes = new Uint8Array(0);
  const piece = new Uint8Array(16_384);
  const grow = async (): Promise<boolean> => {
    const read = await connection.read(piece).catch(() => null);
    if (read === null) return false;
    const longer = new Uint8Array(bytes.length + read);
    longer.set(bytes);
    longer.set(piece.subarray(0, read), bytes.length);
    bytes = longer;
    return true;
  };

  let headLength = -1;
  // Latin-1 has one byte a character, so that offsets in text and bytes are equal.
  const latin1 = new TextDecoder("latin1");
  while ((headLength = latin1.decode(bytes).indexOf("\r\n\r\n")) < 0) {
    if (!await grow()) return undefined;
  }
  const [start = "", ...lines] = latin1.decode(bytes.subarray(0, headLength))
    .split("\r\n");
  const [method = "", target = "/"] = start.split(" ");
  const headers = new Headers(lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  }));
  if (headers.has("transfer-encoding")) {
    throw new Error("Cannot read a chunked request body");
  }
  const bodyStart = headLength + 4;
  const bodyEnd = bodyStart + Number(headers.get("content-length") ?? 0);
  while (bytes.length < bodyEnd) {
    if (!await grow()) return undefined;
  }
  return record<Body>(
    { method, headers, url: new URL(target, "http://stand-in") },
    new TextDecoder().decode(bytes.subarray(bodyStart, bodyEnd)),
  );
}

function record<Body>(
  { method, headers, url }: { method: string; headers: Headers; url: URL },
  text: string,
): { request: RecordedRequest<Body>; settle(outcome: Outcome): void } {
  const ended = Promise.withResolvers<Outcome>();
  const cancelled = Promise.withResolvers<number>();
  const finished = Promise.withResolvers<number>();
  const request = {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: parse(text) as Body | undefined,
    outcome: "open" as Outcome,
    endedAt: undefined as number | undefined,
    ended: ended.promise,
    cancelled: cancelled.promise,
    finished: finished.promise,
  };
  return {
    request,
    settle(outcome) {
      const endedAt = performance.now();
      Object.assign(request, { outcome, endedAt });
      ended.resolve(outcome);
      if (outcome === "cancelled") cancelled.resolve(endedAt);
      if (outcome === "finished") finished.resolve(endedAt);
    },
  };
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text; // kept as it came, for the test to look at
  }
}

/** Text as UTF-8. */
export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function chunk(piece: Uint8Array): Uint8Array {
  const size = encode(`${piece.length.toString(16)}\r\n`);
  const framed = new Uint8Array(size.length + piece.length + 2);
  framed.set(size);
  framed.set(piece, size.length);
  framed.set([13, 10], size.length + piece.length);
  return framed;
}

const STATUS_TEXT: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** Returns the next request for an answer, and skips other requests. */
export async function nextQuestion(fake: Fake): Promise<RecordedRequest> {
  while (true) {
    const request = await fake.nextRequest();
    const { messages, options } = (request.body ?? {}) as {
      messages?: unknown[];
      options?: { num_predict?: number };
    };
    // A request without messages makes Ollama load a model, and one for a single
    // word makes it read the prompt ahead.
    if (messages?.length === 0 || options?.num_predict === 1) continue;
    if (
      /\/api\/chat$|\/chat\/completions$|:streamGenerateContent$/.test(
        request.path,
      )
    ) {
      return request;
    }
  }
}
