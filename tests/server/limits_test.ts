import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { HttpError } from "../../src/server/http.ts";
import { createSenderReader } from "../../src/server/address.ts";
import {
  createBoundedLog,
  createRateLimit,
  createSecretCheck,
} from "../../src/server/limits.ts";
import { createLog } from "../../src/server/log.ts";

Deno.test("createRateLimit() allows the given number in a minute", () => {
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

Deno.test("createRateLimit() blocks nobody when the clock is set back", () => {
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

Deno.test("createBoundedLog() writes ten lines of each event in a minute", () => {
  const lines: string[] = [];
  let at = 0;
  const log = createBoundedLog(
    createLog({
      level: "info",
      format: "json",
      write: (_, line) => lines.push(line),
    }),
    () => at,
  );
  for (let i = 0; i < 30; i++) log.warn("a.flood", { i });
  log.info("a.drop", { of: "water" });
  assertEquals(lines.length, 11);
  const { level, event, of } = JSON.parse(lines[10] ?? "");
  assertEquals([level, event, of], ["info", "a.drop", "water"]);
  at += 60_000;
  log.warn("a.flood");
  assertEquals(lines.length, 12);
});

function make(trustedProxies: string[] = []) {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  const checkSecret = createSecretCheck({ log, now: () => 0 });
  const readSender = createSenderReader(trustedProxies);
  function show(shown: string[], peer: string, forwarded?: string) {
    const headers = new Headers(
      forwarded ? { "x-forwarded-for": forwarded } : {},
    );
    const request = new Request("http://parley.test/", { headers });
    const right = ["also right", "right"];
    const found = checkSecret(shown, right, readSender(peer, request));
    assertEquals(found, shown.find((one) => right.includes(one)));
    return found !== undefined;
  }
  return { show, lines };
}

Deno.test("createSecretCheck() finds the right secret, and counts no request without one", () => {
  const { show } = make();
  for (let n = 0; n < 100; n++) {
    assertEquals(show([], "192.0.2.1"), false);
    assertEquals(show(["wrong", "right"], "192.0.2.1"), true);
  }
});

Deno.test("createSecretCheck() refuses an address that guesses, and no other", () => {
  const { show, lines } = make();
  for (let n = 0; n < 30; n++) {
    assertEquals(show(["wrong"], "192.0.2.1"), false);
  }
  for (let n = 0; n < 100; n++) {
    assertThrows(() => show(["right"], "192.0.2.1"), HttpError, "Too many");
  }
  assertEquals(show(["right"], "192.0.2.2"), true);
  assertEquals(lines.length, 10);
  assertEquals(JSON.parse(lines[0] ?? "").address, "192.0.2.1");
});

Deno.test("createSecretCheck() distinguishes clients behind a trusted proxy", () => {
  const { show } = make(["10.0.0.1"]);
  for (let n = 0; n < 30; n++) show(["wrong"], "10.0.0.1", "192.0.2.1");
  assertThrows(() => show(["right"], "10.0.0.1", "192.0.2.1"), HttpError);
  assertEquals(show(["right"], "10.0.0.1", "192.0.2.2"), true);
});

Deno.test("createSecretCheck() still accepts an address that has sent a right secret, whoever guesses there", () => {
  const { show } = make();
  assertEquals(show(["right"], "192.0.2.1"), true);
  for (let n = 0; n < 30; n++) show(["wrong"], "192.0.2.1");
  assertThrows(() => show(["wrong"], "192.0.2.1"), HttpError, "Too many");
  assertEquals(show(["right"], "192.0.2.1"), true);
});
