import { assertEquals, assertLess } from "@std/assert";
import { createRateLimit } from "../../src/server/rate_limit.ts";

Deno.test("createRateLimit() lets as many through in a minute as it says", () => {
  let at = 1_000_000;
  const take = createRateLimit({ perMinute: 2, now: () => at });
  assertEquals(take("a"), undefined);
  at += 20_000;
  assertEquals(take("a"), undefined);
  assertEquals(take("a"), 40);
  at += 39_999;
  assertEquals(take("a"), 1);
  at += 1;
  assertEquals(take("a"), undefined);
  assertEquals(take("a"), undefined);
  assertEquals(take("a"), 60);
});

Deno.test("createRateLimit() counts each key by itself", () => {
  const take = createRateLimit({ perMinute: 1, now: () => 0 });
  assertEquals(take("a"), undefined);
  assertEquals(take("b"), undefined);
  assertEquals(take("a"), 60);
  assertEquals(take(), undefined);
  assertEquals(take(), 60);
});

Deno.test("createRateLimit() locks nobody out when the clock is set back", () => {
  let at = 10_000_000;
  const take = createRateLimit({ perMinute: 1, now: () => at });
  assertEquals(take("a"), undefined);
  at = 1_000_000;
  assertEquals(take("a"), undefined);
  assertEquals(take("a"), 60);
});

Deno.test("createRateLimit() still knows a key after 9,999 others, and holds no more than 10,000", () => {
  // deno-lint-ignore no-explicit-any -- a flag of V8 puts it there
  const { gc } = globalThis as any;
  const take = createRateLimit({ perMinute: 1, now: () => 0 });
  take("first");
  for (let i = 0; i < 9_999; i++) take(`key ${i}`);
  assertEquals(take("first"), 60);
  gc?.();
  const before = Deno.memoryUsage().heapUsed;
  for (let i = 0; i < 500_000; i++) take(`another ${i}`);
  gc?.();
  // Half a million would take 50 MB or more.
  assertLess(Deno.memoryUsage().heapUsed - before, 8_000_000);
  assertEquals(take("first"), undefined);
});
