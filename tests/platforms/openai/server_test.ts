/**
 * The OpenAI-compatible API of a real process, over raw sockets.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { askRaw } from "../../_raw.ts";
import { nextQuestion } from "../../fakes/_wire.ts";
import { startFakeGemini } from "../../fakes/gemini.ts";
import { startFakeOllama } from "../../fakes/ollama.ts";
import { startFakeOpenAi } from "../../fakes/openai.ts";
import { startServer } from "../../fakes/server.ts";
import { KEY, messages, post, PREFIX, readChunks, readWords } from "./_api.ts";

const POST = "POST /v1/chat/completions";
const HEAD = [
  "host: parley.test",
  `authorization: Bearer ${KEY}`,
  "content-type: application/json",
];

/** Sends a request without reading the response. */
async function open(port: number, body: string): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ port, hostname: "127.0.0.1" });
  const head = [
    ...[`${POST} HTTP/1.1`, ...HEAD, "x-parley-conversation: c1"],
    `content-length: ${body.length}`,
  ].join("\r\n");
  const writer = socket.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${head}\r\n\r\n${body}`));
  writer.releaseLock();
  return socket;
}

/** Reads until a text has arrived. */
async function readTo(socket: Deno.TcpConn, text: string): Promise<string> {
  const bytes = new Uint8Array(4096);
  const decoder = new TextDecoder();
  let all = "";
  while (!all.includes(text)) {
    const count = await socket.read(bytes);
    if (count === null) throw new Error(`The connection ended after ${all}`);
    all += decoder.decode(bytes.subarray(0, count), { stream: true });
  }
  return all;
}

Deno.test("main.ts has none of the OpenAI-compatible routes without API_KEYS", async () => {
  await using server = await startServer();
  const port = Number(new URL(server.url).port);
  for (
    const line of [
      POST,
      "POST /chat/completions",
      "POST /v1/chat/completions/chat/completions",
      "GET /v1/chat/completions",
      "GET /v1/models",
      "GET /models",
    ]
  ) {
    assertEquals((await askRaw({ port, line, head: HEAD })).status, 404);
  }
});

Deno.test("main.ts counts wrong keys by the address that a trusted proxy forwards", async () => {
  const env = { API_KEYS: KEY, TRUSTED_PROXIES: "127.0.0.1" };
  await using server = await startServer({ env });
  const port = Number(new URL(server.url).port);
  const ask = async (key: string, address: string) => {
    const head = [
      "host: parley.test",
      `authorization: Bearer ${key}`,
      `x-forwarded-for: 127.0.0.1, ${address}`,
    ];
    return (await askRaw({ port, line: "GET /v1/models", head })).status;
  };
  for (let n = 0; n < 30; n++) {
    assertEquals(await ask("wrong", "192.0.2.1"), 401);
  }
  assertEquals(await ask(KEY, "192.0.2.1"), 429);
  assertEquals(await ask(KEY, "192.0.2.2"), 200);
});

Deno.test("main.ts answers requests with a key, over several turns, and stores what was said", async () => {
  await using server = await startServer({ env: { API_KEYS: KEY } });
  const port = Number(new URL(server.url).port);
  const refused = await askRaw({
    port,
    line: "GET /models",
    head: HEAD.slice(0, 1),
  });
  assertEquals(refused.status, 401);
  const listed = await askRaw({ port, line: "GET /models", head: HEAD });
  assertEquals(JSON.parse(listed.body).data.length, 1);
  const said: string[] = [];
  for (const text of [">One", ">Two", ">Three"]) {
    said.push(text);
    const body = JSON.stringify({ messages: messages(...said) });
    const head = [...HEAD, "x-parley-conversation: c1"];
    const response = await askRaw({ port, line: POST, head, body });
    assertEquals(response.status, 200);
    const json = response.body.slice(
      response.body.indexOf("{"),
      response.body.lastIndexOf("}") + 1,
    );
    const { content } = JSON.parse(json).choices[0].message;
    assert(
      content.includes(`That was message number ${said.length / 2 + 0.5}`),
    );
    // The answers come back in lower case without punctuation, the second only half.
    const heard = content.toLowerCase().replaceAll(/[.,']/g, "");
    said.push(text === ">Two" ? heard.slice(0, 40) : heard);
  }
  // By then, its whole log has arrived.
  await server.stop("SIGTERM");
  const ends = server.lines.filter(({ event }) => event === "turn.end");
  assertEquals(ends.map(({ turnId }) => turnId), [
    "turn-1",
    "turn-2",
    "turn-3",
  ]);
  assertEquals(JSON.stringify(server.lines).includes(KEY), false);
});

const ENV = {
  API_KEYS: KEY,
  LLM_PROVIDER: "ollama",
  OLLAMA_MODEL: "llama3.2:3b",
};

Deno.test("main.ts sends the first chunk before the model's first word, and cancels the model when the client leaves", async () => {
  await using model = startFakeOllama(() => ({ kind: "stall" }));
  const env = { ...ENV, OLLAMA_HOST: model.url, FILLER_AFTER_MS: "0" };
  await using server = await startServer({ env });
  const port = Number(new URL(server.url).port);
  const body = JSON.stringify({ stream: true, messages: messages(">Hello") });
  const delays: number[] = [];
  // A busy machine may be late once.
  for (const _ of [1, 2, 3]) {
    const socket = await open(port, body);
    const first = await readTo(socket, '"finish_reason":null}]}\n\n');
    assert(first.includes('"delta":{"role":"assistant","content":""}'));
    const asked = await nextQuestion(model);
    const leftAt = performance.now();
    socket.close();
    delays.push(await asked.cancelled - leftAt);
  }
  assertLess(Math.min(...delays), 100);
});

Deno.test("main.ts cancels the model when a client that waits for a whole answer leaves", async () => {
  await using model = startFakeOllama(() => ({ kind: "stall" }));
  const env = { ...ENV, OLLAMA_HOST: model.url };
  await using server = await startServer({ env });
  const port = Number(new URL(server.url).port);
  const body = JSON.stringify({ stream: false, messages: messages(">Hello") });
  const socket = await open(port, body);
  const asked = await nextQuestion(model);
  socket.close();
  assertEquals(await asked.ended, "cancelled");
});

const BYE = { kind: "text" as const, chunks: ["It failed."] };
const END_CALL = { name: "end_call", arguments: { reason: "bye" } };
const VENDORS = {
  gemini() {
    const { name, arguments: args } = END_CALL;
    const call = { kind: "tool-calls" as const, calls: [{ name, args }] };
    const model = startFakeGemini([call, BYE]);
    return {
      model,
      env: {
        GEMINI_BASE_URL: model.url,
        GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
      },
    };
  },
  ollama() {
    const model = startFakeOllama([
      { kind: "tool-calls", calls: [END_CALL] },
      BYE,
    ]);
    const env = { OLLAMA_HOST: model.url, OLLAMA_MODEL: "llama3.2:3b" };
    return { model, env };
  },
  openai() {
    const call = { name: END_CALL.name, arguments: '{"reason":"bye"}' };
    const model = startFakeOpenAi([
      { kind: "tool-calls", calls: [call] },
      BYE,
    ]);
    return {
      model,
      env: {
        OPENAI_BASE_URL: `${model.url}/v1`,
        OPENAI_API_KEY: "test-key",
        OPENAI_MODEL: "gpt-6-luna",
      },
    };
  },
};

for (const [name, start] of Object.entries(VENDORS)) {
  Deno.test(`main.ts continues with the plain text that a platform's tool returned, with ${name}`, async () => {
    const { model, env } = start();
    await using _ = model;
    await using server = await startServer({
      env: { API_KEYS: KEY, LLM_PROVIDER: name, ...env },
    });
    const ask = async (messages: unknown[]) => {
      const parameters = {
        type: "object",
        properties: { reason: { type: "string" } },
      };
      const tool = { name: "end_call", description: "Hangs up", parameters };
      const tools = [{ type: "function", function: tool }];
      const request = post(
        { stream: true, messages, tools },
        { "x-parley-conversation": "c1" },
      );
      return await fetch(
        new Request(`${server.url}/v1/chat/completions`, request),
      );
    };
    const said = messages(">Goodbye");
    const chunks = await readChunks(await ask(said));
    const { tool_calls } = chunks.at(-2).choices[0].delta;
    const result = {
      role: "tool",
      tool_call_id: tool_calls[0].id,
      content: "not allowed to hang up",
    };
    const call = { role: "assistant", content: null, tool_calls };
    const words = await readWords(await ask([...said, call, result]));
    assertEquals(words, "It failed.");
    const shown = JSON.stringify(model.requests.at(-1)?.body);
    assert(shown.includes("not allowed to hang up"));
  });
}

