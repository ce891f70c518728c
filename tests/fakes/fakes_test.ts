/**
 * Checks that the vendors' own SDKs work with the stand-ins as with the vendors.
 * The providers' tests cover the outcome of each fault that the stand-ins play.
 *
 * The fixtures were written by hand in the vendors' wire format, not recorded.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type EnhancedGenerateContentResponse,
  GoogleGenerativeAI,
  GoogleGenerativeAIError,
  GoogleGenerativeAIFetchError,
} from "@google/generative-ai";
import {
  type AbortableAsyncIterator,
  type ChatRequest,
  type ChatResponse,
  Ollama,
} from "ollama";
import {
  type GeminiAnswer,
  type GeminiPart,
  type GeminiRequestBody,
  splitAt,
  startFakeGemini,
} from "./gemini.ts";
import { type OllamaAnswer, startFakeOllama } from "./ollama.ts";

const HELLO = { contents: [{ role: "user", parts: [{ text: "Hello" }] }] };

/** Runs a test with the sanitizers, which are off by default since Deno 2.8, so that a stand-in that leaks is found. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
}

function fixture(path: string): Promise<Uint8Array> {
  return Deno.readFile(new URL(`../fixtures/${path}`, import.meta.url));
}

function askGemini(
  url: string,
  { signal, model = "gemini-2.5-flash-lite", key = "test-key", body = HELLO }: {
    signal?: AbortSignal;
    model?: string;
    key?: string;
    body?: GeminiRequestBody;
  } = {},
): ReturnType<
  ReturnType<GoogleGenerativeAI["getGenerativeModel"]>["generateContentStream"]
> {
  return new GoogleGenerativeAI(key)
    .getGenerativeModel({ model }, { baseUrl: url })
    .generateContentStream(body as typeof HELLO, signal ? { signal } : {});
}

/** All that the SDK yields until the stream ends or fails. */
async function readGemini(
  url: string,
  options?: Parameters<typeof askGemini>[1],
): Promise<{ chunks: EnhancedGenerateContentResponse[]; error: unknown }> {
  const chunks: EnhancedGenerateContentResponse[] = [];
  try {
    const { stream, response } = await askGemini(url, options);
    response.catch(() => {}); // fails with the stream; unhandled, it would end the process
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return { chunks, error };
  }
  return { chunks, error: undefined };
}

/** What the SDK yields for one scripted answer. */
async function geminiSays(answer: GeminiAnswer): ReturnType<typeof readGemini> {
  await using gemini = startFakeGemini([answer]);
  return await readGemini(gemini.url);
}

function parts(chunks: EnhancedGenerateContentResponse[]): GeminiPart[] {
  // The SDK's types have no thoughts and no signatures.
  return chunks.flatMap((chunk) =>
    chunk.candidates?.[0]?.content?.parts ?? []
  ) as GeminiPart[];
}

function texts(chunks: EnhancedGenerateContentResponse[]): string[] {
  return parts(chunks).map(({ text = "" }) => text);
}

function lastReason(
  chunks: EnhancedGenerateContentResponse[],
): string | undefined {
  return chunks.at(-1)?.candidates?.[0]?.finishReason;
}

function askOllama(
  url: string,
  request: Partial<ChatRequest>,
  via: typeof fetch,
): Promise<AbortableAsyncIterator<ChatResponse>> {
  return new Ollama({ host: url, fetch: via }).chat({
    model: "llama3.2:3b",
    messages: [{ role: "user", content: "Hello" }],
    ...request,
    stream: true,
  });
}

