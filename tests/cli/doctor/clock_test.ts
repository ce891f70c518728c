import { assertEquals, assertMatch } from "@std/assert";
import { checkClock, judgeClock } from "../../../src/cli/doctor/clock.ts";
import { look, patient, serveOn, toLines } from "./_patient.ts";

/** What is said where somebody's clock is that far from ours. */
async function at(seconds: number, more: Record<string, string> = {}) {
  const asked: Headers[] = [];
  await using layercode = serveOn((request) => {
    asked.push(request.headers);
    const date = new Date(Date.now() + seconds * 1000).toUTCString();
    return new Response(null, { status: 404, headers: { date, ...more } });
  });
  const keys = { LAYERCODE_API_KEY: "lc_key", LAYERCODE_AGENT_ID: "a" };
  const of = patient({ LAYERCODE_API_URL: layercode.url, ...keys });
  const [line = ""] = toLines(await look(checkClock, of));
  assertEquals(asked.some((headers) => headers.has("authorization")), false);
  return line;
}

Deno.test("checkClock() finds a clock that is right, fast or slow", async () => {
  assertMatch(await at(0), /^ok clock: within [12] s of 127/);
  assertMatch(await at(-30), /^ok clock: within 3[0-2] s/);
  assertMatch(
    await at(-3600),
    /^fail clock: 3(600|599|601) s ahead of 127.*\b300 s → let it be set by the/,
  );
  assertMatch(await at(90), /^fail clock: (89|90|91) s behind 127/);
});

Deno.test("checkClock() knows that a cache's answer is old", async () => {
  assertMatch(await at(-3600, { age: "3600" }), /^ok clock/);
});

Deno.test("checkClock() says so when there is nobody to compare with", async () => {
  const [line = ""] = toLines(await look(checkClock, patient()));
  assertMatch(line, /^skipped clock: nobody to compare it with/);
});

Deno.test("judgeClock() gives a slow answer the benefit of the doubt", () => {
  const slow = { seconds: 63, uncertaintySeconds: 3.5 };
  assertEquals(judgeClock(slow, "host").status, "ok");
});
