import { assertEquals } from "@std/assert";
import { createTurn, takeEvent } from "../../../src/web/playground/turn.js";
import { toCaption, toState } from "../../../src/web/playground/view.js";

Deno.test("toCaption() says who answered and what it took, as far as it is known", () => {
  const status = "complete";
  assertEquals(toCaption({ status, provider: "echo", model: "echo" }), [
    "echo",
  ]);
  const tokens = { input_tokens: 2_690, output_tokens: 42 };
  const gemini = { status, provider: "gemini", model: "flash" };
  assertEquals(toCaption({ ...gemini, ...tokens, cached_tokens: 2_048 }), [
    "gemini · flash",
    "tokens: 2,690 in, 42 out",
    "2,048 cached",
  ]);
  assertEquals(toCaption({ ...gemini, ...tokens, cached_tokens: 0 }), [
    "gemini · flash",
    "tokens: 2,690 in, 42 out",
  ]);
  assertEquals(toCaption({ ...gemini, ...tokens, prompt_ms: 1_240 }), [
    "gemini · flash",
    "tokens: 2,690 in, 42 out",
    "prompt read in 1.2 s",
  ]);
});

Deno.test("toState() says what ended an answer for the model", () => {
  for (
    const [ended, says] of [
      [undefined, ""],
      ["max-tokens", "Ended at MAX_ANSWER_TOKENS"],
      ["repetition", "Ended for repeating itself"],
    ]
  ) {
    const request = { type: "message", turn_id: "turn_1", text: "Hello" };
    const turn = createTurn(request, { number: 1, isSpoken: false, now: 0 });
    const summary = { type: "parley.turn", status: "complete", ended };
    takeEvent(turn, { type: "response.tts", content: "And so on." }, 1);
    takeEvent(turn, summary, 2);
    takeEvent(turn, { type: "response.end" }, 3);
    assertEquals(toState(turn), says);
  }
});