/** Sends a message in a conversation; returns the answer's text, or the error's. */
/** A prompt without the time: once a minute has passed, the model is told so beside the caller's words. */
const TIMELESS = { SYSTEM_PROMPT: "Be kind." };

async function ask(port: number, told: object[]): Promise<string> {
  const body = JSON.stringify({ messages: told });
  const head = [...HEAD, "x-parley-conversation: c1"];
  const response = await askRaw({ port, line: POST, head, body });
  const [, content = response.body] = /"content":"(.*?)"/.exec(response.body) ??
    [];
  return content;
}

Deno.test("main.ts answers and stores what is said in a new conversation with a deleted one's id", async () => {
  const env = { API_KEYS: KEY, ADMIN_TOKEN: "0123456789abcdef", ...TIMELESS };
  await using server = await startServer({ env });
  const port = Number(new URL(server.url).port);
  const said = await ask(port, messages(">One"));
  await ask(port, messages(">One", said, ">Two"));
  const admin = (method: string) =>
    fetch(`${server.url}/sessions/${PREFIX}c1`, {
      method,
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
    });
  const deleted = await admin("DELETE");
  assertEquals(deleted.status, 204);
  const first = await ask(port, messages(">Three"));
  assertStringIncludes(first, "You said: Three. That was message number 1 of");
  const second = await ask(port, messages(">Three", first, ">Four"));
  assertStringIncludes(second, "You said: Four. That was message number 2 of");
  const { turns } = await (await admin("GET")).json();
  assertEquals(turns.map(({ user }: { user: string }) => user), [
    "Three",
    "Four",
  ]);
});

