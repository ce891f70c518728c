import { assertEquals, assertMatch } from "@std/assert";
import { startFakeGemini } from "../fakes/gemini.ts";
import { deadUrl, diagnoseOne, serveOn } from "./_diagnose.ts";

function check(env: Record<string, string>): Promise<string[]> {
  const key = { GOOGLE_GENERATIVE_AI_API_KEY: "test-key" };
  return diagnoseOne({ ...key, ...env });
}

Deno.test("gemini.create() tells doctor that the key and the model are right, and spends no tokens", async () => {
  await using gemini = startFakeGemini([]);
  assertEquals(await check({ GEMINI_BASE_URL: gemini.url }), [
    "ok gemini: gemini-3.5-flash-lite answers",
  ]);
  assertEquals(gemini.requests.map(({ method }) => method), ["GET"]);
});

Deno.test("gemini.create() tells doctor of a wrong key and an unknown model", async () => {
  await using gemini = startFakeGemini([]);
  const GEMINI_BASE_URL = gemini.url;
  const wrong = "AIza-of-somebody-else";
  assertMatch(
    (await check({ GEMINI_BASE_URL, GOOGLE_GENERATIVE_AI_API_KEY: wrong }))
      .join(),
    /^fail gemini: .*API key not valid.* → check GOOGLE_GENERATIVE_AI_API_KEY/,
  );
  assertMatch(
    (await check({ GEMINI_BASE_URL, GEMINI_MODEL: "gemini-9" })).join(),
    /^fail gemini: .* 404 .*gemini-9.* → check .*GEMINI_MODEL/,
  );
});

Deno.test("gemini.create() warns doctor of a model with a shutdown date, whether it exists or not", async () => {
  await using gemini = startFakeGemini([]);
  const GEMINI_BASE_URL = gemini.url;
  const GEMINI_MODEL = "gemini-2.5-flash";
  const warning =
    "warn gemini: Google set the end of gemini-2.5-flash for 2026-12-01 → " +
    "set GEMINI_MODEL to a current one, such as gemini-3.5-flash-lite";
  assertEquals(await check({ GEMINI_BASE_URL, GEMINI_MODEL }), [
    warning,
    "ok gemini: gemini-2.5-flash answers",
  ]);
  const [first, second = ""] = await check({ GEMINI_MODEL });
  assertEquals(first, warning);
  assertMatch(second, /^fail gemini: Cannot reach/);
  const gone = await check({
    GEMINI_BASE_URL,
    GEMINI_MODEL: "gemini-2.0-flash",
  });
  assertMatch(gone.join("\n"), /^warn .* for 2026-06-01 .*\nfail .* 404 /);
});

Deno.test("gemini.create() tells doctor about its other errors", async () => {
  const cases: [number, unknown, RegExp][] = [
    [401, {}, /status 401.*GOOGLE_GENERATIVE_AI_API_KEY/],
    [403, { error: { message: "SERVICE_DISABLED" } }, /status 403.*DISABLED/],
    [
      429,
      { error: { message: "Quota exceeded" } },
      /Quota exceeded.*again later/,
    ],
    [
      400,
      { error: { message: "User location is not supported" } },
      /status 400.*location/,
    ],
    [503, "<html>", /status 503.*again later/],
    [302, "", /status 302.*GEMINI_BASE_URL/],
  ];
  for (const [status, body, says] of cases) {
    await using server = serveOn(() => Response.json(body, { status }));
    const lines = await check({ GEMINI_BASE_URL: server.url });
    assertMatch(lines.join(), /^fail/);
    assertMatch(lines.join(), says);
  }
});

Deno.test("gemini.create() tells doctor when the server can't be reached", async () => {
  const [line = ""] = await check({ GEMINI_BASE_URL: deadUrl() });
  assertMatch(
    line,
    /^fail gemini: Cannot reach .*http.*refused.*GEMINI_BASE_URL/i,
  );
  const [unknown = ""] = await check({ GEMINI_BASE_URL: "http://no.invalid" });
  assertMatch(unknown, /^fail gemini: Cannot reach .*no\.invalid/);
});
