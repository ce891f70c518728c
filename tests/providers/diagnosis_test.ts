import { assertEquals, assertMatch } from "@std/assert";
import { startFakeGemini } from "../fakes/gemini.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { deadUrl, diagnose, settings, toLines } from "./_diagnose.ts";

async function check(env: Record<string, string>): Promise<string> {
  return toLines(await diagnose(env)).join("\n");
}

/** The result if no provider is set, with Ollama's default address changed to this one. */
async function checkUnnamed(host: string): Promise<string> {
  const config = settings({ OLLAMA_HOST: undefined });
  config.vendors.ollama.host = host;
  return toLines(await diagnose({}, config)).join("\n");
}

const KEY = { GOOGLE_GENERATIVE_AI_API_KEY: "test-key" };

Deno.test("diagnoseProviders() chooses as the server does", async () => {
  await using gemini = startFakeGemini([]);
  await using ollama = startFakeOllama([]);
  const env = { GEMINI_BASE_URL: gemini.url, OLLAMA_HOST: ollama.url };
  assertMatch(
    await check({ ...env, ...KEY }),
    /^ok language model: gemini, since GOOGLE_GENERATIVE_AI_API_KEY is set\nok gemini: .*$/,
  );
  assertMatch(
    await check(env),
    /^ok language model: ollama, since OLLAMA_HOST is set\nok ollama: .*$/,
  );
  assertMatch(
    await checkUnnamed(ollama.url),
    /^ok language model: ollama, since it answers at .*\nok ollama: .*$/,
  );
  assertMatch(
    await check({ ...env, ...KEY, LLM_PROVIDER: "ollama,gemini" }),
    /^ok language model: ollama, then gemini, since LLM_PROVIDER is set\nok ollama.*\nok gemini/,
  );
});

Deno.test("diagnoseProviders() warns of a stand-in, and reports a failure if Ollama is set but not running", async () => {
  const standIn =
    /^warn language model: only echo, .*LLM_PROVIDER says so → set LLM_PROVIDER/;
  assertMatch(await check({ LLM_PROVIDER: "echo" }), standIn);
  assertMatch(
    await checkUnnamed(deadUrl()),
    /^warn language model: only echo, .*no Ollama answers at .* → start Ollama .* is found from the next turn.* LLM_PROVIDER=openai/,
  );
  assertMatch(
    await check({ OLLAMA_MODEL: "llama3.2:3b" }),
    /^ok .*since OLLAMA_HOST is set\nfail ollama: Cannot rea/,
  );
  assertMatch(
    await check({ LLM_PROVIDER: "ollama,echo" }),
    /^ok language model: ollama, then echo, .*\nfail ollama: Cannot reach [^\n]*$/,
  );
  assertEquals((await check({ LLM_PROVIDER: "echo" })).includes("\n"), false);
});
