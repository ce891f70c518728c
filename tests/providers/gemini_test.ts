import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as z from "zod";
import { tool } from "../../src/conversation/tools.ts";
import { gemini as vendor } from "../../src/providers/gemini.ts";
import {
  type Message,
  ProviderError,
  type ProviderPart,
  type Thinking,
} from "../../src/providers/provider.ts";
import {
  type GeminiAnswer,
  type GeminiPart,
  startFakeGemini,
} from "../fakes/gemini.ts";
import { ask, askInVain, CONTEXT, CONVERSATION, weather } from "./_ask.ts";
import { callsOf as findCalls, talkOfWeather, testVendor } from "./contract.ts";

const model = "gemini-3.5-flash-lite";

function start(...script: GeminiAnswer[]) {
  const fake = startFakeGemini(script);
  const options = {
    apiKey: "test-key",
    model,
    baseUrl: fake.url,
  };
  return { fake, gemini: vendor.create(options, CONTEXT), options };
}

function test(what: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `gemini.create() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

testVendor({
  title: "gemini.create()",
  addressEnv: "GEMINI_BASE_URL",
  create: (baseUrl) =>
    vendor.create({ apiKey: "test-key", model, baseUrl }, CONTEXT),
  start: (script) => startFakeGemini(script),
  fixtures: [
    {
      path: "gemini/text.sse",
      says:
        'Grüß Gott! 👋 Schön, dass Sie anrufen. In Köln hat es heute 7 °C, in 東京 scheint die Sonne ☀️ – dort sagt man „こんにちは“.\nEs grüßt die Familie 👩‍👩‍👧‍👦 aus dem Straßencafé, "bis bald" & <tschüs>.',
    },
    {
      path: "gemini/tool_calls.sse",
      calls: [
        {
          name: "get_weather",
          arguments: { city: "München", unit: "celsius" },
        },
        { name: "get_time", arguments: { zone: "Asia/Tokyo" } },
      ],
    },
    {
      path: "gemini/thought.sse",
      says:
        "Sonntags haben wir leider geschlossen. Möchten Sie am Montag vorbeikommen?",
    },
    { path: "gemini/blocked.sse", fails: "PROHIBITED_CONTENT" },
    { path: "gemini/safety.sse", fails: "SAFETY" },
  ],
});

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

/** The calls of an answer, and its last part. */
function callsOf(parts: readonly ProviderPart[]) {
  const last = parts.at(-1);
  const metadata = last?.type === "finish" ? last.providerMetadata : undefined;
  return { calls: findCalls(parts), metadata };
}

test("sends the tools, and passes on the model's calls with their raw parts", async () => {
  const { fake, gemini } = start({
    kind: "tool-calls",
    chunks: ["Let me ", "look."],
    calls: [
      { name: "get_weather", args: { city: "Bonn" }, id: "g1" },
      { name: "get_weather" },
    ],
    signature: "signed",
  });
  await using _ = fake;
  const { text, parts } = await ask(gemini, { tools: [weather] });
  assertEquals(fake.requests[0]?.body?.tools, [{
    functionDeclarations: [{
      name: "get_weather",
      description: "Tells the weather",
      parametersJsonSchema: weather.parameters,
    }],
  }]);
  assertEquals("toolConfig" in (fake.requests[0]?.body ?? {}), false);
  assertEquals(text, "Let me look.");
  const { calls, metadata } = callsOf(parts);
  assertEquals(calls.map(({ name, arguments: args }) => [name, args]), [
    ["get_weather", { city: "Bonn" }],
    ["get_weather", {}],
  ]);
  assertEquals(calls[0]?.id, "g1");
  assertEquals(metadata, {
    provider: "gemini",
    content: [
      { text: "Let me " },
      { text: "look." },
      {
        functionCall: {
          name: "get_weather",
          args: { city: "Bonn" },
          id: "g1",
        },
        thoughtSignature: "signed",
      },
      { functionCall: { name: "get_weather" } },
      { text: "" },
    ],
  });
});

test("sends the schema of a tool whole, with what only JSON Schema can say", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  const { declaration } = tool({
    name: "book",
    description: "Books a table",
    parameters: z.object({
      guests: z.number().int().positive().describe("How many"),
      day: z.iso.date(),
      floor: z.union([z.literal(1), z.literal(2)]).nullable(),
      place: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("in") }),
        z.object({ kind: z.literal("out"), heated: z.boolean().default(true) }),
      ]),
      tags: z.array(z.string()).min(1),
    }),
    run: () => {},
  });
  await ask(gemini, { tools: [declaration] });
  const { $schema: _schema, ...schema } = declaration.parameters;
  const [{ functionDeclarations } = {}] = fake.requests[0]?.body?.tools ?? [];
  assertEquals(functionDeclarations, [{
    name: "book",
    description: "Books a table",
    parametersJsonSchema: schema,
  }]);
  assertStringIncludes(JSON.stringify(schema), "exclusiveMinimum");
});

test("passes on no raw parts without calls", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  const { parts } = await ask(gemini, { tools: [weather] });
  const last = parts.at(-1);
  assertEquals(last && "providerMetadata" in last, false);
});

test("sends no tools if there are none", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  await ask(gemini, { tools: [], toolChoice: "none" });
  const body = fake.requests[0]?.body ?? {};
  assertEquals(["tools" in body, "toolConfig" in body], [false, false]);
});

test("forbids further calls, and still sends the tools", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  await ask(gemini, { tools: [weather], toolChoice: "none" });
  const body = fake.requests[0]?.body;
  assertEquals(body?.toolConfig, { functionCallingConfig: { mode: "NONE" } });
  // Otherwise the calls in the history would be of undeclared tools.
  assertEquals(body?.tools?.length, 1);
});

test("sends recorded calls back as Google sent them", async () => {
  const url = new URL("../fixtures/gemini/tool_calls.sse", import.meta.url);
  const { fake, gemini } = start({
    kind: "raw",
    bytes: [await Deno.readFile(url)],
  });
  await using _ = fake;
  const { calls, metadata } = callsOf((await ask(gemini)).parts);
  assertEquals(calls.map(({ id }) => id), ["q3v8zk1d", "x7w2mfb4"]);
  const content = metadata?.content as GeminiPart[];
  assertEquals(content[0]?.thoughtSignature?.slice(0, 12), "ErQB+Q9I8Dwo");
  assertEquals(content.length, 3);
});

test("calls a tool and answers with its result, on every generation", async () => {
  for (const model of ["gemini-2.5-flash-lite", "gemini-3.8-flash"]) {
    const { fake, options } = start(
      {
        kind: "tool-calls",
        chunks: ["Let me look. "],
        calls: [
          { name: "get_weather", args: { city: "Bonn" }, id: "g1" },
          { name: "get_weather", args: { town: "Köln" } },
        ],
        signature: "signed",
      },
      { kind: "text", chunks: ["It is sunny."] },
    );
    await using _ = fake;
    const gemini = vendor.create({ ...options, model }, CONTEXT);
    assertEquals(await talkOfWeather(gemini), "Let me look. It is sunny.");
    assertEquals(fake.requests.length, 2);
    const contents = fake.requests[1]?.body?.contents ?? [];
    assertEquals(contents.map(({ role }) => role), ["user", "model", "user"]);
    assertEquals(contents[1]?.parts?.map(({ functionCall }) => functionCall), [
      undefined,
      { name: "get_weather", args: { city: "Bonn" }, id: "g1" },
      { name: "get_weather", args: { town: "Köln" } },
      undefined,
    ]);
    assertEquals(contents[1]?.parts?.[1]?.thoughtSignature, "signed");
    const [first, second] = contents[2]?.parts ?? [];
    assertEquals(first?.functionResponse, {
      name: "get_weather",
      response: { result: "Sunny in Bonn" },
      id: "g1",
    });
    const { response, id } = second?.functionResponse ?? {};
    assertStringIncludes(JSON.stringify(response), "city");
    assertEquals(id, undefined);
  }
});

test("continues a turn in which another model called tools", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Sunny."] });
  await using _ = fake;
  const messages: Message[] = [
    { role: "user", text: "The weather?" },
    {
      role: "assistant",
      text: "",
      calls: [{ id: "call_1", name: "get_weather", arguments: {} }],
    },
    { role: "tool", callId: "call_1", name: "get_weather", text: '"Sunny"' },
  ];
  // The stand-in, like Google, refuses a call without a signature.
  assertEquals((await ask(gemini, { messages })).text, "Sunny.");
});

/** Returns the thinking field of a request. */
async function thinkingOf(
  model: string,
  thinking: Thinking,
): Promise<unknown> {
  const fake = startFakeGemini([{ kind: "text", chunks: ["Hi"] }], {
    models: [model],
  });
  await using _ = fake;
  await ask(
    vendor.create({ apiKey: "test-key", model, baseUrl: fake.url }, {
      ...CONTEXT,
      thinking,
    }),
  );
  return fake.requests[0]?.body?.generationConfig?.thinkingConfig;
}

test("says how much to think, in the field of the model's generation", async () => {
  const table: [string, Thinking, unknown][] = [
    ["gemini-2.5-flash", "off", { thinkingBudget: 0 }],
    ["gemini-2.5-flash-lite", "low", { thinkingBudget: 1024 }],
    ["gemini-2.5-pro", "off", { thinkingBudget: 128 }],
    ["gemini-3.5-flash-lite", "off", { thinkingLevel: "minimal" }],
    ["gemini-3.8-flash", "medium", { thinkingLevel: "medium" }],
    ["gemini-3.1-pro-preview", "off", { thinkingLevel: "low" }],
    ["gemini-flash-latest", "high", { thinkingLevel: "high" }],
  ];
  for (const [model, thinking, expected] of table) {
    assertEquals(await thinkingOf(model, thinking), expected, model);
  }
});

test("warns of the models that Google shuts down, and of no other", async () => {
  const { fake, options } = start();
  await using _ = fake;
  const endOf = (model: string) => {
    const [warning] = vendor.create({ ...options, model }, CONTEXT).warnings ??
      [];
    return /for ([\d-]+)$/.exec(warning?.detail ?? "")?.[1];
  };
  const table: Record<string, string | undefined> = {
    "gemini-1.5-pro": "2025",
    "gemini-2.0-flash-lite-001": "2026-06-01",
    "gemini-2.5-pro": "2026-12-01",
    "gemini-2.5-flash": "2026-12-01",
    "gemini-2.5-flash-lite": undefined,
    "gemini-2.5-pro-preview-06-05": "2025-12-02",
    "gemini-2.5-flash-preview-09-2025": "2026-02-17",
    "gemini-3-pro-preview": "2026-03-09",
    "gemini-3.1-flash-lite-preview": "2026-05-25",
    "gemini-3.1-flash-lite": "2027-05-07",
    "gemini-3.1-pro-preview": undefined,
    [model]: undefined,
    "gemini-flash-latest": undefined,
  };
  for (const [model, end] of Object.entries(table)) {
    assertEquals(endOf(model), end, model);
  }
});

const REFUSAL: GeminiAnswer = {
  kind: "status",
  status: 400,
  message: "Thinking level MINIMAL is not supported for this model.",
};

test("retries without the thinking field if the model refuses it, and remembers that", async () => {
  const { fake, gemini } = start(
    REFUSAL,
    { kind: "text", chunks: ["One."] },
    { kind: "text", chunks: ["Two."] },
  );
  await using _ = fake;
  assertEquals((await ask(gemini)).text, "One.");
  assertEquals((await ask(gemini)).text, "Two.");
  assertEquals(
    fake.requests.map(({ body }) => body?.generationConfig?.thinkingConfig),
    [{ thinkingLevel: "minimal" }, undefined, undefined],
  );
  // The rest of the question is the same.
  assertEquals(fake.requests[1]?.body, {
    ...fake.requests[0]?.body,
    generationConfig: {},
  });
});

test("retries at most once without the thinking field", async () => {
  const { fake, gemini } = start(REFUSAL, REFUSAL, REFUSAL);
  await using _ = fake;
  const { error } = await askInVain(gemini);
  assertEquals(error.status, 400);
  assertEquals(fake.requests.length, 2);
});

for (
  const [what, answer] of [
    ["of another 400", { kind: "status", status: 400 }],
    [
      "of a 400 about a signature",
      {
        kind: "status",
        status: 400,
        message: "Function call is missing a thought_signature.",
      },
    ],
    [
      "of another status that names thinking",
      { kind: "status", status: 503, message: "No room for thinking." },
    ],
  ] as const
) {
  test(`doesn't retry because ${what}`, async () => {
    const { fake, gemini } = start(answer, { kind: "text", chunks: ["Hi"] });
    await using _ = fake;
    await askInVain(gemini);
    assertEquals(fake.requests.length, 1);
  });
}

