import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { type Config, readConfig } from "../../src/settings/config.ts";
import { createLog } from "../../src/server/log.ts";
import { chooseProvider, prepare } from "../../src/providers/choice.ts";
import { createProvider } from "../../src/providers/mod.ts";
import { type Provider, ProviderError } from "../../src/providers/provider.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { freePort } from "../fakes/ports.ts";
import { ask } from "./_ask.ts";

const BEGINNING = { system: "Be brief.", messages: [] };

/** A log, and its lines. */
function makeLog() {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  return { log, lines };
}

async function choose(env: Record<string, string>) {
  const { log, lines } = makeLog();
  const provider = await chooseProvider(readConfig(env), log);
  return { name: provider.name, lines };
}

/** Settings that choose no provider, with Ollama's default address changed to this one. */
function unnamed(host: string): Config {
  const config = readConfig({});
  config.vendors.ollama.host = host;
  return config;
}

Deno.test("chooseProvider() uses the provider that is set", async () => {
  for (const name of ["echo", "ollama", "gemini", "openai"]) {
    const env = {
      LLM_PROVIDER: name,
      GOOGLE_GENERATIVE_AI_API_KEY: "k",
      OPENAI_API_KEY: "k",
    };
    assertEquals((await choose(env)).name, name);
  }
});

Deno.test("chooseProvider() uses Ollama if its model or host is set, whether it runs or not", async () => {
  const nowhere = `127.0.0.1:${freePort()}`;
  for (
    const env of [{ OLLAMA_HOST: nowhere }, { OLLAMA_MODEL: "llama3.2:3b" }]
  ) {
    assertEquals(await choose(env), { name: "ollama", lines: [] });
    const key = { GOOGLE_GENERATIVE_AI_API_KEY: "k" };
    assertEquals((await choose({ ...env, ...key })).name, "gemini");
  }
});

Deno.test("chooseProvider() uses openai by its key only if nothing else is set", async () => {
  const key = { OPENAI_API_KEY: "k" };
  assertEquals((await choose(key)).name, "openai");
  for (
    const [name, more] of [
      ["gemini", { GOOGLE_GENERATIVE_AI_API_KEY: "k" }],
      ["ollama", { OLLAMA_MODEL: "llama3.2:3b" }],
      ["echo", { LLM_PROVIDER: "echo" }],
    ] as const
  ) assertEquals((await choose({ ...key, ...more })).name, name);
});

Deno.test("chooseProvider() warns of a Gemini model with a shutdown date, and names a current one", async () => {
  const key = { GOOGLE_GENERATIVE_AI_API_KEY: "k" };
  assertEquals((await choose(key)).lines, []);
  const GEMINI_MODEL = "gemini-2.5-flash";
  const { lines } = await choose({ ...key, GEMINI_MODEL });
  assertEquals(eventsOf(lines), [["warn", "provider.warning"]]);
  for (const mention of [GEMINI_MODEL, "2026-12-01", "gemini-3.5-flash-lite"]) {
    assertStringIncludes(lines.join(), mention);
  }
});

Deno.test("chooseProvider() uses an Ollama that is not set, if it answers", async () => {
  await using fake = startFakeOllama([]);
  const { log, lines } = makeLog();
  const provider = await chooseProvider(unnamed(fake.url), log);
  assertEquals([provider.name, lines], ["ollama", []]);
});

Deno.test("chooseProvider() logs that a stand-in answers, and replaces it by Ollama once that runs", async () => {
  const port = freePort();
  const config = unnamed(`http://127.0.0.1:${port}`);
  const { log, lines } = makeLog();
  const provider = await chooseProvider(config, log);
  assertEquals(provider.name, "echo");
  assertEquals(eventsOf(lines), [["warn", "provider.stand_in"]]);
  for (const mention of ["stand-in", config.vendors.ollama.host]) {
    assertStringIncludes(lines.join(), mention);
  }
  await using fake = startFakeOllama([{ kind: "text", chunks: ["Hi"] }], {
    port,
  });
  assertEquals((await ask(provider)).text, "Hi");
  assertEquals([provider.name, provider.model], ["ollama", "qwen3.5:4b"]);
  // The model is loaded as if it had been there from the beginning.
  while (!lines.some((line) => line.includes("provider.ready"))) {
    await new Promise((go) => setTimeout(go, 5));
  }
  const events = eventsOf(lines).slice(1).filter(([, event]) =>
    event.startsWith("provider.")
  );
  assertEquals(events, [
    ["info", "provider.found"],
    ["info", "provider.preparing"],
    ["info", "provider.ready"],
  ]);
  const loads = fake.requests.filter(({ body }) =>
    body?.messages?.length === 0
  );
  assertEquals(loads.length, 1);
});

