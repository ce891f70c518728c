/**
 * A model server for the bench, with the APIs of Ollama and Gemini. Every answer
 * is the same forty tokens. Its bytes are made beforehand and written to bare
 * sockets, so that it takes little of the machine.
 *
 * A line of JSON on standard input sets the pace: `{"firstMs":150,"tokenMs":15}`.
 * If both are 0, the answer is sent in one write, each token in its own HTTP
 * chunk, like that of a model that needs no time.
 *
 * @module
 */
import { print } from "../_print.ts";
import { readJobs } from "../_child.ts";
import { TOKENS } from "../_words.ts";

/** The pieces of an answer, sent one by one; the first includes the head. */
type Pieces = readonly Uint8Array[];

const encoder = new TextEncoder();
const OLLAMA = toPieces("application/x-ndjson", [
  ...TOKENS.map((content) => ollamaLine({ content }, { done: false })),
  ollamaLine({ content: "" }, {
    done: true,
    done_reason: "stop",
    total_duration: 900_000_000,
    load_duration: 20_000_000,
    prompt_eval_count: 120,
    prompt_eval_duration: 100_000_000,
    eval_count: TOKENS.length,
    eval_duration: 600_000_000,
  }),
]);
const GEMINI = toPieces(
  "text/event-stream",
  TOKENS.map((text, n) => {
    const chunk = {
      candidates: [{
        content: { parts: [{ text }], role: "model" },
        ...(n === TOKENS.length - 1 ? { finishReason: "STOP" } : {}),
        index: 0,
      }],
      usageMetadata: {
        promptTokenCount: 120,
        candidatesTokenCount: n + 1,
        totalTokenCount: 121 + n,
      },
      modelVersion: "bench",
      responseId: "bench",
    };
    return `data: ${JSON.stringify(chunk)}\r\n\r\n`;
  }),
);
const pace = { firstMs: 0, tokenMs: 0 };

/** What is due after the wait for a first token, and for a later one, in order. */
const queues: { at: number; go: () => void }[][] = [[], []];
let timer: ReturnType<typeof setTimeout> | undefined;

function ollamaLine(message: object, more: object): string {
  const line = {
    model: "bench",
    created_at: "2026-11-21T10:00:00.000000000Z",
    message: { role: "assistant", ...message },
    ...more,
  };
  return `${JSON.stringify(line)}\n`;
}

function toPieces(type: string, chunks: readonly string[]): Pieces {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n` +
    "transfer-encoding: chunked\r\n\r\n";
  return chunks.map((chunk, n) => {
    const { length } = encoder.encode(chunk);
    const piece = `${length.toString(16)}\r\n${chunk}\r\n`;
    return encoder.encode(
      (n === 0 ? head : "") + piece +
        (n === chunks.length - 1 ? "0\r\n\r\n" : ""),
    );
  });
}

function toWhole(value: unknown): Pieces {
  const body = JSON.stringify(value);
  return [encoder.encode(
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" +
      `content-length: ${encoder.encode(body).length}\r\n\r\n${body}`,
  )];
}

/** One timer for all answers under way. */
function schedule(queue: 0 | 1, at: number, go: () => void): void {
  queues[queue]?.push({ at, go });
  timer ??= wait(at);
}

function wait(until: number): ReturnType<typeof setTimeout> {
  return setTimeout(tick, Math.max(until - performance.now(), 1));
}

function tick(): void {
  const now = performance.now();
  let next = Infinity;
  for (const queue of queues) {
    let due = 0;
    while (due < queue.length && (queue[due]?.at ?? 0) <= now) due++;
    for (const { go } of queue.splice(0, due)) go();
    next = Math.min(next, queue[0]?.at ?? Infinity);
  }
  timer = next === Infinity ? undefined : wait(next);
}

/** Chooses the answer to a request; several pieces are paced. */
function answer(target: string, body: string): Pieces {
  const [path = ""] = target.split("?");
  if (path.endsWith(":streamGenerateContent")) return GEMINI;
  switch (path) {
    case "/api/chat":
      return body.includes('"stream":false') || body.includes('"messages":[]')
        ? toWhole({
          model: "bench",
          message: { role: "assistant", content: "" },
          done: true,
          done_reason: "load",
        })
        : OLLAMA;
    case "/api/show":
      return toWhole({ capabilities: ["completion"], details: {} });
    case "/api/tags":
      return toWhole({ models: [{ name: "bench", size: 2_000_000_000 }] });
    case "/api/version":
      return toWhole({ version: "0.30.0" });
    default:
      return toWhole({ name: "models/bench" });
  }
}

/** Writes the pieces at the pace. Resolves when the last is written. */
function play(connection: Deno.Conn, pieces: Pieces): Promise<void> {
  const { firstMs, tokenMs } = pace;
  if (pieces.length === 1 || firstMs + tokenMs === 0) {
    return writeAll(connection, concat(pieces));
  }
  const end = Promise.withResolvers<void>();
  let n = 0;
  let at = performance.now() + firstMs;
  const go = () => {
    const piece = pieces[n++];
    if (piece === undefined) return end.resolve();
    writeAll(connection, piece).catch(end.reject);
    if (n === pieces.length) return end.resolve();
    at += tokenMs;
    schedule(1, at, go);
  };
  schedule(0, at, go);
  return end.promise;
}

function concat(pieces: Pieces): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await to.write(bytes.subarray(written));
  }
}

/** Answers one request after another, with only as much HTTP as that needs. */
async function serve(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16_384);
  const decoder = new TextDecoder("latin1");
  let text = "";
  while (true) {
    const [head = "", ...rest] = text.split("\r\n\r\n");
    const length = Number(/^content-length: *(\d+)/mi.exec(head)?.[1] ?? 0);
    const size = head.length + 4 + length;
    if (rest.length > 0 && text.length >= size) {
      const [, target = ""] = head.split(" ", 2);
      await play(connection, answer(target, text.slice(head.length, size)));
      text = text.slice(size);
      continue;
    }
    const read = await connection.read(buffer);
    if (read === null) return;
    text += decoder.decode(buffer.subarray(0, read));
  }
}

// The backlog is that of a server in Go, such as Ollama, on a usual machine.
const listener = Deno.listen({
  hostname: "127.0.0.1",
  port: 0,
  tcpBacklog: 4_096,
});
print(`{"url":"http://127.0.0.1:${listener.addr.port}"}`);
readJobs((job) => Promise.resolve(Object.assign(pace, job)));
for await (const connection of listener) {
  connection.setNoDelay();
  serve(connection).catch(() => {
    // The client disconnected before the end.
  }).finally(() => connection.close());
}
