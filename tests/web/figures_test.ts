import { assertEquals } from "@std/assert";
import { toEnding, toUsage } from "../../src/web/figures.js";

Deno.test("toUsage() says only what is known", () => {
  assertEquals(toUsage({}), []);
  assertEquals(
    toUsage({ output_tokens: 1_042, prompt_ms: 172, cached_tokens: 2_048 }),
    ["1,042 tokens", "prompt read in 172 ms", "2,048 cached"],
  );
  // All that it read was new to the model, or known and read at once.
  assertEquals(toUsage({ cached_tokens: 0 }), []);
  assertEquals(toUsage({ prompt_ms: 0 }), ["prompt read in 0 ms"]);
});

Deno.test("toEnding() names what ended an answer, the setting where it is one", () => {
  assertEquals(toEnding({}), []);
  assertEquals(toEnding({ ended: "max-tokens" }), [
    "ended at MAX_ANSWER_TOKENS",
  ]);
  assertEquals(toEnding({ ended: "repetition" }), [
    "ended for repeating itself",
  ]);
  assertEquals(toEnding({ ended: "new" }), ["ended: new"]);
});
