import { assertEquals } from "@std/assert";
import { readBody } from "../../src/providers/_body.ts";

const encoder = new TextEncoder();
const PIECES = Array.from({ length: 50 }, (_, n) => `{"token":${n}}\n`);

/** A body that comes in pieces, each in a chunk of its own. */
function inPieces(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(
    (async function* () {
      for (const piece of PIECES) {
        yield encoder.encode(piece);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })(),
  );
}

/** All that is read, and the memory that each piece lay in. */
async function readAll(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const reader = readBody(body);
  const sizes = new Set<number>();
  const decoder = new TextDecoder();
  let text = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) return { text, sizes: [...sizes] };
    sizes.add(value.buffer.byteLength);
    text += decoder.decode(value, { stream: true });
  }
}

Deno.test("readBody() reads all of a vendor's answer into the same memory", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response(inPieces()),
  );
  const { body } = await fetch(`http://127.0.0.1:${server.addr.port}`);
  const { text, sizes } = await readAll(body ?? new ReadableStream());
  assertEquals(text, PIECES.join(""));
  assertEquals(sizes, [16 * 1024]);
});

Deno.test("readBody() reads a body that was made in this process", async () => {
  const { text } = await readAll(inPieces());
  assertEquals(text, PIECES.join(""));
});
