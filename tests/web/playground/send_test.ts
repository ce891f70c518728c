import { assertEquals } from "@std/assert";
import { createParser } from "../../../src/web/playground/send.js";

Deno.test("createParser() reads events however they are cut", () => {
  const text = 'data: {"type":"response.tts","content":"a\\n\\nb"}\n\n' +
    ": a comment\n\n" +
    'data: {"type":"response.end"}\n\n';
  for (let length = 1; length <= text.length; length++) {
    const parse = createParser();
    const pieces = text.match(new RegExp(`[^]{1,${length}}`, "g")) ?? [];
    assertEquals(pieces.flatMap((piece) => parse(piece)), [
      { type: "response.tts", content: "a\n\nb" },
      { type: "response.end" },
    ]);
  }
});
