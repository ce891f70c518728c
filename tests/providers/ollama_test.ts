// deno-lint-ignore-file no-console -- one test looks at what the SDK writes there
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { toThink } from "../../src/providers/_ollama_wire.ts";
import { createLog } from "../../src/server/log.ts";
import { DEFAULT_MODEL } from "../../src/providers/ollama.ts";
import { ollama as vendor, toOllamaUrl } from "../../src/providers/ollama.ts";
import {
  type Message,
  ProviderError,
  THINKING,
  type Thinking,
} from "../../src/providers/provider.ts";
import { nextQuestion } from "../fakes/_wire.ts";
import {
  type FakeOllamaModel,
  type OllamaAnswer,
  startFakeOllama,
} from "../fakes/ollama.ts";
import {
  ask,
  askInVain,
  CONTEXT,
  CONVERSATION,
  question,
  weather,
} from "./_ask.ts";
import { callsOf, talkOfWeather, testVendor } from "./contract.ts";

const model = "llama3.2:3b";

function start(...script: OllamaAnswer[]) {
  const fake = startFakeOllama(script);
  const options = {
    host: fake.url,
    model,
    keepAlive: "30m",
  };
  return { fake, ollama: vendor.create(options, CONTEXT), options };
}

function test(what: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `ollama.create() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

testVendor({
  title: "ollama.create()",
  addressEnv: "OLLAMA_HOST",
  create: (host) => vendor.create({ host, model, keepAlive: "30m" }, CONTEXT),
  start: (script) => startFakeOllama(script),
  fixtures: [
    {
      path: "ollama/text.ndjson",
      says:
        "Grüß Gott! 👋 In 東京 scheint die Sonne ☀️ – dort sagt man „こんにちは“.\nFamilie 👩‍👩‍👧‍👦 & <tschüs>.",
    },
    {
      path: "ollama/tool_calls.ndjson",
      calls: [
        {
          name: "get_weather",
          arguments: { city: "München", unit: "celsius" },
        },
        { name: "get_time", arguments: { zone: "Asia/Tokyo" } },
      ],
    },
    {
      path: "ollama/thought.ndjson",
      says: "Sonntags haben wir leider geschlossen.",
    },
    { path: "ollama/error.ndjson", fails: "Cannot read the answer" },
  ],
});

test("streams text, and counts tokens", async () => {
  const { fake, ollama } = start({
    kind: "text",
    chunks: ["Hel", "lo"],
    metrics: { prompt_eval_count: 12, eval_count: 2 },
  });
  await using _ = fake;
  const { text, parts } = await ask(ollama);
  assertEquals(text, "Hello");
  assertEquals(parts.at(-1), {
    type: "finish",
    usage: { inputTokens: 12, outputTokens: 2, promptMs: 215 },
  });
});

test("sends the system prompt, the welcome, the whole history, and turns thinking off", async () => {
  const { fake, ollama } = start({ kind: "text", chunks: ["Ada"] });
  await using _ = fake;
  await ask(ollama, { messages: CONVERSATION });
  const body = fake.requests.at(-1)?.body;
  assertEquals(body?.messages, [
    { role: "system", content: "Be brief." },
    { role: "assistant", content: "Welcome!" },
    { role: "user", content: "I am Ada." },
    { role: "assistant", content: "Hello Ada." },
    { role: "user", content: "Who am I?" },
  ]);
  assertEquals(body?.model, model);
  assertEquals(body?.think, false);
  assertEquals(body?.keep_alive, "30m");
  assertEquals(body?.options, { num_ctx: 4096 });
});

test("sends a keep-alive of bare seconds as a number", async () => {
  const { fake, options } = start({ kind: "text", chunks: ["x"] });
  await using _ = fake;
  await ask(vendor.create({ ...options, keepAlive: "-1" }, CONTEXT));
  assertEquals(fake.requests.at(-1)?.body?.keep_alive, -1);
});

test("sends the tools, and passes on the model's calls", async () => {
  const { fake, ollama } = start({
    kind: "tool-calls",
    chunks: ["Let me ", "look."],
    calls: [
      { name: "get_weather", arguments: { city: "Bonn" } },
      { name: "get_weather" },
    ],
  });
  await using _ = fake;
  const { text, parts } = await ask(ollama, { tools: [weather] });
  assertEquals(fake.requests.at(-1)?.body?.tools, [
    { type: "function", function: weather },
  ]);
  assertEquals(text, "Let me look.");
  const calls = callsOf(parts);
  assertEquals(calls.map(({ name, arguments: args }) => [name, args]), [
    ["get_weather", { city: "Bonn" }],
    ["get_weather", {}],
  ]);
  assertEquals(new Set(calls.map(({ id }) => id)).size, 2);
  assertEquals(parts.at(-1)?.type, "finish");
});

test("accepts an answer of calls without text, and calls without arguments", async () => {
  const { fake, ollama } = start({
    kind: "raw",
    bytes: [
      new TextEncoder().encode(
        '{"message":{"role":"assistant","tool_calls":' +
          '[{"function":{"name":"get_weather"}}]},"done":false}\n' +
          '{"message":{"role":"assistant","content":""},"done":true}\n',
      ),
    ],
  });
  await using _ = fake;
  const { parts } = await ask(ollama, { tools: [weather] });
  assertEquals(parts.map(({ type }) => type), ["tool-call", "finish"]);
  assertEquals(callsOf(parts)[0]?.arguments, {});
});

test("sends the model its earlier calls and their results", async () => {
  const { fake, ollama } = start({ kind: "text", chunks: ["Sunny."] });
  await using _ = fake;
  const messages: Message[] = [
    { role: "user", text: "The weather?" },
    {
      role: "assistant",
      text: "Let me look.",
      calls: [{ id: "g1", name: "get_weather", arguments: { city: "Bonn" } }],
      // Another vendor's, and of no use here.
      providerMetadata: {
        provider: "gemini",
        content: [{ thoughtSignature: "s" }],
      },
    },
    { role: "tool", callId: "g1", name: "get_weather", text: '"Sunny"' },
  ];
  await ask(ollama, { messages });
  assertEquals(fake.requests.at(-1)?.body?.messages?.slice(1), [
    { role: "user", content: "The weather?" },
    {
      role: "assistant",
      content: "Let me look.",
      tool_calls: [
        { function: { name: "get_weather", arguments: { city: "Bonn" } } },
      ],
    },
    { role: "tool", content: '"Sunny"', tool_name: "get_weather" },
  ]);
});

test("calls a tool and answers with its result", async () => {
  const { fake, ollama } = start(
    {
      kind: "tool-calls",
      calls: [
        { name: "get_weather", arguments: { city: "Bonn" } },
        { name: "get_weather", arguments: { town: "Köln" } },
      ],
    },
    { kind: "text", chunks: ["It is sunny."] },
  );
  await using _ = fake;
  assertEquals(await talkOfWeather(ollama), "It is sunny.");
  const lines = fake.requests.at(-1)?.body?.messages ?? [];
  assertEquals(lines.map(({ role }) => role), [
    "system",
    "user",
    "assistant",
    "tool",
    "tool",
  ]);
  assertEquals(lines[2]?.tool_calls?.length, 2);
  assertEquals(lines[3]?.content, '"Sunny in Bonn"');
  assertStringIncludes(lines[4]?.content ?? "", "city");
});

test("sends no tools when further calls are forbidden", async () => {
  const { fake, ollama } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  await ask(ollama, { tools: [weather], toolChoice: "none" });
  assertEquals("tools" in (fake.requests.at(-1)?.body ?? {}), false);
});

test("sends no tools to a model that can't call any", async () => {
  const { fake, options } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  const ollama = vendor.create({ ...options, model: "gemma3:1b" }, CONTEXT);
  // The stand-in, like Ollama, refuses tools for such a model.
  assertEquals((await ask(ollama, { tools: [weather] })).text, "Hi");
  assertEquals("tools" in (fake.requests.at(-1)?.body ?? {}), false);
});

test("asks once what a model can do, not before each request", async () => {
  const { fake, ollama } = start(
    { kind: "text", chunks: ["One."] },
    { kind: "text", chunks: ["Two."] },
  );
  await using _ = fake;
  await ask(ollama);
  await ask(ollama);
  assertEquals(fake.requests.map(({ path }) => path), [
    "/api/show",
    "/api/chat",
    "/api/chat",
  ]);
});

test("turns thinking on for a model that can think, if it is set", async () => {
  const table: [string, Thinking, unknown][] = [
    ["qwen3.5:4b", "off", false],
    ["qwen3.5:4b", "low", true],
    ["qwen3.5:4b", "high", true],
    ["llama3.2:3b", "high", false],
    ["gpt-oss:20b", "off", "low"],
    ["gpt-oss:20b", "medium", "medium"],
  ];
  const capabilities = ["completion", "thinking"];
  for (const [model, thinking, expected] of table) {
    const fake = startFakeOllama([{ kind: "text", chunks: ["Hi"] }], {
      models: [
        { name: "qwen3.5:4b", capabilities },
        { name: "gpt-oss:20b", capabilities },
        { name: "llama3.2:3b", capabilities: ["completion"] },
      ],
    });
    await using _ = fake;
    const settings = { host: fake.url, model, keepAlive: "1m" };
    const ollama = vendor.create(settings, { ...CONTEXT, thinking });
    await ask(ollama);
    assertEquals(fake.requests.at(-1)?.body?.think, expected, model);
  }
});

Deno.test("toThink() turns thinking on if the model can think, and as a level if it takes levels", () => {
  const of = (model: string, capabilities: string[] | undefined) =>
    THINKING.map((thinking) => toThink(model, thinking, capabilities));
  assertEquals(of("qwen3.5:4b", ["thinking"]), [false, true, true, true]);
  assertEquals(of("llama3.2:3b", ["tools"]), [false, false, false, false]);
  // An old Ollama sends no capabilities, so `true` might be an error.
  assertEquals(of("qwen3.5:4b", undefined), [false, false, false, false]);
  for (const capabilities of [["thinking"], undefined]) {
    assertEquals(of("gpt-oss:20b", capabilities), [
      "low",
      "low",
      "medium",
      "high",
    ]);
  }
});

test("loads the model before the first request, with the same options", async () => {
  const { fake, ollama } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  const running = async () => {
    const response = await fetch(`${fake.url}/api/ps`);
    const { models } = await response.json();
    return models.map(({ name, expires_at }: Record<string, string>) => [
      name,
      Math.round((Date.parse(`${expires_at}`) - Date.now()) / 60_000),
    ]);
  };
  assertEquals(await running(), []);
  const { system, messages } = question();
  const beginning = { system, messages: [], tools: [weather] };
  await ollama.prepare?.(new AbortController().signal, beginning);
  // Loaded for the 30 minutes of the setting.
  assertEquals(await running(), [[model, 30]]);
  const loading = fake.requests.findLast(({ path }) => path === "/api/chat");
  await ask(ollama, { messages, tools: [weather] });
  const asking = fake.requests.at(-1)?.body;
  assertEquals(loading?.body?.messages, asking?.messages?.slice(0, 1));
  assertEquals(loading?.body?.tools, asking?.tools);
  // It generates no more than one token.
  assertEquals(loading?.body?.options?.num_predict, 1);
  for (const body of [loading?.body, asking]) {
    assertEquals(body?.model, model);
    // A different window would reload it.
    assertEquals(body?.options?.num_ctx, 4096);
    assertEquals(body?.keep_alive, "30m");
    assertEquals(body?.think, false);
  }
});

test("names the command that pulls a model which can't be prepared", async () => {
  const { fake, options } = start();
  const { signal } = new AbortController();
  const ollama = vendor.create({ ...options, model: "x:1b" }, CONTEXT);
  const prepare = () =>
    assertRejects(
      () => Promise.resolve(ollama.prepare?.(signal, question())),
      ProviderError,
    );
  assertStringIncludes((await prepare()).message, "`ollama pull x:1b`");
  await fake.close();
  assertStringIncludes((await prepare()).message, fake.url);
});

test("fails on an error inside the stream", async () => {
  const { fake, ollama } = start({ kind: "error-chunk", chunks: ["Well, "] });
  await using _ = fake;
  const { error } = await askInVain(ollama);
  assertStringIncludes(error.message, "read");
  assertEquals([error.status, error.retryable], [undefined, true]);
});

test("names the command that pulls a missing model", async () => {
  const { fake, options } = start();
  await using _ = fake;
  const { error } = await askInVain(
    vendor.create({ ...options, model: "x:1b" }, CONTEXT),
  );
  assertStringIncludes(error.message, "`ollama pull x:1b`");
});

test("rejects a server that is not Ollama", async () => {
  const page = "<html>Not found</html>";
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response(page, { status: 404 }),
  );
  const host = `http://127.0.0.1:${server.addr.port}`;
  const { log } = console;
  const written: unknown[] = [];
  console.log = (...texts) => void written.push(texts);
  try {
    for (const named of [{ model: "x:1b" }, {}]) {
      const settings = { host, keepAlive: "1m", ...named };
      const { error } = await askInVain(vendor.create(settings, CONTEXT));
      assertStringIncludes(error.message, "status 404; check OLLAMA_HOST");
      assertEquals(error.message.includes("pull"), false);
    }
  } finally {
    console.log = log;
  }
  // The SDK would write about a web page to the console, in the middle of the log.
  assertEquals(written, []);
});

