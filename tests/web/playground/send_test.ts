import { assertEquals } from "@std/assert";
import { readEvents } from "../../../src/web/playground/send.js";

Deno.test("readEvents() reads events however they are cut", async () => {
  const bytes = new TextEncoder().encode(
    'data: {"type":"response.tts","content":"a\\n\\né"}\n\n' +
      ": a comment\n\n" +
      'data: {"type":"response.end"}\n\n',
  );
  for (let length = 1; length <= bytes.length; length++) {
    const pieces = ReadableStream.from((function* () {
      for (let at = 0; at < bytes.length; at += length) {
        yield bytes.slice(at, at + length);
      }
    })());
    assertEquals(await Array.fromAsync(readEvents(new Response(pieces))), [
      { type: "response.tts", content: "a\n\né" },
      { type: "response.end" },
    ]);
  }
});