/** All that the SDK yields until the stream ends or fails. */
async function readOllama(
  url: string,
  request: Partial<ChatRequest> = {},
): Promise<{ lines: ChatResponse[]; error: unknown }> {
  const lines: ChatResponse[] = [];
  let drained: Promise<void> | undefined;
  // The SDK stops reading at the last line and leaves the end of the body in the
  // connection, which is a leak to the sanitizers. Aborting then would not help: if
  // the end has arrived meanwhile, the body stays open anyway.
  const draining: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const all = new CountQueuingStrategy({ highWaterMark: Infinity });
    const { readable, writable } = new TransformStream({}, undefined, all);
    drained = response.body?.pipeTo(writable);
    drained?.catch(() => {}); // the SDK gets the error as well, through `readable`
    return new Response(readable, response);
  };
  try {
    for await (const line of await askOllama(url, request, draining)) {
      lines.push(line);
    }
  } catch (error) {
    return { lines, error };
  } finally {
    await drained?.catch(() => {});
  }
  return { lines, error: undefined };
}

async function ollamaSays(answer: OllamaAnswer): ReturnType<typeof readOllama> {
  await using ollama = startFakeOllama([answer]);
  return await readOllama(ollama.url);
}

function contents(lines: ChatResponse[]): string[] {
  return lines.map(({ message }) => message.content);
}

// --- Gemini: answers ---------------------------------------------------------

test("startFakeGemini() streams text chunk by chunk and records the request", async () => {
  await using gemini = startFakeGemini([{
    kind: "text",
    chunks: ["Grüß ", "dich 👋"],
  }]);
  const { chunks, error } = await readGemini(gemini.url);
  assertEquals(error, undefined);
  assertEquals(texts(chunks), ["Grüß ", "dich 👋"]);
  assertEquals(chunks.map((chunk) => chunk.text()), ["Grüß ", "dich 👋"]);
  assertEquals(lastReason(chunks), "STOP");
  assert((chunks.at(-1)?.usageMetadata?.totalTokenCount ?? 0) > 0);

  const [request] = gemini.requests;
  assert(request);
  assertEquals(request.method, "POST");
  assertEquals(
    request.path,
    "/v1beta/models/gemini-2.5-flash-lite:streamGenerateContent",
  );
  assertEquals(request.query.get("alt"), "sse");
  assertEquals(request.headers.get("x-goog-api-key"), "test-key");
  assertEquals(request.body?.contents, HELLO.contents);
  assertEquals(await request.ended, "finished");
  assertEquals(await request.finished, request.endedAt);
});

test("startFakeGemini() writes events as Google does", async () => {
  await using gemini = startFakeGemini([{ kind: "text", chunks: ["a <b>"] }]);
  const response = await fetch(
    `${gemini.url}/v1beta/models/gemini-2.5-flash-lite:streamGenerateContent?alt=sse`,
    {
      method: "POST",
      headers: {
        "x-goog-api-key": "test-key",
        "content-type": "application/json",
      },
      body: JSON.stringify(HELLO),
    },
  );
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const body = await response.text();
  assert(
    body.startsWith(
      'data: {"candidates": [{"content": {"parts": [{"text": "a \\u003cb\\u003e"}],"role": "model"},' +
        '"finishReason": "STOP","index": 0}],"usageMetadata": {"promptTokenCount": ',
    ),
    body,
  );
  assert(
    /"modelVersion": "gemini-2.5-flash-lite","responseId": "\w+"}\r\n\r\n$/
      .test(body),
    body,
  );
});

test("startFakeGemini() sends thoughts as parts that the SDK's text() would speak", async () => {
  const { chunks } = await geminiSays({
    kind: "thought",
    thoughts: ["Hm. "],
    chunks: ["Yes."],
  });
  assertEquals(
    parts(chunks).map(({ thought = false, text }) => [thought, text]),
    [
      [true, "Hm. "],
      [false, "Yes."],
      [false, ""],
    ],
  );
  assertEquals(chunks[0]?.text(), "Hm. ");
  assert(parts(chunks).at(-1)?.thoughtSignature);
});

// --- Gemini: faults ----------------------------------------------------------

