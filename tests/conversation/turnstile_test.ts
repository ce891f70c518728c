import { assertEquals } from "@std/assert";
import { createTurnstile } from "../../src/conversation/turnstile.ts";

Deno.test("createTurnstile: of a thousand who come at once, a few begin before anything else is done", async () => {
  const enter = createTurnstile();
  const began: number[] = [];
  const all = Array.from({ length: 1_000 }, async (_, n) => {
    await enter(n);
    began.push(n);
  });
  /** How many had begun each time that something else had its turn. */
  const seen: number[] = [];
  while (began.length < 1_000) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    seen.push(began.length);
  }
  await Promise.all(all);
  const steps = seen.map((count, n) => count - (seen[n - 1] ?? 0));
  assertEquals(Math.max(...steps.slice(1)) <= 96, true, `${steps}`);
  assertEquals(began, Array.from({ length: 1_000 }, (_, n) => n));
});

Deno.test("createTurnstile: who comes alone doesn't wait, nor leaves a timer", async () => {
  const enter = createTurnstile();
  let hasBegun = false;
  enter(0).then(() => hasBegun = true);
  await Promise.resolve();
  assertEquals(hasBegun, true);
});
