/**
 * A response's body that is written while it is sent, as answers are.
 *
 * @module
 */

/** A body that is being written. */
export interface TextStream {
  /**
   * Sends the next text, at once where the client waits for it. What comes
   * while the client is busy goes with the next text.
   *
   * @returns where the client is slow, resolves when it has taken what there is
   */
  write(text: string): Promise<void> | undefined;
  /** Ends it. Nothing is sent that is written after this. */
  end(): void;
  /** Aborted when the client left before the end. */
  readonly signal: AbortSignal;
  /** What is sent; it may be sent before there is a word. */
  readonly body: ReadableStream<Uint8Array>;
}

/** The headers of Server-Sent Events, which keep proxies from holding words back. */
export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "connection": "keep-alive",
  "x-accel-buffering": "no",
};

/** How much may wait for a client, in letters. */
const MAX_WAITING = 16_384;

/** Begins a body. Its bytes are written without any stream in between. */
export function createTextStream(): TextStream {
  const encoder = new TextEncoder();
  const client = new AbortController();
  let waiting = "";
  let isWanted = false;
  let isOver = false;
  let room: PromiseWithResolvers<void> | undefined;
  let controller: ReadableStreamDefaultController<Uint8Array>;

  function send(): void {
    if (!isWanted || waiting === "") return;
    isWanted = false;
    const bytes = encoder.encode(waiting);
    waiting = "";
    // Whoever reads may ask for more before this returns.
    controller.enqueue(bytes);
    room?.resolve();
    room = undefined;
    // A client who leaves just as it is sent something has closed it already.
    if (isOver && !client.signal.aborted) controller.close();
  }

  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    pull() {
      isWanted = true;
      send();
    },
    // The one sure sign that nobody listens any more: `request.signal` also
    // fires after a perfect answer.
    cancel() {
      isOver = true;
      room?.resolve();
      client.abort();
    },
    // Nothing is encoded before it can be sent.
  }, { highWaterMark: 0 });

  return {
    write(text) {
      if (isOver) return undefined;
      waiting += text;
      send();
      if (waiting.length < MAX_WAITING) return undefined;
      room ??= Promise.withResolvers();
      return room.promise;
    },
    end() {
      if (isOver) return;
      isOver = true;
      if (waiting === "") controller.close();
    },
    signal: client.signal,
    body,
  };
}