test("startFakeGemini() answers error statuses in Google's format", async () => {
  for (
    const [status, name] of [[400, "INVALID"], [403, "permission"], [
      500,
      "Internal",
    ], [503, "demand"]] as const
  ) {
    const { error } = await geminiSays({ kind: "status", status });
    assertInstanceOf(error, GoogleGenerativeAIFetchError);
    assertEquals(error.status, status);
    assertStringIncludes(error.message.toLowerCase(), name.toLowerCase());
  }
  const { error } = await geminiSays({
    kind: "status",
    status: 502,
    body: "<html>Bad Gateway</html>",
  });
  assertInstanceOf(error, GoogleGenerativeAIFetchError);
  assertEquals([error.status, error.statusText, error.errorDetails], [
    502,
    "Bad Gateway",
    undefined,
  ]);
});

test("startFakeGemini() says when to try again with a 429", async () => {
  const { error } = await geminiSays({
    kind: "status",
    status: 429,
    retryDelay: "23s",
  });
  assertInstanceOf(error, GoogleGenerativeAIFetchError);
  assertEquals(error.statusText, "Too Many Requests");
  assertEquals(
    error.errorDetails?.find((detail) =>
      detail["@type"] === "type.googleapis.com/google.rpc.RetryInfo"
    ),
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "23s" },
  );
});

// --- Gemini: requests it refuses without the script --------------------------

test("startFakeGemini() refuses a wrong key, a missing one and an unknown model", async () => {
  await using gemini = startFakeGemini([{ kind: "text", chunks: ["ok"] }]);
  const wrong = await readGemini(gemini.url, { key: "wrong" });
  assertInstanceOf(wrong.error, GoogleGenerativeAIFetchError);
  assertEquals(wrong.error.status, 400);
  assertEquals(wrong.error.errorDetails?.[0]?.reason, "API_KEY_INVALID");

  const { error: keyless } = await readGemini(gemini.url, { key: "" });
  assertInstanceOf(keyless, GoogleGenerativeAIFetchError);
  assertEquals(keyless.status, 403);

  const { error: unknown } = await readGemini(gemini.url, {
    model: "gemini-1.5-flash",
  });
  assertInstanceOf(unknown, GoogleGenerativeAIFetchError);
  assertEquals(unknown.status, 404);
  assertStringIncludes(
    unknown.message,
    "models/gemini-1.5-flash is not found for API version v1beta, or is not supported for generateContent",
  );

  // None of the three requests has used an answer of the script.
  assertEquals(texts((await readGemini(gemini.url)).chunks), ["ok"]);
});

test("startFakeGemini() describes a model", async () => {
  await using gemini = startFakeGemini([]);
  const ask = (model: string, key = "test-key") =>
    fetch(`${gemini.url}/v1beta/models/${model}`, {
      headers: { "x-goog-api-key": key },
    });
  const response = await ask("gemini-3.5-flash-lite");
  assertEquals(response.status, 200);
  assertObjectMatch(await response.json(), {
    name: "models/gemini-3.5-flash-lite",
    displayName: "Gemini 3.5 Flash-Lite",
    inputTokenLimit: 1048576,
  });
  for (
    const [status, asked] of [[404, ask("gemini-0")], [
      400,
      ask("gemini-0", "wrong"),
    ]] as const
  ) {
    const refused = await asked;
    assertEquals(refused.status, status);
    assertObjectMatch(await refused.json(), { error: { code: status } });
  }
});