Deno.test("chooseProvider() waits half a second at most for an Ollama that hangs", async () => {
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { log } = makeLog();
  const startedAt = performance.now();
  const host = `http://127.0.0.1:${mute.addr.port}`;
  const provider = await chooseProvider(unnamed(host), log);
  assertEquals(provider.name, "echo");
  assertLess(performance.now() - startedAt, 1_000);
});

Deno.test("createProvider() passes on how much to think", async () => {
  await using fake = startFakeOllama([{ kind: "text", chunks: ["Hi"] }]);
  const env = { OLLAMA_HOST: fake.url, OLLAMA_MODEL: "qwen3.5:4b" };
  const config = readConfig({ ...env, LLM_THINKING: "low" });
  await ask(createProvider("ollama", config, makeLog().log));
  assertEquals(fake.requests.at(-1)?.body?.think, true);
});

/** The events of the log, and their levels. */
function eventsOf(lines: readonly string[]): [string, string][] {
  return lines.map((line) => {
    const { level, event } = JSON.parse(line);
    return [level, event];
  });
}

Deno.test("prepare() prepares the chosen provider, and logs that", async () => {
  await using fake = startFakeOllama([]);
  const { log, lines } = makeLog();
  const env = { LLM_PROVIDER: "ollama,echo", OLLAMA_HOST: fake.url };
  const config = readConfig({ ...env, OLLAMA_MODEL: "llama3.2:3b" });
  await prepare(await chooseProvider(config, log), BEGINNING, log);
  assertEquals(fake.requests.at(-1)?.body?.messages, [
    { role: "system", content: "Be brief." },
  ]);
  assertEquals(eventsOf(lines), [
    ["info", "provider.preparing"],
    ["info", "provider.ready"],
  ]);
  const ready = JSON.parse(lines.at(-1) ?? "{}");
  assertEquals([ready.provider, ready.model], ["ollama", "llama3.2:3b"]);
  assertEquals(typeof ready.tookMs, "number");
});

Deno.test("prepare() logs what went wrong, and never fails", async () => {
  const { log, lines } = makeLog();
  const broken: Provider = {
    ...createProvider("echo", readConfig({}), log),
    prepare: () =>
      Promise.reject(
        new ProviderError("Cannot load", { provider: "x", retryable: false }),
      ),
  };
  await prepare(broken, BEGINNING, log);
  assertEquals(eventsOf(lines), [
    ["info", "provider.preparing"],
    ["error", "provider.not_ready"],
  ]);
  assertStringIncludes(lines.at(-1) ?? "", "Cannot load");
});

Deno.test("prepare() prepares an Ollama that starts later, and logs one error", async () => {
  const port = freePort();
  const { log, lines } = makeLog();
  const env = { OLLAMA_HOST: `127.0.0.1:${port}`, OLLAMA_MODEL: "llama3.2:3b" };
  const provider = await chooseProvider(readConfig(env), log);
  const prepared = prepare(provider, BEGINNING, log, 20);
  await new Promise((go) => setTimeout(go, 100));
  await using fake = startFakeOllama([], { port });
  await prepared;
  assertEquals(eventsOf(lines), [
    ["info", "provider.preparing"],
    ["error", "provider.not_ready"],
    ["info", "provider.ready"],
  ]);
  assertEquals(fake.requests.at(-1)?.body?.options?.num_predict, 1);
});

Deno.test("prepare() logs why it gives up, even after an earlier error", async () => {
  const port = freePort();
  const { log, lines } = makeLog();
  const env = { OLLAMA_HOST: `127.0.0.1:${port}`, OLLAMA_MODEL: "nope:1b" };
  const provider = await chooseProvider(readConfig(env), log);
  const prepared = prepare(provider, BEGINNING, log, 20);
  while (lines.length < 2) await new Promise((go) => setTimeout(go, 5));
  await using _ = startFakeOllama([], { port });
  await prepared;
  assertEquals(eventsOf(lines), [
    ["info", "provider.preparing"],
    ["error", "provider.not_ready"],
    ["error", "provider.not_ready"],
  ]);
  assertStringIncludes(lines.at(-1) ?? "", "is not pulled");
});

Deno.test("prepare() logs nothing if there is nothing to do", async () => {
  const { log, lines } = makeLog();
  const gemini = createProvider("gemini", readConfig({}), log);
  await prepare(gemini, BEGINNING, log);
  assertEquals(lines, []);
});
