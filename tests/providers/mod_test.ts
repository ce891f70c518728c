import { assertEquals, assertStringIncludes } from "@std/assert";
import { readConfig } from "../../src/config.ts";
import { createLog } from "../../src/log.ts";
import { chooseProvider } from "../../src/providers/mod.ts";
import { startFakeOllama } from "../fakes/ollama.ts";

async function choose(env: Record<string, string>) {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  const provider = await chooseProvider(readConfig(env), log);
  return { name: provider.name, lines };
}

Deno.test("chooseProvider() takes the named one", async () => {
  for (const name of ["echo", "ollama", "gemini"]) {
    const env = { LLM_PROVIDER: name, GOOGLE_GENERATIVE_AI_API_KEY: "k" };
    assertEquals((await choose(env)).name, name);
  }
});

Deno.test("chooseProvider() prefers Gemini with a key, then Ollama that answers, then echo with a warning", async () => {
  const fake = startFakeOllama([]);
  const env = { OLLAMA_HOST: fake.url };
  const key = { GOOGLE_GENERATIVE_AI_API_KEY: "k" };
  assertEquals((await choose({ ...env, ...key })).name, "gemini");
  assertEquals((await choose(env)).name, "ollama");
  await fake.close();
  const { name, lines } = await choose(env);
  assertEquals(name, "echo");
  assertStringIncludes(lines.join(), "stand-in");
});