test("fails when it stops early after a call", async () => {
  const call = JSON.stringify({
    candidates: [{
      content: { parts: [{ functionCall: { name: "x", args: {} } }] },
      finishReason: "MALFORMED_FUNCTION_CALL",
    }],
  });
  const { fake, gemini } = start({
    kind: "raw",
    bytes: [new TextEncoder().encode(`data: ${call}\r\n\r\n`)],
  });
  await using _ = fake;
  const { error } = await askInVain(gemini);
  assertStringIncludes(error.message, "MALFORMED_FUNCTION_CALL");
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
    says: "429",
    status: 429,
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
    what: "an error inside the stream",
    answer: { kind: "error-chunk", chunks: ["Well, "], status: 503 },
    text: "Well, ",
    says: "503",
    status: 503,
    retryable: true,
  },
  {
    what: "a body that ends in mid-line",
    answer: { kind: "unfinished", chunks: ["Well, "], midLine: true },
    says: "broke off",
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

test("fails its check with a wrong key or an unknown model", async () => {
  const { fake, options } = start();
  await using _ = fake;
  const { signal } = new AbortController();
  for (const wrong of [{ apiKey: "wrong" }, { model: "gemini-0" }]) {
    const gemini = vendor.create({ ...options, ...wrong }, CONTEXT);
    await assertRejects(() => gemini.check(signal), ProviderError);
  }
});

test("sends the most tokens of an answer, thoughts added", async () => {
  const answers = Array<GeminiAnswer>(5).fill({ kind: "text", chunks: ["Hi"] });
  const { fake, options } = start(...answers);
  await using _ = fake;
  const cases = [
    ["gemini-2.5-flash-lite", "off", 2_048],
    ["gemini-2.5-flash-lite", "low", 2_048],
    ["gemini-3.5-flash-lite", "off", 2_048],
    ["gemini-3.5-flash-lite", "medium", 9_216],
  ] as const;
  for (const [model, thinking, expected] of cases) {
    const gemini = vendor.create({ ...options, model }, {
      ...CONTEXT,
      thinking,
    });
    await ask(gemini, { maxTokens: 1_024 });
    const { generationConfig } = fake.requests.at(-1)?.body ?? {};
    assertEquals(generationConfig?.maxOutputTokens, expected);
  }
});

test("leaves room for a lot of thoughts where the model refuses the thinking field", async () => {
  for (const thinking of ["off", "low"] as const) {
    const { fake, options } = start(REFUSAL, { kind: "text", chunks: ["Hi"] });
    await using _ = fake;
    const gemini = vendor.create(options, { ...CONTEXT, thinking });
    await ask(gemini, { maxTokens: 1_024 });
    const { generationConfig } = fake.requests.at(-1)?.body ?? {};
    assertEquals(generationConfig, { maxOutputTokens: 9_216 });
  }
});

test("takes the time of a retry from the error's body rather than from its header", async () => {
  const { fake, gemini } = start(
    { kind: "status", status: 429, retryDelay: "1.5s", retryAfter: "7" },
  );
  await using _ = fake;
  assertEquals((await askInVain(gemini)).error.retryAfterMs, 1_500);
});

test("counts cached tokens", async () => {
  const usageMetadata = {
    promptTokenCount: 3_000,
    cachedContentTokenCount: 2_048,
    candidatesTokenCount: 2,
  };
  const chunk = {
    candidates: [{
      content: { parts: [{ text: "Hi" }], role: "model" },
      finishReason: "STOP",
    }],
    usageMetadata,
  };
  const { fake, gemini } = start({
    kind: "raw",
    bytes: [
      new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\r\n\r\n`),
    ],
  });
  await using _ = fake;
  const { parts } = await ask(gemini);
  const last = parts.at(-1);
  assertEquals(last?.type === "finish" && last.usage, {
    inputTokens: 3_000,
    cachedTokens: 2_048,
    outputTokens: 2,
  });
});

test("passes its check before and after an answer", async () => {
  const { fake, gemini } = start({ kind: "text", chunks: ["Hi"] });
  await using _ = fake;
  const { signal } = new AbortController();
  await gemini.check(signal);
  await ask(gemini);
  await gemini.check(signal);
});
