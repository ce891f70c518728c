import { assertMatch, assertThrows } from "@std/assert";
import { SettingError } from "../../src/settings/setting.ts";
import { startFakeOpenAi } from "../fakes/openai.ts";
import { deadUrl, diagnoseOne, serveOn, settings } from "./_diagnose.ts";

async function check(env: Record<string, string>): Promise<string> {
  const named = { LLM_PROVIDER: "openai", ...env };
  return (await diagnoseOne(named)).join("\n");
}

Deno.test("openai.diagnose() finds a good key and model", async () => {
  await using openai = startFakeOpenAi([]);
  const env = {
    OPENAI_BASE_URL: `${openai.url}/v1`,
    OPENAI_API_KEY: "test-key",
    OPENAI_MODEL: "gpt-6-luna",
  };
  assertMatch(
    await check(env),
    /^ok openai: gpt-6-luna is there, and the key is valid$/,
  );
  assertMatch(
    await check({ ...env, OPENAI_API_KEY: "wrong" }),
    /^fail openai: the API key is not valid \(401\).* → get a key at/,
  );
  assertMatch(
    await check({ ...env, OPENAI_MODEL: "gpt-0" }),
    /^warn openai: http.* doesn't list model "gpt-0" → set OPENAI_MODEL/,
  );
  // As it stands in examples of curl.
  const OPENAI_BASE_URL = `${openai.url}/v1/chat/completions`;
  assertMatch(await check({ ...env, OPENAI_BASE_URL }), /^ok/);
});

Deno.test("openai.diagnose() knows when a model ends", async () => {
  const models = [
    { id: "gpt-old", shutdown_date: "2026-10-23" },
    { id: "gpt-soon", shutdown_date: "2027-01-14" },
  ];
  await using openai = startFakeOpenAi([], { apiKey: undefined, models });
  const env = { OPENAI_BASE_URL: `${openai.url}/v1` };
  assertMatch(
    await check({ ...env, OPENAI_MODEL: "gpt-old" }),
    /^fail .*is shut down on 2026-10-23 → set OPENAI_MODEL/,
  );
  assertMatch(
    await check({ ...env, OPENAI_MODEL: "gpt-soon" }),
    /^warn .*is shut down on 2027-01-14/,
  );
  assertMatch(await check(env), /^fail .*has 2 models, such as gpt-old/);
});

Deno.test("openai.diagnose() finds the only model of a server without a key", async () => {
  await using openai = startFakeOpenAi([], {
    apiKey: undefined,
    models: [{ id: "qwen3-4b" }],
  });
  const env = { OPENAI_BASE_URL: `${openai.url}/v1` };
  assertMatch(
    await check(env),
    /^ok openai: qwen3-4b is the only model at http/,
  );
});

Deno.test("openai.diagnose() says what else is wrong", async () => {
  await using broken = serveOn(() => new Response("<html>", { status: 503 }));
  assertMatch(
    await check({ OPENAI_BASE_URL: broken.url, OPENAI_MODEL: "m" }),
    /^fail openai: it answered with status 503.* → try again later/,
  );
  assertMatch(
    await check({ OPENAI_BASE_URL: deadUrl(), OPENAI_MODEL: "m" }),
    /^fail openai: cannot reach http.*: nothing listens there → check the net/,
  );
});

Deno.test("openai needs a key only where OpenAI itself is asked", () => {
  assertThrows(
    () => settings({ LLM_PROVIDER: "openai" }),
    SettingError,
    "OPENAI_API_KEY: is missing",
  );
  settings({
    LLM_PROVIDER: "openai",
    OPENAI_BASE_URL: "http://127.0.0.1:1/v1",
  });
  settings({});
});
