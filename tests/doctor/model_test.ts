import { assertEquals, assertMatch } from "@std/assert";
import { checkModels } from "../../src/doctor/model.ts";
import { startFakeGemini } from "../fakes/gemini.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { look, patient, toLines } from "./_patient.ts";

async function check(env: Record<string, string>): Promise<string> {
  return toLines(await look(checkModels, patient(env))).join("\n");
}

const KEY = { GOOGLE_GENERATIVE_AI_API_KEY: "test-key" };

Deno.test("checkModels() chooses as the server does", async () => {
  await using gemini = startFakeGemini([]);
  await using ollama = startFakeOllama([]);
  const env = { GEMINI_BASE_URL: gemini.url, OLLAMA_HOST: ollama.url };
  assertMatch(
    await check({ ...env, ...KEY }),
    /^ok language model: gemini, since its key is set\nok gemini: .*$/,
  );
  assertMatch(
    await check(env),
    /^ok language model: ollama, since it answers.*\nok ollama: .*\nok ollama/,
  );
  assertMatch(
    await check({ ...env, ...KEY, LLM_PROVIDER: "ollama,gemini" }),
    /^ok language model: ollama, then gemini .*\nok ollama.*\nok ollama.*\nok gemini/,
  );
});

Deno.test("checkModels() warns of a stand-in, and of no Ollama where one is meant", async () => {
  const standIn =
    /^warn language model: only echo, .*LLM_PROVIDER names echo →/;
  assertMatch(await check({ LLM_PROVIDER: "echo" }), standIn);
  assertMatch(
    await check({}),
    /^ok .*since the settings name its model or host\nfail ollama: cannot rea/,
  );
  assertMatch(
    await check({ LLM_PROVIDER: "ollama,echo" }),
    /fail ollama: cannot reach .*\nskipped language model: echo needs nothing/,
  );
  assertEquals((await check({ LLM_PROVIDER: "echo" })).includes("\n"), false);
});