const big: FakeOllamaModel = { name: "big:70b", capabilities: ["completion"] };

test("chooses the default model when it is installed", async () => {
  const fake = startFakeOllama([{ kind: "text", chunks: ["x"] }], {
    models: [big, { name: DEFAULT_MODEL, capabilities: ["completion"] }],
  });
  await using _ = fake;
  const ollama = vendor.create({
    host: fake.url,
    keepAlive: "1m",
  }, CONTEXT);
  await ask(ollama);
  assertEquals(ollama.model, DEFAULT_MODEL);
});

test("chooses an installed model that can chat if the default is not installed", async () => {
  const fake = startFakeOllama([{ kind: "text", chunks: ["x"] }], {
    models: [{ name: "nomic-embed-text", capabilities: ["embedding"] }, big],
  });
  await using _ = fake;
  const ollama = vendor.create({
    host: fake.url,
    keepAlive: "1m",
  }, CONTEXT);
  await ask(ollama);
  assertEquals(ollama.model, "big:70b");
});

test("logs once which model it has chosen, and nothing if one is set", async () => {
  const small: FakeOllamaModel = {
    name: "small:1b",
    capabilities: ["completion"],
    size: 2_000_000,
  };
  const cloud: FakeOllamaModel = {
    name: "cloud:1t",
    capabilities: ["completion"],
    size: 300,
  };
  const usual: FakeOllamaModel = {
    name: DEFAULT_MODEL,
    capabilities: ["completion"],
  };
  const table: [FakeOllamaModel[], string | undefined, string?][] = [
    [[big, small, usual], undefined, DEFAULT_MODEL],
    [[big, cloud, small], undefined, "small:1b"],
    [[big, small], "big:70b"],
  ];
  for (const [models, named, chosen] of table) {
    const fake = startFakeOllama(() => ({ kind: "text", chunks: ["Hi"] }), {
      models,
    });
    await using _ = fake;
    const lines: string[] = [];
    const log = createLog({
      level: "info",
      format: "json",
      write: (_, line) => lines.push(line),
    });
    const ollama = vendor.create({
      host: fake.url,
      ...(named ? { model: named } : {}),
      keepAlive: "1m",
    }, { ...CONTEXT, log });
    const { signal } = new AbortController();
    const preparing = ollama.prepare?.(signal, question());
    await Promise.all([preparing, ask(ollama), ask(ollama)]);
    await ask(ollama);
    assertEquals(lines.length, chosen ? 1 : 0);
    if (!chosen) continue;
    const line = JSON.parse(lines[0] ?? "{}");
    assertEquals(line.event, "ollama.model_chosen");
    assertEquals(line.model, chosen);
    assertEquals(ollama.model, chosen);
  }
});