test("startFakeGemini() refuses what Google refuses before it asks the model", async () => {
  const call = { functionCall: { name: "hang_up", args: {} } };
  const round = (part: GeminiPart): GeminiRequestBody => ({
    contents: [
      ...HELLO.contents,
      { role: "model", parts: [part] },
      {
        role: "user",
        parts: [{ functionResponse: { name: "hang_up", response: {} } }],
      },
    ],
  });
  const thinking = (thinkingConfig: Record<string, unknown>) => ({
    ...HELLO,
    generationConfig: { thinkingConfig },
  });
  const refused: [string, GeminiRequestBody, string][] = [
    ["gemini-3.5-flash-lite", { contents: [] }, "contents is not specified"],
    [
      "gemini-3.5-flash-lite",
      thinking({ thinkingLevel: "low", thinkingBudget: 0 }),
      "only one of",
    ],
    [
      "gemini-2.5-flash-lite",
      thinking({ thinkingLevel: "low" }),
      "not supported for this model",
    ],
    ["gemini-3.5-flash-lite", round(call), "missing a thought_signature"],
  ];
  await using gemini = startFakeGemini(() => ({
    kind: "text",
    chunks: ["ok"],
  }));
  for (const [model, body, message] of refused) {
    const { error } = await readGemini(gemini.url, { model, body });
    assertInstanceOf(error, GoogleGenerativeAIFetchError);
    assertEquals(error.status, 400);
    assertStringIncludes(error.message, message);
  }
  const accepted: [string, GeminiRequestBody][] = [
    ["gemini-3.5-flash-lite", thinking({ thinkingLevel: "low" })],
    ["gemini-2.5-flash-lite", thinking({ thinkingBudget: 0 })],
    ["gemini-2.5-flash-lite", round(call)],
    ["gemini-3.5-flash-lite", round({ ...call, thoughtSignature: "c2lnbmVk" })],
    // A call of an earlier turn is not checked.
    ["gemini-3.5-flash-lite", {
      contents: [...round(call).contents!, ...HELLO.contents],
    }],
  ];
  for (const [model, body] of accepted) {
    assertEquals(
      (await readGemini(gemini.url, { model, body })).error,
      undefined,
    );
  }
});

// --- Ollama: answers ---------------------------------------------------------

test("startFakeOllama() streams text line by line and records the request", async () => {
  await using ollama = startFakeOllama([{
    kind: "text",
    chunks: ["Grüß ", "dich 👋"],
  }]);
  const { lines, error } = await readOllama(ollama.url, {
    keep_alive: "30m",
    think: false,
  });
  assertEquals(error, undefined);
  assertEquals(contents(lines), ["Grüß ", "dich 👋", ""]);
  assertEquals(lines.map(({ done }) => done), [false, false, true]);
  const last = lines.at(-1)!;
  assertEquals([last.model, last.done_reason], ["llama3.2:3b", "stop"]);
  for (
    const figure of [
      "total_duration",
      "load_duration",
      "prompt_eval_count",
      "prompt_eval_duration",
      "eval_count",
      "eval_duration",
    ] as const
  ) assert(last[figure] > 0, figure);

  const [request] = ollama.requests;
  assert(request);
  assertEquals([request.method, request.path], ["POST", "/api/chat"]);
  assertEquals(request.body?.messages, [{ role: "user", content: "Hello" }]);
  assertEquals([
    request.body?.keep_alive,
    request.body?.think,
    request.body?.stream,
  ], ["30m", false, true]);
  assertEquals(await request.ended, "finished");
});

test("startFakeOllama() writes lines as Ollama does", async () => {
  await using ollama = startFakeOllama([{ kind: "text", chunks: ["a <b>"] }]);
  const response = await fetch(`${ollama.url}/api/chat`, {
    method: "POST",
    body: JSON.stringify({
      model: "llama3.2:3b",
      messages: [{ role: "user", content: "Hi" }],
    }),
  });
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  const body = await response.text();
  assert(
    /^{"model":"llama3.2:3b","created_at":"[\d-]+T[\d:.]+Z","message":{"role":"assistant","content":"a \\u003cb\\u003e"},"done":false}\n{.*"done":true,"done_reason":"stop",.*}\n$/
      .test(body),
    body,
  );
});

