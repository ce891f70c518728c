/**
 * A response body that is written while it is sent.
 *
 * @module
 */

/** A response body that is being written. */
export interface TextStream {
  /**
   * Sends a text, at once if the client is ready to read. Otherwise it is
   * buffered, and sent together with what is written meanwhile.
   *
   * @returns a promise if the client reads slowly; it resolves when the buffer
   * has been sent
   */
  write(text: string): Promise<void> | undefined;
  /** Ends the body. Later writes are ignored. */
  end(): void;
  /** Aborted when the client disconnects before the end. */
  readonly signal: AbortSignal;
  /** The stream for the response, which may be sent before the first write. */
  readonly body: ReadableStream<Uint8Array>;
}

/** The headers of Server-Sent Events, which also tell proxies not to buffer. */
export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "connection": "keep-alive",
  "x-accel-buffering": "no",
};

/** How many characters are buffered before the writer has to wait. */
const MAX_BUFFERED = 16_384;

/** Creates a body. Its bytes are enqueued directly, without a transform stream. */
export function createTextStream(): TextStream {
  const encoder = new TextEncoder();
  const client = new AbortController();
  let buffered = "";
  let isReaderReady = false;
  let isOver = false;
  let drained: PromiseWithResolvers<void> | undefined;
  let controller: ReadableStreamDefaultController<Uint8Array>;

  function send(): void {
    if (!isReaderReady || buffered === "") return;
    isReaderReady = false;
    const bytes = encoder.encode(buffered);
    buffered = "";
    // `pull` may be called before this returns.
    controller.enqueue(bytes);
    drained?.resolve();
    drained = undefined;
    // If the client disconnects just then, the stream is closed already.
    if (isOver && !client.signal.aborted) controller.close();
  }

  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    pull() {
      isReaderReady = true;
      send();
    },
    // The only sure sign of a disconnect: `request.signal` is also aborted after
    // a complete answer.
    cancel() {
      isOver = true;
      drained?.resolve();
      client.abort();
    },
    // With 0, nothing is encoded before it can be sent.
  }, { highWaterMark: 0 });

  return {
    write(text) {
      if (isOver) return undefined;
      buffered += text;
      send();
      if (buffered.length < MAX_BUFFERED) return undefined;
      drained ??= Promise.withResolvers();
      return drained.promise;
    },
    end() {
      if (isOver) return;
      isOver = true;
      if (buffered === "") controller.close();
    },
    signal: client.signal,
    body,
  };
}