test("says what to pull when no model can chat", async () => {
  const fake = startFakeOllama([], { models: [] });
  await using _ = fake;
  const ollama = vendor.create({
    host: fake.url,
    keepAlive: "1m",
  }, CONTEXT);
  const { error } = await askInVain(ollama);
  assertStringIncludes(error.message, `ollama pull ${DEFAULT_MODEL}`);
});

test("fails its check if the model is missing", async () => {
  const { fake, options } = start();
  await using _ = fake;
  const missing = vendor.create({ ...options, model: "x:1b" }, CONTEXT);
  const { signal } = new AbortController();
  await assertRejects(() => missing.check(signal), ProviderError);
});

Deno.test("toOllamaUrl() makes an address to connect to", () => {
  const table = {
    "http://127.0.0.1:11434": "http://127.0.0.1:11434",
    "http://127.0.0.1:11434/": "http://127.0.0.1:11434",
    "0.0.0.0": "http://127.0.0.1:11434",
    "0.0.0.0:9000": "http://127.0.0.1:9000",
    "localhost": "http://localhost:11434",
    "box.lan:1234": "http://box.lan:1234",
    "https://ollama.example.com": "https://ollama.example.com",
    "https://example.com/ollama/": "https://example.com/ollama",
    "http://[::]:11434": "http://[::1]:11434",
  };
  for (const [value, expected] of Object.entries(table)) {
    assertEquals(toOllamaUrl(value), expected);
  }
  assertThrows(() => toOllamaUrl("http://"), TypeError);
});