test("startFakeOllama() sends thinking apart from the content", async () => {
  await using ollama = startFakeOllama([{
    kind: "thought",
    thoughts: ["Hm", "."],
    chunks: ["Yes."],
  }]);
  const { lines } = await readOllama(ollama.url, {
    model: "qwen3.5:4b",
    think: true,
  });
  assertEquals(
    lines.map(({ message }) => [message.thinking, message.content]),
    [
      ["Hm", ""],
      [".", ""],
      [undefined, "Yes."],
      [undefined, ""],
    ],
  );
});

// --- Ollama: faults ----------------------------------------------------------

test("startFakeOllama() answers error statuses in Ollama's format", async () => {
  for (
    const [status, message] of [[400, "context length"], [500, "runner"], [
      503,
      "server busy",
    ]] as const
  ) {
    const { error } = await ollamaSays({ kind: "status", status });
    assertInstanceOf(error, Error);
    assertEquals(error.name, "ResponseError");
    assertObjectMatch(error, { status_code: status });
    assertStringIncludes(error.message, message);
  }
});

// --- Ollama: requests it answers without the script --------------------------

test("startFakeOllama() knows its models", async () => {
  await using ollama = startFakeOllama([]);
  const client = new Ollama({ host: ollama.url });
  const { models } = await client.list();
  assertEquals(models.map(({ name }) => name), [
    "llama3.2:3b",
    "qwen3.5:4b",
    "gemma3:1b",
  ]);
  assertEquals((await client.show({ model: "qwen3.5:4b" })).capabilities, [
    "completion",
    "tools",
    "thinking",
  ]);
  assert(/^\d+\.\d+\.\d+$/.test((await client.version()).version));
  assertEquals(await (await fetch(ollama.url)).text(), "Ollama is running");
  const missing = await assertRejects(
    () => client.show({ model: "nope" }),
    Error,
  );
  assertEquals([missing.name, missing.message], [
    "ResponseError",
    "model 'nope' not found",
  ]);
});

test("startFakeOllama() loads and unloads a model without using up the script", async () => {
  await using ollama = startFakeOllama([{ kind: "text", chunks: ["ok"] }]);
  const client = new Ollama({ host: ollama.url });
  const load = (keep_alive: string | number) =>
    client.chat({ model: "llama3.2:3b", messages: [], keep_alive });
  assertEquals((await client.ps()).models, []);
  const loaded = await load("30m");
  assertEquals([loaded.done, loaded.done_reason, loaded.message.content], [
    true,
    "load",
    "",
  ]);
  const [running] = (await client.ps()).models;
  assertEquals(running?.name, "llama3.2:3b");
  const minutes = (Date.parse(String(running?.expires_at)) - Date.now()) /
    60_000;
  assert(minutes > 29 && minutes <= 30, `${minutes} minutes`);
  assertEquals((await load(0)).done_reason, "unload");
  assertEquals((await client.ps()).models, []);
  await load(-1);
  assertEquals((await client.ps()).models.length, 1);
  assertEquals(contents((await readOllama(ollama.url)).lines), ["ok", ""]);
});

test("startFakeOllama() refuses an unknown model and what a model cannot do", async () => {
  await using ollama = startFakeOllama([]);
  const tools = [{ type: "function", function: { name: "hang_up" } }];
  const refused: [Partial<ChatRequest>, number, string][] = [
    [{ model: "llama3.2" }, 404, "model 'llama3.2' not found"],
    [{ model: "" }, 400, "model is required"],
    [{ think: true }, 400, '"llama3.2:3b" does not support thinking'],
    [
      { model: "gemma3:1b", tools },
      400,
      "registry.ollama.ai/library/gemma3:1b does not support tools",
    ],
  ];
  for (const [request, status_code, message] of refused) {
    const { error } = await readOllama(ollama.url, request);
    assertInstanceOf(error, Error);
    assertObjectMatch(error, { name: "ResponseError", status_code, message });
  }
});

