import { assertEquals } from "@std/assert";
import { nameModel, toEnding, toFigures } from "../../src/web/figures.js";

Deno.test("toEnding() names the reason, or the setting, that ended an answer", () => {
  assertEquals(toEnding({}), []);
  assertEquals(toEnding({ ended: "max-tokens" }), [
    "ended at MAX_ANSWER_TOKENS",
  ]);
  assertEquals(toEnding({ ended: "repetition" }), [
    "ended for repeating itself",
  ]);
  assertEquals(toEnding({ ended: "max-seconds" }), [
    "ended at MAX_TURN_SECONDS",
  ]);
  // A newer server may send a reason that is unknown here, hence the cast.
  assertEquals(toEnding({ ended: "new" as "repetition" }), ["ended: new"]);
});

Deno.test("toFigures() formats the provider, the times and the tokens that are known", () => {
  assertEquals(toFigures({}), []);
  assertEquals(toFigures({ total_ms: 3 }), ["3 ms total"]);
  assertEquals(
    toFigures({
      first_words_ms: 412,
      total_ms: 1_630,
      provider: "gemini",
      model: "flash",
      input_tokens: 2_690,
      output_tokens: 42,
      prompt_ms: 172,
      cached_tokens: 2_048,
    }),
    [
      "412 ms first word",
      "1.6 s total",
      "gemini · flash",
      "tokens: 2,690 in, 42 out",
      "prompt read in 172 ms",
      "2,048 cached",
    ],
  );
  // Zero cached tokens are left out; a prompt that was read at once is shown.
  assertEquals(toFigures({ cached_tokens: 0 }), []);
  assertEquals(toFigures({ prompt_ms: 0 }), ["prompt read in 0 ms"]);
});

Deno.test("nameModel() names the provider, and the model if it has another name", () => {
  assertEquals(nameModel("gemini", "flash"), "gemini · flash");
  assertEquals(nameModel("echo", "echo"), "echo");
  assertEquals(nameModel("ollama"), "ollama");
});

Deno.test("toFigures() rounds times to a precision that a reader can use", () => {
  const times = [0.3, 1, 212.4, 994.4, 996, 1_249, 9_940, 9_960, 61_000];
  const shown = times.map((total_ms) => toFigures({ total_ms }).join());
  assertEquals(shown.map((text) => text.replace(" total", "")), [
    "0 ms",
    "1 ms",
    "212 ms",
    "994 ms",
    "1.0 s",
    "1.2 s",
    "9.9 s",
    "10 s",
    "61 s",
  ]);
});
