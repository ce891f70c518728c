import { assertMatch, assertThrows } from "@std/assert";
import { SettingError } from "../../src/settings/setting.ts";
import { startFakeOpenAi } from "../fakes/openai.ts";
import { deadUrl, diagnoseOne, serveOn, settings } from "./_diagnose.ts";

async function check(env: Record<string, string>): Promise<string> {
  const named = { LLM_PROVIDER: "openai", ...env };
  return (await diagnoseOne(named)).join("\n");
}

Deno.test("openai.create() tells doctor that the key and the model are right", async () => {
  await using openai = startFakeOpenAi([]);
  const env = {
    OPENAI_BASE_URL: `${openai.url}/v1`,
    OPENAI_API_KEY: "test-key",
    OPENAI_MODEL: "gpt-6-luna",
  };
  assertMatch(
    await check(env),
    /^ok openai: gpt-6-luna is there$/,
  );
  assertMatch(
    await check({ ...env, OPENAI_API_KEY: "wrong" }),
    /^fail openai: .* 401 .*API key.* → check OPENAI_API_KEY/,
  );
  assertMatch(
    await check({ ...env, OPENAI_MODEL: "gpt-0" }),
    /^warn openai: http.* doesn't list model "gpt-0" → set OPENAI_MODEL to one of its models \(gpt-6-luna\)/,
  );
  // As it stands in examples of curl.
  const OPENAI_BASE_URL = `${openai.url}/v1/chat/completions`;
  assertMatch(await check({ ...env, OPENAI_BASE_URL }), /^ok/);
});

Deno.test("openai.create() tells doctor which models a server has if none is set", async () => {
  const models = ["one", "two", "3", "4", "5", "6"].map((id) => ({ id }));
  await using openai = startFakeOpenAi([], { apiKey: undefined, models });
  assertMatch(
    await check({ OPENAI_BASE_URL: `${openai.url}/v1` }),
    /^warn .*doesn't list model "gpt-6-luna" → set OPENAI_MODEL to one of its models \(one, two, 3, 4, 5\)/,
  );
});

Deno.test("openai.create() tells doctor to check an address that lists no models", async () => {
  await using openai = startFakeOpenAi([], { apiKey: undefined });
  assertMatch(
    await check({ OPENAI_BASE_URL: openai.url }),
    /^warn .*doesn't list model .* → set OPENAI_MODEL to one of its models, and check OPENAI_BASE_URL, which mostly ends in \/v1/,
  );
});

Deno.test("openai.create() tells doctor about other errors", async () => {
  await using broken = serveOn(() => new Response("<html>", { status: 503 }));
  assertMatch(
    await check({ OPENAI_BASE_URL: broken.url, OPENAI_MODEL: "m" }),
    /^fail openai: .* status 503 → try again later/,
  );
  assertMatch(
    await check({ OPENAI_BASE_URL: deadUrl(), OPENAI_MODEL: "m" }),
    /^fail openai: Cannot reach .*http.* → check the net/,
  );
});

Deno.test("openai requires a key only for OpenAI itself", () => {
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
