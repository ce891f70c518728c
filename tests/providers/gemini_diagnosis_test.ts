import { assertEquals, assertMatch } from "@std/assert";
import { startFakeGemini } from "../fakes/gemini.ts";
import { deadUrl, diagnoseOne, serveOn } from "./_diagnose.ts";

function check(env: Record<string, string>): Promise<string[]> {
  const key = { GOOGLE_GENERATIVE_AI_API_KEY: "test-key" };
  return diagnoseOne({ ...key, ...env });
}

Deno.test("createGemini() shows doctor a good key and model, and spends no tokens", async () => {
  await using gemini = startFakeGemini([]);
  assertEquals(await check({ GEMINI_BASE_URL: gemini.url }), [
    "ok gemini: gemini-3.5-flash-lite answers",
  ]);
  assertEquals(gemini.requests.map(({ method }) => method), ["GET"]);
});

Deno.test("createGemini() shows doctor a wrong key and an unknown model", async () => {
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

Deno.test("createGemini() tells doctor its other refusals apart", async () => {
  const cases: [number, unknown, RegExp][] = [
    [401, {}, /not valid/],
    [403, { error: { message: "SERVICE_DISABLED" } }, /may not.*DISABLED/],
    [429, { error: { message: "Quota exceeded" } }, /quota is used up.*wait/],
    [
      400,
      { error: { message: "User location is not supported" } },
      /refused .*location/,
    ],
    [503, "<html>", /status 503.*again later/],
    [302, "", /status 302.*GEMINI_BASE_URL/],
    [200, { hello: "world" }, /not Gemini/],
  ];
  for (const [status, body, says] of cases) {
    await using server = serveOn(() => Response.json(body, { status }));
    const lines = await check({ GEMINI_BASE_URL: server.url });
    assertMatch(lines.join(), /^fail/);
    assertMatch(lines.join(), says);
  }
});

Deno.test("createGemini() tells doctor when nobody is there", async () => {
  const [line = ""] = await check({ GEMINI_BASE_URL: deadUrl() });
  assertMatch(line, /^fail gemini: cannot reach http.*: nothing listens there/);
  const [unknown = ""] = await check({ GEMINI_BASE_URL: "http://no.invalid" });
  assertMatch(unknown, /^fail gemini: cannot reach .*its name is not known/);
});
