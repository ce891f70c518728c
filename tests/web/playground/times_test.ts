import { assertEquals } from "@std/assert";
import { toTimed } from "../../../src/web/playground/times.js";
import { createTurn } from "../../../src/web/playground/turn.js";

Deno.test("toTimed() counts answers to a caller, once they are over", () => {
  const turns = ["session.start", "message", "message"].map((type, index) =>
    createTurn({ type }, { number: index + 1, isSpoken: false, now: 0 })
  );
  for (const turn of turns.slice(0, 2)) turn.totalMs = 5;
  assertEquals(toTimed(turns).map(({ number }) => number), [2]);
});
