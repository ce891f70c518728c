/**
 * The body of a vendor's answer, read piece by piece into the same memory.
 *
 * Left to itself, Deno (2.5 to 2.9.6) takes 64 KiB for each piece, and a model
 * sends one a token: three megabytes an answer, which cost more to clear and to
 * collect than all that is done with its words.
 *
 * @module
 */

/** What is asked of a body's reader. */
export type BodyReader = Pick<
  ReadableStreamDefaultReader<Uint8Array>,
  "read" | "cancel" | "releaseLock"
>;

/** How much is read at once, in bytes. */
const PIECE_BYTES = 16 * 1024;

/** Reads a body. A piece is good until the next one is asked for. */
export function readBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): BodyReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    // The body of a response that was made in this process is no byte stream.
    return body.getReader();
  }
  let memory = new Uint8Array(PIECE_BYTES);
  return {
    async read() {
      const { done, value } = await reader.read(memory);
      if (done) return { done };
      memory = new Uint8Array(value.buffer);
      return { done, value };
    },
    cancel: (reason) => reader.cancel(reason),
    releaseLock: () => reader.releaseLock(),
  };
}
