/**
 * Shows that the stand-ins are what the vendors' own SDKs take for the vendors:
 * each scripted answer through `@google/generative-ai` and `ollama`, faults
 * included. What the SDKs make of a fault is pinned here as well, for it is what
 * the providers have to cope with.
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
  GoogleGenerativeAIAbortError,
  GoogleGenerativeAIError,
  GoogleGenerativeAIFetchError,
  GoogleGenerativeAIResponseError,
} from "@google/generative-ai";
import {
  type AbortableAsyncIterator,
  type ChatRequest,
  type ChatResponse,
  Ollama,
} from "ollama";
import {
  type Fake,
  type GeminiAnswer,
  type GeminiPart,
  type GeminiRequestBody,
  splitAt,
  startFakeGemini,
} from "./gemini.ts";
import { type OllamaAnswer, startFakeOllama } from "./ollama.ts";

/** How long a client's leaving may go unnoticed. */
const NOTICED_WITHIN_MS = 100;

const HELLO = { contents: [{ role: "user", parts: [{ text: "Hello" }] }] };

/** Off by default since Deno 2.8; on here, so that a stand-in that leaks is found. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
}

function fixture(path: string): Promise<Uint8Array> {
  return Deno.readFile(new URL(`../fixtures/${path}`, import.meta.url));
}

/** Each byte a piece of its own. */
function bytewise(body: Uint8Array): Uint8Array[] {
  return splitAt(body, ...body.keys().drop(1));
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
    response.catch(() => {}); // fails as the stream does, and ends the process if nobody listens
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
  // The SDK's types know no thoughts and no signatures.
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
  // The SDK stops reading at the last line and leaves the end of the body in
  // the connection, a leak to the sanitizers. Aborting it then would be no
  // help: where the end has come in the meantime, the body stays open anyway.
  const draining: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const all = new CountQueuingStrategy({ highWaterMark: Infinity });
    const { readable, writable } = new TransformStream({}, undefined, all);
    drained = response.body?.pipeTo(writable);
    drained?.catch(() => {}); // the SDK is told as well, through `readable`
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

/** A `fetch` that a signal ends, as the SDK has no option for one. */
function fetchUntil(signal: AbortSignal): typeof fetch {
  return (input, init) => fetch(input, { ...init, signal });
}

async function ollamaSays(answer: OllamaAnswer): ReturnType<typeof readOllama> {
  await using ollama = startFakeOllama([answer]);
  return await readOllama(ollama.url);
}

function contents(lines: ChatResponse[]): string[] {
  return lines.map(({ message }) => message.content);
}

/** A request under way, and its failure once the client has left. */
interface Opened {
  fake: Fake;
  failed: Promise<Error>;
}

/** Opens a request, leaves it, and asserts that the stand-in notices in time. */
async function assertLeavingIsSeen(
  open: (signal: AbortSignal) => Opened | Promise<Opened>,
): Promise<void> {
  let noticedMs = Infinity;
  // A busy machine may be late once; who does not see it is late every time.
  for (let i = 0; i < 3 && noticedMs >= NOTICED_WITHIN_MS; i++) {
    const leaving = new AbortController();
    const { fake, failed } = await open(leaving.signal);
    failed.catch(() => {}); // not before it is awaited below
    await using _closed = fake;
    const request = await fake.nextRequest();
    assertEquals(request.outcome, "open");
    const leftAt = performance.now();
    leaving.abort();
    noticedMs = await request.cancelled - leftAt;
    assertEquals(request.outcome, "cancelled");
    assertEquals(await request.ended, "cancelled");
    await failed;
  }
  assert(noticedMs < NOTICED_WITHIN_MS, `Noticed after ${noticedMs} ms`);
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

test("startFakeGemini() sends several calls in one chunk, signed on the first", async () => {
  const calls = [{ name: "look_up", args: { city: "Köln" }, id: "a1" }, {
    name: "hang_up",
    args: {},
  }];
  await using gemini = startFakeGemini([{ kind: "tool-calls", calls }]);
  const { stream, response } = await askGemini(gemini.url);
  const chunks = await Array.fromAsync(stream);
  assertEquals(
    parts(chunks.slice(0, 1)).map(({ functionCall }) => functionCall),
    calls,
  );
  assertEquals(
    parts(chunks.slice(0, 1)).map((part) =>
      part.thoughtSignature !== undefined
    ),
    [
      true,
      false,
    ],
  );
  // The SDK's own sum of the chunks is wrong, and has lost the signature.
  const summed = parts([await response]);
  assertEquals(
    summed.slice(0, 2).map(({ functionCall }) => functionCall?.name),
    ["hang_up", "hang_up"],
  );
  assertEquals(summed.some((part) => part.thoughtSignature), false);
});

test("startFakeGemini() blocks a prompt: no candidates, and text() throws", async () => {
  const { chunks, error } = await geminiSays({
    kind: "blocked",
    reason: "PROHIBITED_CONTENT",
  });
  assertEquals(error, undefined);
  assertEquals(chunks.length, 1);
  assertObjectMatch(chunks[0]!, {
    promptFeedback: { blockReason: "PROHIBITED_CONTENT" },
  });
  await assertRejects(
    async () => await chunks[0]!.text(),
    GoogleGenerativeAIResponseError,
  );
});

test("startFakeGemini() stops for safety in mid-answer, with and without text", async () => {
  for (const lastText of [undefined, " cannot"]) {
    const { chunks } = await geminiSays({
      kind: "safety",
      chunks: ["I"],
      ...(lastText === undefined ? {} : { lastText }),
    });
    assertEquals(texts(chunks).join(""), `I${lastText ?? ""}`);
    assertEquals(lastReason(chunks), "SAFETY");
    await assertRejects(
      async () => await chunks.at(-1)!.text(),
      GoogleGenerativeAIResponseError,
    );
  }
});

test("startFakeGemini() can say nothing in each of the ways that do not throw", async () => {
  const silent: [GeminiAnswer, string | undefined][] = [
    [{ kind: "empty" }, "STOP"],
    [{ kind: "empty", shape: "no-candidates" }, undefined],
    [{ kind: "empty", shape: "no-chunks" }, undefined],
    [{ kind: "max-tokens" }, "MAX_TOKENS"],
    [
      { kind: "text", chunks: [], finishReason: "MALFORMED_FUNCTION_CALL" },
      "MALFORMED_FUNCTION_CALL",
    ],
  ];
  for (const [answer, reason] of silent) {
    const { chunks, error } = await geminiSays(answer);
    assertEquals(error, undefined);
    assertEquals(chunks.map((chunk) => chunk.text()).join(""), "");
    assertEquals(lastReason(chunks), reason);
  }
  const { chunks } = await geminiSays({
    kind: "max-tokens",
    chunks: ["Half a"],
  });
  assertEquals([texts(chunks).join(""), lastReason(chunks)], [
    "Half a",
    "MAX_TOKENS",
  ]);
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

test("startFakeGemini() tells with a 429 when to try again", async () => {
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

test("startFakeGemini() puts an error into the stream, which the SDK lets pass as a chunk", async () => {
  const { chunks, error } = await geminiSays({
    kind: "error-chunk",
    chunks: ["Well"],
  });
  assertEquals(error, undefined);
  assertEquals(chunks.map((chunk) => chunk.text()), ["Well", ""]);
  assertObjectMatch(chunks[1]!, {
    error: { code: 503, status: "UNAVAILABLE" },
  });
});

test("startFakeGemini() cuts the connection after the chunks are through", async () => {
  for (const midLine of [false, true]) {
    await using gemini = startFakeGemini([{
      kind: "cut",
      chunks: ["One ", "two"],
      midLine,
    }]);
    const { chunks, error } = await readGemini(gemini.url);
    assertEquals(texts(chunks), ["One ", "two"]);
    assertInstanceOf(error, GoogleGenerativeAIError);
    assertStringIncludes(error.message, "Error reading from the stream");
    assertEquals(await gemini.requests[0]!.ended, "cut");
  }
});

test("startFakeGemini() ends a stream too early without cutting it", async () => {
  const early = await geminiSays({ kind: "unfinished", chunks: ["One"] });
  assertEquals([texts(early.chunks), lastReason(early.chunks), early.error], [
    ["One"],
    undefined,
    undefined,
  ]);
  const { chunks, error } = await geminiSays({
    kind: "unfinished",
    chunks: ["One"],
    midLine: true,
  });
  assertEquals(texts(chunks), ["One"]);
  assertInstanceOf(error, GoogleGenerativeAIError);
  assertStringIncludes(error.message, "Failed to parse stream");
});

test("startFakeGemini() sees a client leave before the headers", async () => {
  await assertLeavingIsSeen((signal) => {
    const fake = startFakeGemini([{ kind: "stall" }]);
    const failed = assertRejects(
      () => askGemini(fake.url, { signal }),
      GoogleGenerativeAIAbortError,
    );
    return { fake, failed };
  });
});

test("startFakeGemini() sees a client leave in mid-stream, silent or pausing", async () => {
  const delayMs = 60_000;
  const [before, after] = ["Request aborted when", "Error"];
  const answers: [GeminiAnswer, heard: string[], error: string][] = [
    [{ kind: "stall", chunks: [] }, [], before],
    [{ kind: "stall", chunks: ["One"] }, ["One"], after],
    [{ kind: "stall", chunks: ["One", "two"] }, ["One", "two"], after],
    [{ kind: "text", chunks: ["One", "two"], delayMs }, ["One"], after],
  ];
  for (const [answer, heard, error] of answers) {
    await assertLeavingIsSeen(async (signal) => {
      const fake = startFakeGemini([answer]);
      const { stream, response } = await askGemini(fake.url, { signal });
      response.catch(() => {});
      for (const text of heard) {
        assertEquals((await stream.next()).value?.text(), text);
      }
      // Only before the first chunk does the SDK call it an abort.
      const failed = assertRejects(
        () => stream.next(),
        GoogleGenerativeAIError,
        `${error} reading from the stream`,
      );
      return { fake, failed };
    });
  }
});

// --- Gemini: what it refuses by itself ---------------------------------------

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

  // None of the three has used up the script.
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

test("startFakeOllama() sends several calls in one line", async () => {
  const calls = [{ name: "look_up", arguments: { city: "Köln" } }, {
    name: "hang_up",
  }];
  const { lines } = await ollamaSays({
    kind: "tool-calls",
    calls,
    chunks: ["Moment."],
  });
  assertEquals(contents(lines), ["Moment.", "", ""]);
  assertEquals(
    lines[1]?.message.tool_calls?.map((
      call,
    ) => [call.function.name, call.function.arguments]),
    [["look_up", { city: "Köln" }], ["hang_up", {}]],
  );
});

test("startFakeOllama() can say nothing, and run out of tokens with and without text", async () => {
  const silent: [OllamaAnswer, string, string][] = [
    [{ kind: "empty" }, "", "stop"],
    [{ kind: "text", chunks: [] }, "", "stop"],
    [{ kind: "max-tokens" }, "", "length"],
    [
      {
        kind: "max-tokens",
        chunks: ["Half a"],
        metrics: { prompt_eval_count: 4096 },
      },
      "Half a",
      "length",
    ],
  ];
  for (const [answer, text, reason] of silent) {
    const { lines, error } = await ollamaSays(answer);
    assertEquals(error, undefined);
    assertEquals([contents(lines).join(""), lines.at(-1)?.done_reason], [
      text,
      reason,
    ]);
    if (answer.kind === "max-tokens" && answer.metrics) {
      assertEquals(lines.at(-1)?.prompt_eval_count, 4096);
    }
  }
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

test("startFakeOllama() puts an error into the stream, which the SDK throws", async () => {
  const { lines, error } = await ollamaSays({
    kind: "error-chunk",
    chunks: ["Well"],
    error: "out of memory",
  });
  assertEquals(contents(lines), ["Well"]);
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.message], ["Error", "out of memory"]);

  const early = await ollamaSays({ kind: "error-chunk", chunks: [] });
  assertObjectMatch(early.error as Error, {
    name: "ResponseError",
    status_code: 500,
  });
});

test("startFakeOllama() cuts the connection after the lines are through", async () => {
  for (const midLine of [false, true]) {
    await using ollama = startFakeOllama([{
      kind: "cut",
      chunks: ["One ", "two"],
      midLine,
    }]);
    const { lines, error } = await readOllama(ollama.url);
    assertEquals(contents(lines), ["One ", "two"]);
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, "error reading a body from connection");
    assertEquals(await ollama.requests[0]!.ended, "cut");
  }
});

test("startFakeOllama() ends a stream too early without cutting it", async () => {
  const { lines, error } = await ollamaSays({
    kind: "unfinished",
    chunks: ["One"],
  });
  assertEquals(contents(lines), ["One"]);
  assertInstanceOf(error, Error);
  assertStringIncludes(
    error.message,
    "Did not receive done or success response in stream",
  );
});

test("startFakeOllama() sees a client leave before the headers", async () => {
  await assertLeavingIsSeen((signal) => {
    const fake = startFakeOllama([{ kind: "stall" }]);
    const failed = assertRejects(
      () => askOllama(fake.url, {}, fetchUntil(signal)),
      DOMException,
    );
    return { fake, failed };
  });
});

test("startFakeOllama() sees a client leave in mid-stream, silent or pausing", async () => {
  const delayMs = 60_000;
  const answers: [OllamaAnswer, heard: string[]][] = [
    [{ kind: "stall", chunks: [] }, []],
    [{ kind: "stall", chunks: ["One"] }, ["One"]],
    [{ kind: "text", chunks: ["One", "two"], delayMs }, ["One"]],
  ];
  for (const [answer, heard] of answers) {
    await assertLeavingIsSeen(async (signal) => {
      const fake = startFakeOllama([answer]);
      const lines = await askOllama(fake.url, {}, fetchUntil(signal));
      const stream = lines[Symbol.asyncIterator]();
      for (const text of heard) {
        assertEquals((await stream.next()).value?.message.content, text);
      }
      return { fake, failed: assertRejects(() => stream.next(), DOMException) };
    });
  }
});

// --- Ollama: what it answers by itself ---------------------------------------

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

// --- Fixtures, cut at every byte ---------------------------------------------

test("startFakeGemini() sends a raw body byte by byte, and the SDK puts it together", async () => {
  for (const name of ["text", "tool_calls", "thought", "blocked", "safety"]) {
    const body = await fixture(`gemini/${name}.sse`);
    const whole = await geminiSays({ kind: "raw", bytes: [body] });
    const pieces = await geminiSays({ kind: "raw", bytes: bytewise(body) });
    assertEquals(whole.error, undefined);
    assert(whole.chunks.length > 0);
    assertEquals(JSON.stringify(pieces), JSON.stringify(whole), name);
  }
  const { chunks } = await geminiSays({
    kind: "raw",
    bytes: [await fixture("gemini/text.sse")],
  });
  assertStringIncludes(
    texts(chunks).join(""),
    "„こんにちは“.\nEs grüßt die Familie 👩‍👩‍👧‍👦",
  );
});

test("startFakeOllama() sends a raw body byte by byte, and the SDK puts it together", async () => {
  for (const name of ["text", "tool_calls", "thought", "error"]) {
    const body = await fixture(`ollama/${name}.ndjson`);
    const whole = await ollamaSays({ kind: "raw", bytes: [body] });
    const pieces = await ollamaSays({ kind: "raw", bytes: bytewise(body) });
    assertEquals(
      String(whole.error ?? ""),
      name === "error" ? String(pieces.error) : "",
    );
    assert(whole.lines.length > 0);
    assertEquals(pieces.lines, whole.lines, name);
  }
  const { lines } = await ollamaSays({
    kind: "raw",
    bytes: [await fixture("ollama/text.ndjson")],
  });
  assertStringIncludes(
    contents(lines).join(""),
    "„こんにちは“.\nFamilie 👩‍👩‍👧‍👦 & <tschüs>",
  );
});

test("startFakeGemini() sends each piece of a raw body so that it is read singly", async () => {
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

test("startFakeGemini() waits as long as it is told", async () => {
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
  // Timers may fire a little early, by the clock that is read here.
  const earliestMs = [40, 70, 90, 110].map((ms) => ms - 5);
  assert(
    [headersMs, ...timesMs].every((ms, index) => ms >= earliestMs[index]!),
    `${timesMs}`,
  );
});

test("startFakeGemini() hands out each request once, before or after it has come", async () => {
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

test("startFakeGemini() closes with answers open and nobody having called", async () => {
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

test("startFakeGemini() gives a script's own failure back when it is closed", async () => {
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
