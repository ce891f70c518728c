import {
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createGemini, toContents } from "../../src/providers/gemini.ts";
import { ProviderError } from "../../src/providers/provider.ts";
import {
  type GeminiAnswer,
  splitAt,
  startFakeGemini,
} from "../fakes/gemini.ts";
import { ask, askInVain, CONVERSATION, question } from "./_ask.ts";

const model = "gemini-3.5-flash-lite";

function start(...script: GeminiAnswer[]) {
  const fake = startFakeGemini(script);
  const options = { apiKey: "test-key", model, baseUrl: fake.url };
  return { fake, gemini: createGemini(options), options };
}

function test(what: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `createGemini() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

test("streams text, and counts tokens", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Hel", "lo"] });
  await using _ = fake;
  const { text, parts } = await ask(gemini);
  assertEquals(text, "Hello");
  assertEquals(parts.map(({ type }) => type), [
    "text-delta",
    "text-delta",
    "finish",
  ]);
  const last = parts.at(-1);
  assertEquals(
    last?.type === "finish" && typeof last.usage.inputTokens,
    "number",
  );
});

test("sends the system prompt, the welcome and the whole history", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Ada"] });
  await using _ = fake;
  await ask(gemini, { messages: CONVERSATION });
  const [request] = fake.requests;
  assertEquals(request?.body?.systemInstruction?.parts, [
    { text: "Be brief." },
  ]);
  assertEquals(
    request?.body?.contents?.map(({ role, parts }) => [role, parts?.[0]?.text]),
    [
      ["user", "(The caller joins.)"],
      ["model", "Welcome!"],
      ["user", "I am Ada."],
      ["model", "Hello Ada."],
      ["user", "Who am I?"],
    ],
  );
  assertEquals(request?.headers.get("x-goog-api-key"), "test-key");
});

test("never speaks a thought", async () => {
  const { fake, gemini } = start({
    kind: "thought",
    thoughts: ["The caller greets me."],
    chunks: ["Good ", "day."],
  });
  await using _ = fake;
  assertEquals((await ask(gemini)).text, "Good day.");
});

test("decodes an answer that arrives cut at any byte", async () => {
  const body = await Deno.readFile(
    new URL("../fixtures/gemini/text.sse", import.meta.url),
  );
  const cuts = Array.from({ length: body.length - 1 }, (_, n) => n + 1);
  const fake = startFakeGemini((_request, index) => ({
    kind: "raw",
    bytes: index === 0 ? [body] : splitAt(body, cuts[index - 1] ?? 1),
  }));
  await using _ = fake;
  const gemini = createGemini({
    apiKey: "test-key",
    model,
    baseUrl: fake.url,
  });
  const { text: whole } = await ask(gemini);
  assertStringIncludes(whole, "ü");
  // A few hundred offsets; every third keeps it quick and hits every kind of place.
  for (let n = 0; n < cuts.length; n += 3) {
    assertEquals((await ask(gemini)).text, whole);
  }
});

const FAILURES: {
  what: string;
  answer: GeminiAnswer;
  text?: string;
  says: string;
  status?: number;
  retryable: boolean;
}[] = [
  {
    what: "a bad request or key (400)",
    answer: { kind: "status", status: 400 },
    says: "GOOGLE_GENERATIVE_AI_API_KEY",
    status: 400,
    retryable: false,
  },
  {
    what: "a forbidden key (403)",
    answer: { kind: "status", status: 403 },
    says: "GOOGLE_GENERATIVE_AI_API_KEY",
    status: 403,
    retryable: false,
  },
  {
    what: "an unknown model (404)",
    answer: { kind: "status", status: 404 },
    says: "GEMINI_MODEL",
    status: 404,
    retryable: false,
  },
  {
    what: "a used-up quota (429)",
    answer: { kind: "status", status: 429, retryDelay: "23s" },
    says: "quota",
    status: 429,
    retryable: true,
  },
  {
    what: "a server fault (500)",
    answer: { kind: "status", status: 500 },
    says: "500",
    status: 500,
    retryable: true,
  },
  {
    what: "a proxy's page (502)",
    answer: { kind: "status", status: 502, body: "<html>Bad gateway</html>" },
    says: "502",
    status: 502,
    retryable: true,
  },
  {
    what: "a blocked question",
    answer: { kind: "blocked" },
    says: "blocked",
    retryable: false,
  },
  {
    what: "a stop for safety in mid-answer",
    answer: { kind: "safety", chunks: ["Well, "] },
    text: "Well, ",
    says: "SAFETY",
    retryable: false,
  },
  {
    what: "an empty answer",
    answer: { kind: "empty" },
    says: "empty",
    retryable: false,
  },
  {
    what: "an answer without candidates",
    answer: { kind: "empty", shape: "no-candidates" },
    says: "empty",
    retryable: false,
  },
  {
    what: "an answer without a body",
    answer: { kind: "empty", shape: "no-chunks" },
    says: "empty",
    retryable: false,
  },
  {
    what: "an answer that reached its token limit without a word",
    answer: { kind: "max-tokens" },
    says: "MAX_TOKENS",
    retryable: false,
  },
  {
    what: "an error inside the stream",
    answer: { kind: "error-chunk", chunks: ["Well, "], status: 503 },
    text: "Well, ",
    says: "503",
    status: 503,
    retryable: true,
  },
  {
    what: "a connection cut in mid-answer",
    answer: { kind: "cut", chunks: ["Well, "] },
    text: "Well, ",
    says: "read",
    retryable: true,
  },
  {
    what: "a connection cut in mid-line",
    answer: { kind: "cut", chunks: ["Well, "], midLine: true },
    says: "read",
    retryable: true,
  },
  {
    what: "a body that ends too early",
    answer: { kind: "unfinished", chunks: ["Well, "] },
    text: "Well, ",
    says: "broke off",
    retryable: false,
  },
  {
    what: "a body that ends in mid-line",
    answer: { kind: "unfinished", chunks: ["Well, "], midLine: true },
    says: "read",
    retryable: true,
  },
];

for (const { what, answer, text, says, status, retryable } of FAILURES) {
  test(`fails on ${what}`, async () => {
    const { fake, gemini } = start(answer);
    await using _ = fake;
    const failed = await askInVain(gemini);
    if (text !== undefined) assertEquals(failed.text, text);
    assertStringIncludes(failed.error.message, says);
    assertEquals(failed.error.status, status);
    assertEquals(failed.error.retryable, retryable);
    assertEquals(failed.error.message.includes("test-key"), false);
  });
}

test("fails when nothing listens", async () => {
  const { fake, options } = start();
  await fake.close();
  const { error } = await askInVain(createGemini(options));
  assertEquals(error.retryable, true);
  assertEquals(error.status, undefined);
});

test("is cancelled at Google within 100 ms, before the first byte and in mid-answer", async () => {
  for (const chunks of [[], ["Once ", "upon "]]) {
    const { fake, gemini } = start({ kind: "stall", chunks });
    await using _ = fake;
    const controller = new AbortController();
    let heard = 0;
    const asked = (async () => {
      for await (
        const _part of gemini.stream(question({ signal: controller.signal }))
      ) heard++;
    })();
    const request = await fake.nextRequest();
    while (heard < chunks.length) await new Promise((go) => setTimeout(go));
    const at = performance.now();
    controller.abort(new Error("the caller left"));
    await assertRejects(() => asked, Error, "the caller left");
    assertLess(await request.cancelled - at, 100);
  }
});

test("is cancelled at Google when the reader leaves the loop", async () => {
  const { fake, gemini } = start({ kind: "stall", chunks: ["Once "] });
  await using _ = fake;
  for await (const _part of gemini.stream(question())) break;
  const request = await fake.nextRequest();
  assertEquals(await request.ended, "cancelled");
});

test("doesn't ask at all when its signal is aborted already", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Hello"] });
  await using _ = fake;
  const signal = AbortSignal.abort(new Error("gone"));
  await assertRejects(() => ask(gemini, { signal }), Error, "gone");
  assertEquals(fake.requests.length, 0);
});

test("can be checked without spending tokens", async () => {
  const { fake, gemini, options } = start();
  const signal = new AbortController().signal;
  await gemini.check(signal);
  for (const wrong of [{ apiKey: "wrong" }, { model: "gemini-0" }]) {
    await assertRejects(
      () => createGemini({ ...options, ...wrong }).check(signal),
      ProviderError,
    );
  }
  await fake.close();
  await assertRejects(() => gemini.check(signal), ProviderError);
});

Deno.test("toContents() joins neighbours of one role and begins with the user", () => {
  const contents = toContents([
    { role: "user", text: "One." },
    { role: "user", text: "Two." },
    { role: "assistant", text: "Three." },
  ]);
  assertEquals(contents, [
    { role: "user", parts: [{ text: "One." }, { text: "Two." }] },
    { role: "model", parts: [{ text: "Three." }] },
  ]);
  assertEquals(
    toContents([{ role: "assistant", text: "Hi" }])[0]?.role,
    "user",
  );
});
