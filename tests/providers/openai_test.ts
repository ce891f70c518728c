import {
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { openai as vendor } from "../../src/providers/openai.ts";
import {
  type Message,
  ProviderError,
  THINKING,
  type Thinking,
} from "../../src/providers/provider.ts";
import { createLog } from "../../src/server/log.ts";
import {
  type FakeOpenAiOptions,
  type OpenAiAnswer,
  type OpenAiRequestBody,
  startFakeOpenAi,
} from "../fakes/openai.ts";
import { ask, askInVain, CONTEXT, CONVERSATION, weather } from "./_ask.ts";
import { serveOn } from "./_diagnose.ts";
import { callsOf, talkOfWeather, testVendor } from "./contract.ts";

const model = "gpt-6-luna";

function start(script: OpenAiAnswer[], options: FakeOpenAiOptions = {}) {
  const fake = startFakeOpenAi(script, options);
  const settings = { baseUrl: `${fake.url}/v1`, apiKey: "test-key", model };
  return { fake, openai: vendor.create(settings, CONTEXT), settings };
}

function test(what: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `openai.create() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

const encode = (text: string) => new TextEncoder().encode(text);

testVendor({
  title: "openai.create()",
  addressEnv: "OPENAI_BASE_URL",
  create: (url) =>
    vendor.create({ baseUrl: `${url}/v1`, apiKey: "test-key", model }, CONTEXT),
  start: (script) => startFakeOpenAi(script),
  fixtures: [
    { path: "openai/text.sse", says: "Grüße aus Köln 👋" },
    {
      path: "openai/tool_calls.sse",
      calls: [
        { name: "get_weather", arguments: { city: "München" } },
        { name: "get_time", arguments: { zone: "Asia/Tokyo" } },
      ],
    },
  ],
});

test("streams text, and counts tokens, including cached ones", async () => {
  const { fake, openai } = start([{
    kind: "text",
    chunks: ["Hel", "lo"],
    usage: {
      prompt_tokens: 1_300,
      completion_tokens: 2,
      prompt_tokens_details: { cached_tokens: 1_280 },
    },
  }]);
  await using _ = fake;
  const { text, parts } = await ask(openai);
  assertEquals(text, "Hello");
  assertEquals(parts.at(-1), {
    type: "finish",
    usage: { inputTokens: 1_300, cachedTokens: 1_280, outputTokens: 2 },
  });
});

test("sends the key, the system prompt, the welcome, the whole history, and turns thinking off", async () => {
  const { fake, openai } = start([{ kind: "text", chunks: ["Ada"] }]);
  await using _ = fake;
  await ask(openai, { messages: CONVERSATION, maxTokens: 1_024 });
  const [request] = fake.requests;
  assertEquals(request?.headers.get("authorization"), "Bearer test-key");
  assertEquals(request?.body, {
    model,
    messages: [
      { role: "system", content: "Be brief." },
      // Templates of some models refuse a conversation that the assistant begins.
      { role: "user", content: "(The caller joins.)" },
      { role: "assistant", content: "Welcome!" },
      { role: "user", content: "I am Ada." },
      { role: "assistant", content: "Hello Ada." },
      { role: "user", content: "Who am I?" },
    ],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 1_024,
    reasoning_effort: "none",
  });
});

test("sends no key if none is set, as to a local server", async () => {
  const { fake } = start([{ kind: "text", chunks: ["Hi"] }], {
    apiKey: undefined,
  });
  await using _ = fake;
  const baseUrl = `${fake.url}/v1`;
  const openai = vendor.create({ baseUrl, model }, CONTEXT);
  assertEquals((await ask(openai)).text, "Hi");
  assertEquals(fake.requests[0]?.headers.has("authorization"), false);
});

test("names the server's models if it doesn't know the one that is set", async () => {
  const models = [{ id: "qwen3-4b" }, { id: "text-embedding-nomic" }];
  const { fake, openai } = start([], { models });
  await using _ = fake;
  const { error } = await askInVain(openai);
  assertEquals(
    error.message,
    "openai answered with status 404; set OPENAI_MODEL to one of its models " +
      "(qwen3-4b), and check OPENAI_BASE_URL, which mostly ends in /v1",
  );
  assertEquals([error.status, error.retryable], [404, false]);
  assertStringIncludes(String(error.cause), "`gpt-6-luna` does not exist");
});

test("asks for no list of models after an error that may pass", async () => {
  const message = "The model runner has unexpectedly stopped";
  const paths: string[] = [];
  await using server = serveOn(({ url }) => {
    paths.push(new URL(url).pathname);
    return url.endsWith("/models")
      ? Response.json({ data: [{ id: "other" }] })
      : Response.json({ error: { message } }, { status: 500 });
  });
  const settings = { baseUrl: server.url, apiKey: "test-key", model };
  const { error } = await askInVain(vendor.create(settings, CONTEXT));
  assertEquals([error.fix, error.cause], ["try again later", message]);
  assertEquals(paths, ["/chat/completions"]);
});

test("tells of an unknown model soon, even if no list of models comes", async () => {
  const message = "The model does not exist";
  await using server = serveOn(({ url }) =>
    url.endsWith("/models")
      ? new Promise<Response>(() => {})
      : Response.json({ error: { message } }, { status: 404 })
  );
  const settings = { baseUrl: server.url, apiKey: "test-key", model };
  const openai = vendor.create(settings, CONTEXT);
  const signal = AbortSignal.timeout(9_000);
  const error = await assertRejects(() => ask(openai, { signal }));
  assertInstanceOf(error, ProviderError);
  assertEquals([error.status, error.cause], [404, message]);
});

test("never speaks a thought, and adds tokens for thoughts once there were some", async () => {
  for (const field of ["reasoning_content", "reasoning"] as const) {
    const { fake, openai } = start([
      { kind: "thought", thoughts: ["Hm."], chunks: ["Good ", "day."], field },
      { kind: "text", chunks: ["Hi"] },
    ]);
    await using _ = fake;
    const { text, parts } = await ask(openai, { maxTokens: 100 });
    assertEquals(text, "Good day.");
    assertEquals(parts.length, 3);
    await ask(openai, { maxTokens: 100 });
    const limits = fake.requests.map(({ body }) => body?.max_tokens);
    assertEquals(limits, [100, 8_292]);
  }
});

test("never adds fewer tokens for thoughts if LLM_THINKING is higher", async () => {
  const limits: (number | undefined)[] = [];
  for (const thinking of THINKING) {
    const { fake, settings } = start([
      { kind: "thought", thoughts: ["Hm."], chunks: ["Good day."] },
      { kind: "text", chunks: ["Hi"] },
    ]);
    await using _ = fake;
    const openai = vendor.create(settings, { ...CONTEXT, thinking });
    for (let n = 0; n < 2; n++) await ask(openai, { maxTokens: 100 });
    limits.push(fake.requests[1]?.body?.max_tokens);
  }
  assertEquals(limits, [8_292, 8_292, 8_292, 24_676]);
});

test("lets go of a server that doesn't end its answer", async () => {
  const left = Promise.withResolvers<void>();
  await using server = serveOn(() =>
    new Response(
      new ReadableStream({
        start(body) {
          const event = { choices: [{ delta: { content: "Hi" } }] };
          body.enqueue(encode(`data: ${JSON.stringify(event)}\n\n`));
          body.enqueue(encode("data: [DONE]\n\n"));
        },
        cancel: () => left.resolve(),
      }),
    )
  );
  const settings = { baseUrl: server.url, apiKey: "test-key", model };
  assertEquals((await ask(vendor.create(settings, CONTEXT))).text, "Hi");
  await left.promise;
});

test("merges text that arrives at once into one part", async () => {
  const url = new URL("../fixtures/openai/text.sse", import.meta.url);
  const { fake, openai } = start([
    { kind: "raw", bytes: [await Deno.readFile(url)] },
  ]);
  await using _ = fake;
  const { parts } = await ask(openai);
  assertEquals(parts.map(({ type }) => type), ["text-delta", "finish"]);
});

test("sends the tools, and passes on the model's calls", async () => {
  const { fake, openai } = start([{
    kind: "tool-calls",
    chunks: ["Let me ", "look."],
    calls: [
      { id: "c1", name: "get_weather", arguments: '{"city":"Bonn"}' },
      { name: "get_weather", arguments: "" },
      { name: "get_weather", arguments: '{"city":' },
    ],
  }]);
  await using _ = fake;
  const { text, parts } = await ask(openai, { tools: [weather] });
  const { tools } = fake.requests[0]?.body ?? {};
  assertEquals(tools, [{ type: "function", function: weather }]);
  assertEquals(text, "Let me look.");
  const calls = callsOf(parts);
  assertEquals(calls.map(({ name, arguments: args }) => [name, args]), [
    ["get_weather", { city: "Bonn" }],
    ["get_weather", {}],
    // The tool refuses it, and the model gets the error.
    ["get_weather", '{"city":'],
  ]);
  assertEquals(calls[0]?.id, "c1");
  assertEquals(new Set(calls.map(({ id }) => id)).size, 3);
});

test("separates calls if a server gives all of them the same index", async () => {
  const call = (id: string, city: string) => ({
    index: 0,
    id,
    function: { name: "get_weather", arguments: JSON.stringify({ city }) },
  });
  const body = [
    {
      choices: [{
        delta: { tool_calls: [call("a", "Bonn"), call("b", "Köln")] },
        finish_reason: "tool_calls",
      }],
    },
  ].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
  // There is no end of the answer, either.
  const { fake, openai } = start([{ kind: "raw", bytes: [encode(body)] }]);
  await using _ = fake;
  const { parts } = await ask(openai);
  assertEquals(callsOf(parts).map(({ id, arguments: args }) => [id, args]), [
    ["a", { city: "Bonn" }],
    ["b", { city: "Köln" }],
  ]);
});

test("calls a tool and answers with its result", async () => {
  const { fake, openai } = start([
    {
      kind: "tool-calls",
      calls: [
        { id: "c1", name: "get_weather", arguments: '{"city":"Bonn"}' },
        { id: "c2", name: "get_weather", arguments: '{"town":"Köln"}' },
      ],
    },
    { kind: "text", chunks: ["It is sunny."] },
  ]);
  await using _ = fake;
  assertEquals(await talkOfWeather(openai), "It is sunny.");
  const sent = fake.requests[1]?.body?.messages ?? [];
  assertEquals(sent[2], {
    role: "assistant",
    content: null,
    tool_calls: [
      {
        id: "c1",
        type: "function",
        function: { name: "get_weather", arguments: '{"city":"Bonn"}' },
      },
      {
        id: "c2",
        type: "function",
        function: { name: "get_weather", arguments: '{"town":"Köln"}' },
      },
    ],
  });
  assertEquals(sent[3], {
    role: "tool",
    content: '"Sunny in Bonn"',
    tool_call_id: "c1",
  });
  assertStringIncludes(sent[4]?.content ?? "", "city");
});

test("continues a turn in which another model called tools", async () => {
  const { fake, openai } = start([{ kind: "text", chunks: ["Sunny."] }]);
  await using _ = fake;
  // As Parley makes them for other providers: one character more than OpenAI takes.
  const id = `call_${crypto.randomUUID()}`;
  const messages: Message[] = [
    { role: "user", text: "The weather?" },
    {
      role: "assistant",
      text: "",
      calls: [{ id, name: "get_weather", arguments: {} }],
      providerMetadata: { provider: "gemini", content: [] },
    },
    { role: "tool", callId: id, name: "get_weather", text: '"Sunny"' },
  ];
  assertEquals((await ask(openai, { messages })).text, "Sunny.");
});

test("forbids further calls, and still sends the tools", async () => {
  const { fake, openai } = start([{ kind: "text", chunks: ["Hi"] }]);
  await using _ = fake;
  await ask(openai, { tools: [weather], toolChoice: "none" });
  const { tools, tool_choice } = fake.requests[0]?.body ?? {};
  assertEquals([tools?.length, tool_choice], [1, "none"]);
});

test("drops a call that was forbidden, and fails if nothing else came", async () => {
  const { fake, openai } = start([
    { kind: "tool-calls", calls: [{ name: "get_weather", arguments: "{}" }] },
  ]);
  await using _ = fake;
  await assertRejects(
    () => ask(openai, { tools: [weather], toolChoice: "none" }),
    ProviderError,
    "empty",
  );
});

/** The refusals of servers, and the retry after each. */
const REFUSALS: {
  what: string;
  thinking?: Thinking;
  refuses: NonNullable<FakeOpenAiOptions["refuses"]>;
  then: Partial<OpenAiRequestBody>;
  warns?: boolean;
}[] = [
  {
    what: "a model that knows no effort",
    refuses: ({ reasoning_effort }) =>
      reasoning_effort &&
      "Unrecognized request argument supplied: reasoning_effort",
    then: { max_tokens: 100 },
  },
  {
    what: "a model that can't do without thinking",
    refuses: ({ reasoning_effort }) =>
      reasoning_effort === "none"
        ? "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: 'minimal', 'low', 'medium', and 'high'."
        : undefined,
    then: { reasoning_effort: "minimal", max_tokens: 8_292 },
  },
  {
    what: "a model that takes tools only when it doesn't think",
    thinking: "medium",
    refuses: ({ reasoning_effort, tools }) =>
      tools && reasoning_effort !== "none"
        ? "Function tools with reasoning_effort are not supported for gpt-6-luna in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        : undefined,
    then: { reasoning_effort: "none" },
  },
  {
    what: "a server that calls the limit by another name",
    refuses: ({ max_tokens }) =>
      max_tokens === undefined
        ? undefined
        : "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    then: { reasoning_effort: "none" },
  },
  {
    what: "a window that is too small for the limit",
    refuses: ({ max_tokens }) =>
      max_tokens === undefined
        ? undefined
        : "This model's maximum context length is 4096 tokens. However, you requested 5120 tokens (3072 in the messages, 2048 in the completion).",
    then: { reasoning_effort: "none" },
  },
  {
    what: "a server that counts no tokens",
    refuses: ({ stream_options }) =>
      stream_options && "Extra inputs are not permitted: stream_options",
    then: { max_tokens: 100, reasoning_effort: "none" },
  },
  {
    what: "a model that can't call tools",
    refuses: ({ tools }) =>
      tools && "registry.ollama.ai/library/gemma3:1b does not support tools",
    then: { max_tokens: 100, reasoning_effort: "none" },
    warns: true,
  },
];

for (const { what, thinking = "off", refuses, then, warns } of REFUSALS) {
  test(`retries without the refused field, and remembers: ${what}`, async () => {
    const answers: OpenAiAnswer[] = [
      { kind: "text", chunks: ["One."] },
      { kind: "text", chunks: ["Two."] },
    ];
    const { fake, settings } = start(answers, { refuses });
    await using _ = fake;
    const lines: string[] = [];
    const log = createLog({
      level: "info",
      format: "json",
      write: (_, line) => lines.push(line),
    });
    const openai = vendor.create(settings, { ...CONTEXT, thinking, log });
    const fields = { maxTokens: 100, tools: [weather] };
    assertEquals((await ask(openai, fields)).text, "One.");
    assertEquals((await ask(openai, fields)).text, "Two.");
    assertEquals(fake.requests.length, 3);
    const { body } = fake.requests[2] ?? {};
    for (const [name, value] of Object.entries(then)) {
      assertEquals(body?.[name as keyof OpenAiRequestBody], value, name);
    }
    // What was refused isn't sent again.
    assertEquals(refuses(body ?? {}), undefined);
    if (!("reasoning_effort" in then)) {
      assertEquals("reasoning_effort" in (body ?? {}), false);
    }
    assertEquals(lines.map((line) => JSON.parse(line).event), [
      ...(warns ? ["openai.no_tools"] : []),
    ]);
    assertEquals("tools" in (body ?? {}), !warns);
  });
}

test("adapts to a refusal once, even if concurrent requests are refused, too", async () => {
  const fake = startFakeOpenAi(() => ({ kind: "text", chunks: ["Hi"] }), {
    refuses: ({ max_tokens }) =>
      max_tokens === undefined
        ? undefined
        : "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
  });
  await using _ = fake;
  const settings = { baseUrl: `${fake.url}/v1`, apiKey: "test-key", model };
  const openai = vendor.create(settings, CONTEXT);
  const asked = Array.from({ length: 9 }, () => ask(openai, { maxTokens: 9 }));
  for (const { text } of await Promise.all(asked)) assertEquals(text, "Hi");
  assertEquals(fake.requests.length, 18);
});

test("still sends tools after the parameters of one were refused", async () => {
  const { fake, openai } = start([{ kind: "text", chunks: ["One."] }], {
    refuses: ({ tools = [] }) =>
      tools.some((tool) => tool.function.name === "a-tool")
        ? "Invalid schema for function 'a-tool': In context=('properties', 'x'), 'uri' is not supported."
        : undefined,
  });
  await using _ = fake;
  const other = { ...weather, name: "a-tool" };
  await assertRejects(
    () => ask(openai, { tools: [weather, other] }),
    ProviderError,
  );
  await ask(openai, { tools: [weather] });
  assertEquals(fake.requests.at(-1)?.body?.tools?.length, 1);
});

test("retries only a few times after refusals", async () => {
  const { fake, openai } = start([], {
    refuses: () =>
      "Unsupported parameter: 'max_tokens' or max_completion_tokens",
  });
  await using _ = fake;
  const { error } = await askInVain(openai);
  assertEquals(error.status, 400);
  assertLess(fake.requests.length, 8);
});

const FAILURES: {
  what: string;
  answer: OpenAiAnswer;
  text?: string;
  says: string;
  status?: number;
  retryable: boolean;
}[] = [
  {
    what: "a forbidden key (403)",
    answer: { kind: "status", status: 403 },
    says: "OPENAI_API_KEY",
    status: 403,
    retryable: false,
  },
  {
    what: "a rate limit (429)",
    answer: { kind: "status", status: 429 },
    says: "429",
    status: 429,
    retryable: true,
  },
  {
    what: "an account without credit (429)",
    answer: { kind: "status", status: 429, code: "insufficient_quota" },
    says: "OPENAI_API_KEY",
    status: 429,
    retryable: false,
  },
  {
    what: "an answer that the filter stops",
    answer: { kind: "filtered", chunks: ["Well, "] },
    text: "Well, ",
    says: "filter",
    retryable: false,
  },
  {
    what: "an error inside the stream",
    answer: { kind: "error-chunk", chunks: ["Well, "], code: 503 },
    text: "Well, ",
    says: "mid-answer",
    status: 503,
    retryable: true,
  },
  {
    what: "an answer that is no JSON",
    answer: { kind: "raw", bytes: [encode("data: <html>\n\n")] },
    says: "read",
    retryable: true,
  },
];

for (const { what, answer, text, says, status, retryable } of FAILURES) {
  test(`fails on ${what}`, async () => {
    const { fake, openai } = start([answer]);
    await using _ = fake;
    const failed = await askInVain(openai);
    if (text !== undefined) assertEquals(failed.text, text);
    assertStringIncludes(failed.error.message, says);
    assertEquals(failed.error.status, status);
    assertEquals(failed.error.retryable, retryable);
    assertEquals(failed.error.message.includes("test-key"), false);
  });
}

test("fails on an unknown model, a wrong key and a wrong address, and says what to check", async () => {
  const { fake, settings } = start([]);
  await using _ = fake;
  const wrongs = [
    [{ model: "gpt-0" }, 404, "OPENAI_MODEL"],
    [{ apiKey: "wrong" }, 401, "OPENAI_API_KEY"],
    [{ baseUrl: fake.url }, 404, "OPENAI_BASE_URL"],
  ] as const;
  for (const [wrong, status, says] of wrongs) {
    const openai = vendor.create({ ...settings, ...wrong }, CONTEXT);
    const { error } = await askInVain(openai);
    assertEquals([error.status, error.retryable], [status, false]);
    assertStringIncludes(error.message, says);
  }
});

test("fails its check with a wrong key", async () => {
  const { fake, settings } = start([]);
  await using _ = fake;
  const { signal } = new AbortController();
  const wrong = vendor.create({ ...settings, apiKey: "wrong" }, CONTEXT);
  await assertRejects(() => wrong.check(signal), ProviderError, "401");
});