test("sends the most tokens of an answer, thoughts added", async () => {
  const answers = Array<OllamaAnswer>(6).fill({ kind: "text", chunks: ["Hi"] });
  const { fake, options } = start(...answers);
  await using _ = fake;
  const cases = [
    ["off", "qwen3.5:4b", 1_024],
    ["low", "qwen3.5:4b", 2_048],
    ["high", "qwen3.5:4b", 25_600],
  ] as const;
  for (const [thinking, model, expected] of cases) {
    const ollama = vendor.create({ ...options, model }, {
      ...CONTEXT,
      thinking,
    });
    await ask(ollama, { maxTokens: 1_024 });
    assertEquals(fake.requests.at(-1)?.body?.options?.num_predict, expected);
    await ask(ollama);
    const without = fake.requests.at(-1)?.body?.options;
    assertEquals(without && "num_predict" in without, false);
  }
});

test("distinguishes a model that is loading from one that is slow", async () => {
  for (const loadMs of [3_000, 0]) {
    await using fake = startFakeOllama([{ kind: "stall" }], { loadMs });
    const options = { host: fake.url, model, keepAlive: "30m" };
    const ollama = vendor.create(options, CONTEXT);
    const controller = new AbortController();
    const { signal } = controller;
    // Before the first request, it isn't listed.
    assertEquals(await ollama.isLoading?.(signal), true);
    const asked = ask(ollama, { signal });
    asked.catch(() => {});
    await nextQuestion(fake);
    assertEquals(await ollama.isLoading?.(signal), loadMs > 0);
    controller.abort();
    await assertRejects(() => asked);
  }
});

test("reports no loading if Ollama can't be reached", async () => {
  const { fake, ollama } = start();
  await fake.close();
  const { signal } = new AbortController();
  assertEquals(await ollama.isLoading?.(signal), false);
});
