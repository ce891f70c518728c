import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startFakeGemini } from "../fakes/gemini.ts";
import { deadUrl, diagnoseOne, serveOn } from "./_diagnose.ts";

function check(env: Record<string, string>, now?: number): Promise<string[]> {
  const key = { GOOGLE_GENERATIVE_AI_API_KEY: "test-key" };
  return diagnoseOne({ ...key, ...env }, now === undefined ? {} : { now });
}

Deno.test("gemini.diagnose() finds a good key and model, and spends no tokens", async () => {
  await using gemini = startFakeGemini([]);
  assertEquals(await check({ GEMINI_BASE_URL: gemini.url }), [
    "ok gemini: gemini-3.5-flash-lite is there, and the key is valid",
  ]);
  assertEquals(gemini.requests.map(({ method }) => method), ["GET"]);
});

Deno.test("gemini.diagnose() finds a wrong key and an unknown model", async () => {
  await using gemini = startFakeGemini([]);
  const GEMINI_BASE_URL = gemini.url;
  const wrong = "AIza-of-somebody-else";
  assertMatch(
    (await check({ GEMINI_BASE_URL, GOOGLE_GENERATIVE_AI_API_KEY: wrong }))
      .join(),
    /^fail gemini: the API key is not valid.* → get a key at https:/,
  );
  assertMatch(
    (await check({ GEMINI_BASE_URL, GEMINI_MODEL: "gemini-9" })).join(),
    /^fail gemini: there is no model "gemini-9" \(404\).* → set GEMINI_MODEL to/,
  );
});

Deno.test("gemini.diagnose() knows when a model ends, and that it has", async () => {
  await using gemini = startFakeGemini([]);
  const env = {
    GEMINI_BASE_URL: gemini.url,
    GEMINI_MODEL: "gemini-2.5-flash",
  };
  const ends = '"gemini-2.5-flash" is shut down on 2026-12-01 → set GEMINI_';
  const [before = "", fine = ""] = await check(env);
  assertStringIncludes(before, `warn gemini: model ${ends}`);
  assertMatch(fine, /^ok/);
  const [after = ""] = await check(env, Date.parse("2026-12-02"));
  assertStringIncludes(after, `fail gemini: model ${ends}`);
  const gone = await check({ ...env, GEMINI_MODEL: "gemini-2.0-flash" });
  assertMatch(gone.join("\n"), /^fail .* was retired .*\nfail .* no model/);
});

Deno.test("gemini.diagnose() tells its other refusals apart", async () => {
  const cases: [number, unknown, RegExp][] = [
    [401, {}, /not valid/],
    [403, { error: { message: "SERVICE_DISABLED" } }, /may not.*DISABLED/],
    [429, { error: { message: "Quota exceeded" } }, /quota is used up.*wait/],
    [
      400,
      { error: { message: "User location is not supported" } },
      /location.*not offered where/,
    ],
    [503, "<html>", /status 503.*down/],
    [302, "", /status 302.*GEMINI_BASE_URL/],
    [200, { hello: "world" }, /not Gemini/],
    [
      200,
      { name: "m", supportedGenerationMethods: ["embedContent"] },
      /not one to talk with/,
    ],
  ];
  for (const [status, body, says] of cases) {
    await using server = serveOn(() => Response.json(body, { status }));
    const lines = await check({ GEMINI_BASE_URL: server.url });
    assertMatch(lines.join(), /^fail/);
    assertMatch(lines.join(), says);
  }
  await using small = serveOn(() =>
    Response.json({ name: "m", inputTokenLimit: 1000 })
  );
  const [line = ""] = await check({ GEMINI_BASE_URL: small.url });
  assertMatch(line, /^warn .* takes 1000 tokens, and CONTEXT_TOKENS is 8192/);
});

Deno.test("gemini.diagnose() says when nobody is there", async () => {
  const [line = ""] = await check({ GEMINI_BASE_URL: deadUrl() });
  assertMatch(line, /^fail gemini: cannot reach http.*: nothing listens there/);
  const [unknown = ""] = await check({ GEMINI_BASE_URL: "http://no.invalid" });
  assertMatch(unknown, /^fail gemini: cannot reach .*its name is not known/);
});
