import { assertEquals, assertThrows } from "@std/assert";
import { createJudge } from "../../src/server/guesses.ts";
import { HttpError } from "../../src/server/http.ts";
import { createLog } from "../../src/server/log.ts";

function make(trustedProxies?: string[]) {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  const judge = createJudge({ log, now: () => 0, trustedProxies });
  function show(shown: string[], address: string, forwarded?: string) {
    const headers = new Headers(
      forwarded ? { "x-forwarded-for": forwarded } : {},
    );
    const request = new Request("http://parley.test/", { headers });
    const from = { request, sender: { address } };
    return judge(shown, (one) => one === "right", from);
  }
  return { show, lines };
}

Deno.test("createJudge() tells right from wrong, and counts nobody who shows nothing", () => {
  const { show } = make();
  for (let n = 0; n < 100; n++) {
    assertEquals(show([], "192.0.2.1"), false);
    assertEquals(show(["wrong", "right"], "192.0.2.1"), true);
  }
});

Deno.test("createJudge() refuses an address that guesses, and no other", () => {
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

Deno.test("createJudge() knows apart who comes through a trusted proxy", () => {
  const { show } = make(["10.0.0.1"]);
  for (let n = 0; n < 30; n++) show(["wrong"], "10.0.0.1", "192.0.2.1");
  assertThrows(() => show(["right"], "10.0.0.1", "192.0.2.1"), HttpError);
  assertEquals(show(["right"], "10.0.0.1", "192.0.2.2"), true);
});

Deno.test("createJudge() goes on letting in an address that has shown a right one, whoever guesses there", () => {
  const { show } = make();
  assertEquals(show(["right"], "192.0.2.1"), true);
  for (let n = 0; n < 30; n++) show(["wrong"], "192.0.2.1");
  assertThrows(() => show(["wrong"], "192.0.2.1"), HttpError, "Too many");
  assertEquals(show(["right"], "192.0.2.1"), true);
});