test("startFakeGemini() sends each piece of a raw body as its own chunk", async () => {
  const body = await fixture("gemini/text.sse");
  const pieces = splitAt(body, 1, 7, 700, body.length - 1);
  await using gemini = startFakeGemini([{
    kind: "raw",
    bytes: pieces,
    end: "cut",
  }]);
  const response = await fetch(
    `${gemini.url}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse`,
    {
      method: "POST",
      headers: { "x-goog-api-key": "test-key" },
      body: JSON.stringify(HELLO),
    },
  );
  const sizes: number[] = [];
  await assertRejects(async () => {
    for await (const piece of response.body!) sizes.push(piece.length);
  }, TypeError);
  assertEquals(sizes, pieces.map((piece) => piece.length));
});

// --- The server itself -------------------------------------------------------

test("startFakeGemini() takes its script as a function, and answers 500 when a list runs out", async () => {
  await using clever = startFakeGemini(({ body }, index) => ({
    kind: "text",
    chunks: [`${index}: ${body?.contents?.at(-1)?.parts?.[0]?.text}`],
  }));
  assertEquals(texts((await readGemini(clever.url)).chunks), ["0: Hello"]);
  assertEquals(texts((await readGemini(clever.url)).chunks), ["1: Hello"]);
  await using short = startFakeGemini([]);
  const { error } = await readGemini(short.url);
  assertInstanceOf(error, GoogleGenerativeAIFetchError);
  assertStringIncludes(error.message, "script has run out");
});

test("startFakeGemini() waits as long as the script says", async () => {
  await using gemini = startFakeGemini([
    {
      kind: "text",
      chunks: ["a", "b", "c"],
      headersAfterMs: 40,
      firstChunkAfterMs: 30,
      delayMs: 20,
    },
  ]);
  const start = performance.now();
  const { stream, response } = await askGemini(gemini.url);
  const headersMs = performance.now() - start;
  const timesMs: number[] = [];
  for await (const _ of stream) timesMs.push(performance.now() - start);
  await response;
  // Timers may fire a little early by `performance.now()`.
  const earliestMs = [40, 70, 90, 110].map((ms) => ms - 5);
  assert(
    [headersMs, ...timesMs].every((ms, index) => ms >= earliestMs[index]!),
    `${timesMs}`,
  );
});

test("startFakeGemini() returns each request once, before or after it has arrived", async () => {
  await using gemini = startFakeGemini(() => ({
    kind: "text",
    chunks: ["ok"],
  }));
  const first = gemini.nextRequest();
  await readGemini(gemini.url);
  await readGemini(gemini.url);
  assertEquals(await first, gemini.requests[0]!);
  assert(await gemini.nextRequest() === gemini.requests[1]);
});

test("startFakeGemini() closes with open answers, and without any request", async () => {
  const gemini = startFakeGemini([{ kind: "stall" }, {
    kind: "stall",
    chunks: ["One"],
  }]);
  const silent = readGemini(gemini.url);
  await gemini.nextRequest();
  const { stream, response } = await askGemini(gemini.url);
  response.catch(() => {});
  await stream.next();
  const uncalled = assertRejects(
    async () => {
      await gemini.nextRequest();
      await gemini.nextRequest();
    },
    Error,
    "the stand-in is closed",
  );
  await gemini.close();
  await gemini.close();
  await uncalled;
  assertInstanceOf((await silent).error, GoogleGenerativeAIError);
  await assertRejects(() => stream.next(), GoogleGenerativeAIError);
  assertEquals(gemini.requests.map(({ outcome }) => outcome), [
    "closed",
    "closed",
  ]);
});

test("startFakeGemini() throws the script's own error when it is closed", async () => {
  const gemini = startFakeGemini(() => {
    throw new RangeError("an assertion in the script");
  });
  assertInstanceOf(
    (await readGemini(gemini.url)).error,
    GoogleGenerativeAIError,
  );
  await assertRejects(
    () => gemini.close(),
    RangeError,
    "an assertion in the script",
  );
});
