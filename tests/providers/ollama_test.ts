import {
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  createOllama,
  DEFAULT_OLLAMA_MODEL,
  toOllamaUrl,
} from "../../src/providers/ollama.ts";
import { ProviderError } from "../../src/providers/provider.ts";
import {
  type FakeOllamaModel,
  type OllamaAnswer,
  splitAt,
  startFakeOllama,
} from "../fakes/ollama.ts";
import { ask, askInVain, CONVERSATION, question } from "./_ask.ts";

const model = "llama3.2:3b";

function start(...script: OllamaAnswer[]) {
  const fake = startFakeOllama(script);
  const options = {
    host: fake.url,
    model,
    keepAlive: "30m",
    contextTokens: 4096,
  };
  return { fake, ollama: createOllama(options), options };
}

function test(what: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `createOllama() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

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
    usage: { inputTokens: 12, outputTokens: 2 },
  });
});

test("sends the system prompt, the welcome, the whole history and no wish to think", async () => {
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
  await ask(createOllama({ ...options, keepAlive: "-1" }));
  assertEquals(fake.requests.at(-1)?.body?.keep_alive, -1);
});

test("never speaks a thought", async () => {
  const { fake, options } = start({
    kind: "thought",
    thoughts: ["The caller greets me."],
    chunks: ["Good ", "day."],
  });
  await using _ = fake;
  const ollama = createOllama({ ...options, model: "qwen3.5:4b" });
  assertEquals((await ask(ollama)).text, "Good day.");
});

test("decodes an answer that arrives cut at any byte", async () => {
  const body = await Deno.readFile(
    new URL("../fixtures/ollama/text.ndjson", import.meta.url),
  );
  const cuts = Array.from({ length: body.length - 1 }, (_, n) => n + 1);
  const fake = startFakeOllama((_request, index) => ({
    kind: "raw",
    bytes: index === 0 ? [body] : splitAt(body, cuts[index * 3] ?? 1),
  }));
  await using _ = fake;
  const ollama = createOllama({
    host: fake.url,
    model,
    keepAlive: "1m",
    contextTokens: 4096,
  });
  const { text: whole } = await ask(ollama);
  assertStringIncludes(whole, "ü");
  for (let n = 0; n < cuts.length / 3; n++) {
    assertEquals((await ask(ollama)).text, whole);
  }
});

const FAILURES: {
  what: string;
  answer: OllamaAnswer;
  says: string;
  status?: number;
  retryable: boolean;
}[] = [
  {
    what: "a bad request (400)",
    answer: { kind: "status", status: 400 },
    says: "400",
    status: 400,
    retryable: false,
  },
  {
    what: "a server fault (500)",
    answer: { kind: "status", status: 500 },
    says: "500",
    status: 500,
    retryable: true,
  },
  {
    what: "a full queue (503)",
    answer: { kind: "status", status: 503 },
    says: "503",
    status: 503,
    retryable: true,
  },
  {
    what: "an empty answer",
    answer: { kind: "empty" },
    says: "empty",
    retryable: false,
  },
  {
    what: "an error inside the stream",
    answer: { kind: "error-chunk", chunks: ["Well, "] },
    says: "read",
    retryable: true,
  },
  {
    what: "a connection cut in mid-answer",
    answer: { kind: "cut", chunks: ["Well, "] },
    says: "read",
    retryable: true,
  },
  {
    what: "a body that ends too early",
    answer: { kind: "unfinished", chunks: ["Well, "] },
    says: "read",
    retryable: true,
  },
];

for (const { what, answer, says, status, retryable } of FAILURES) {
  test(`fails on ${what}`, async () => {
    const { fake, ollama } = start(answer);
    await using _ = fake;
    const { error } = await askInVain(ollama);
    assertStringIncludes(error.message, says);
    assertEquals(error.status, status);
    assertEquals(error.retryable, retryable);
  });
}

test("names the command that pulls a missing model", async () => {
  const { fake, options } = start();
  await using _ = fake;
  const { error } = await askInVain(
    createOllama({ ...options, model: "x:1b" }),
  );
  assertStringIncludes(error.message, "`ollama pull x:1b`");
});

test("says where it looked when nothing listens", async () => {
  const { fake, options } = start();
  await fake.close();
  const { error } = await askInVain(createOllama(options));
  assertStringIncludes(error.message, options.host);
  assertEquals(error.retryable, true);
});

test("is cancelled within 100 ms, in a cold load and in mid-answer, and alone", async () => {
  for (const chunks of [[], ["Once ", "upon "]]) {
    const { fake, ollama } = start(
      { kind: "stall", chunks },
      { kind: "text", chunks: ["I ", "go ", "on."], delayMs: 30 },
    );
    await using _ = fake;
    const controller = new AbortController();
    let heard = 0;
    const asked = (async () => {
      for await (
        const _part of ollama.stream(question({ signal: controller.signal }))
      ) heard++;
    })();
    const request = await fake.nextRequest();
    const other = ask(ollama);
    while (heard < chunks.length) await new Promise((go) => setTimeout(go));
    const at = performance.now();
    controller.abort(new Error("the caller left"));
    await assertRejects(() => asked, Error, "the caller left");
    assertLess(await request.cancelled - at, 100);
    assertEquals((await other).text, "I go on.");
  }
});

test("is cancelled when the reader leaves the loop", async () => {
  const { fake, ollama } = start({ kind: "stall", chunks: ["Once "] });
  await using _ = fake;
  for await (const _part of ollama.stream(question())) break;
  assertEquals(await (await fake.nextRequest()).ended, "cancelled");
});

const big: FakeOllamaModel = { name: "big:70b", capabilities: ["completion"] };

test("chooses the default model when it is installed", async () => {
  const fake = startFakeOllama([{ kind: "text", chunks: ["x"] }], {
    models: [big, { name: DEFAULT_OLLAMA_MODEL, capabilities: ["completion"] }],
  });
  await using _ = fake;
  const ollama = createOllama({
    host: fake.url,
    keepAlive: "1m",
    contextTokens: 4096,
  });
  await ask(ollama);
  assertEquals(ollama.model, DEFAULT_OLLAMA_MODEL);
});

test("chooses an installed model that can chat when the default is not there", async () => {
  const fake = startFakeOllama([{ kind: "text", chunks: ["x"] }], {
    models: [{ name: "nomic-embed-text", capabilities: ["embedding"] }, big],
  });
  await using _ = fake;
  const ollama = createOllama({
    host: fake.url,
    keepAlive: "1m",
    contextTokens: 4096,
  });
  await ask(ollama);
  assertEquals(ollama.model, "big:70b");
});

test("says what to pull when no model can chat", async () => {
  const fake = startFakeOllama([], { models: [] });
  await using _ = fake;
  const ollama = createOllama({
    host: fake.url,
    keepAlive: "1m",
    contextTokens: 4096,
  });
  const { error } = await askInVain(ollama);
  assertStringIncludes(error.message, `ollama pull ${DEFAULT_OLLAMA_MODEL}`);
});

test("can be checked without asking the model", async () => {
  const { fake, ollama, options } = start();
  const signal = new AbortController().signal;
  await ollama.check(signal);
  const missing = createOllama({ ...options, model: "x:1b" });
  await assertRejects(() => missing.check(signal), ProviderError);
  await fake.close();
  await assertRejects(() => ollama.check(signal), ProviderError);
});

Deno.test("toOllamaUrl() makes an address that can be dialled", () => {
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