Deno.test("main.ts answers each message of a conversation whose oldest turns have left the memory", async () => {
  const env = { API_KEYS: KEY, MAX_SESSION_MB: "4", ...TIMELESS };
  await using server = await startServer({ env });
  const port = Number(new URL(server.url).port);
  const all: string[] = [];
  for (let n = 1; n <= 16; n++) {
    all.push(`>Sentence ${n} ${`z${n} `.repeat(120_000)}`);
    const answer = await ask(port, messages(...all.slice(-3)));
    assertStringIncludes(answer, `You said: Sentence ${n} z${n}`);
    all.push(answer);
  }
  assert(server.lines.some(({ event }) => event === "session.cut"));
});

Deno.test("main.ts serves others while a platform repeats a long answer with small changes", async () => {
  await using server = await startServer({ env: { API_KEYS: KEY } });
  const port = Number(new URL(server.url).port);
  // No word occurs twice.
  const long = Array.from({ length: 60_000 }, (_, n) => `w${n}`).join(" ")
    .replace(/\d/g, (digit) => "abcdefghij"[Number(digit)] ?? "");
  await ask(port, messages(">One", long, ">Two"));
  const startedAt = performance.now();
  await ask(port, messages(">One", `So ${long}`, ">Two", "This is", ">Three"));
  assertLess(performance.now() - startedAt, 2_000);
});

Deno.test("main.ts serves others while a platform sends thousands of answers to one message", async () => {
  await using server = await startServer({ env: { API_KEYS: KEY } });
  const port = Number(new URL(server.url).port);
  const answers = Array.from({ length: 15_000 }, (_, n) => `answer no. ${n}`);
  const startedAt = performance.now();
  await ask(port, messages(">One", ...answers, ">Two"));
  assertLess(performance.now() - startedAt, 2_000);
});

Deno.test("main.ts serves others while a megabyte of text is sent again, with more", async () => {
  await using server = await startServer({ env: { API_KEYS: KEY } });
  const port = Number(new URL(server.url).port);
  const long = "a b c d ".repeat(118_000);
  await ask(port, messages(`>${long}`));
  const startedAt = performance.now();
  await ask(port, messages(`>${long} more`));
  assertLess(performance.now() - startedAt, 1_500);
});
