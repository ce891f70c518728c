/**
 * The real server and vendors that misbehave: whatever they do, a caller hears
 * a sentence, the answer ends, and the process goes on.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { agentSettings } from "../src/agent/prompt.ts";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { type GeminiAnswer, startFakeGemini } from "./fakes/gemini.ts";
import { message, readEvents, SECRET, spoken } from "./fakes/layercode.ts";
import { startFakeOllama } from "./fakes/ollama.ts";
import { type OpenAiAnswer, startFakeOpenAi } from "./fakes/openai.ts";
import { type RealServer, startServer } from "./fakes/server.ts";

const ERROR_MESSAGE = agentSettings.errorMessage.default;

/** What Gemini does, and what it has said by then. */
const FAULTS: { what: string; answer: GeminiAnswer; said?: string }[] = [
  { what: "blocked", answer: { kind: "blocked" } },
  { what: "empty", answer: { kind: "empty" } },
  { what: "token-capped", answer: { kind: "max-tokens" } },
  { what: "400", answer: { kind: "status", status: 400 } },
  { what: "403", answer: { kind: "status", status: 403 } },
  { what: "429", answer: { kind: "status", status: 429 } },
  { what: "500", answer: { kind: "status", status: 500 } },
  { what: "silent", answer: { kind: "stall" } },
  {
    what: "cut in mid-stream",
    answer: { kind: "cut", chunks: ["Well"] },
    said: "Well",
  },
  {
    what: "stalled in mid-stream",
    answer: { kind: "stall", chunks: ["Well"] },
    said: "Well",
  },
];

async function ask(server: RealServer, turn: string): Promise<string> {
  const line = { url: `${server.url}/agent`, secret: SECRET };
  const event = message("Hello", { turn_id: turn, conversation_id: turn });
  const response = await sendEvent(event, line);
  assertEquals(response.status, 200);
  const events = await readEvents(response);
  assertEquals(
    events.filter(({ type }) => type === "response.end"),
    [{ type: "response.end", turn_id: turn }],
  );
  assertEquals(events.at(-1)?.type, "response.end");
  return spoken(events);
}

function env(geminiUrl: string): Record<string, string> {
  return {
    LAYERCODE_WEBHOOK_SECRET: SECRET,
    HOST: "127.0.0.1",
    LLM_PROVIDER: "gemini",
    GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
    GEMINI_BASE_URL: geminiUrl,
    FIRST_TOKEN_TIMEOUT_MS: "300",
    STALL_TIMEOUT_MS: "300",
  };
}

Deno.test("main.ts says one sentence for every fault of Gemini's, and goes on", async () => {
  // The same however often it is asked: some faults are worth another try.
  let next: GeminiAnswer = { kind: "empty" };
  await using gemini = startFakeGemini(() => next);
  await using server = await startServer({ env: env(gemini.url) });
  for (const { what, answer, said } of FAULTS) {
    next = answer;
    const expected = said ? `${said} ${ERROR_MESSAGE}` : ERROR_MESSAGE;
    assertEquals(await ask(server, what), expected);
    const logged = server.lines.filter(({ event }) => event === "turn.failed");
    assertEquals(logged.at(-1)?.turnId, what);
  }
  next = { kind: "text", chunks: ["All is well."] };
  assertEquals(await ask(server, "well"), "All is well.");
  await gemini.close();
  assertEquals(await ask(server, "refused"), ERROR_MESSAGE);
});

Deno.test("main.ts lets Ollama answer when Gemini fails before its first words", async () => {
  const faults = FAULTS.filter(({ said }) => said === undefined);
  let next: GeminiAnswer = { kind: "empty" };
  await using gemini = startFakeGemini(() => next);
  await using ollama = startFakeOllama(() => ({
    kind: "text",
    chunks: ["Ollama ", "here."],
  }));
  await using server = await startServer({
    env: {
      ...env(gemini.url),
      LLM_PROVIDER: "gemini,ollama",
      OLLAMA_HOST: ollama.url,
      OLLAMA_MODEL: "llama3.2:3b",
    },
  });
  for (const { what, answer } of faults) {
    next = answer;
    assertEquals(await ask(server, what), "Ollama here.");
  }
  // Three failures in a row, and Gemini is passed over for a while.
  assertEquals(gemini.requests.length, 3);
  const ends = server.lines.filter(({ event }) => event === "turn.end");
  assertEquals(ends.at(-1)?.provider, "ollama");
  assertStringIncludes(JSON.stringify(server.lines), "lastForMs");
});

/** What a server of OpenAI's wire does, and what it has said by then. */
const OPENAI_FAULTS: { what: string; answer: OpenAiAnswer; said?: string }[] = [
  { what: "filtered", answer: { kind: "filtered" } },
  { what: "empty", answer: { kind: "empty" } },
  { what: "token-capped", answer: { kind: "max-tokens" } },
  ...[400, 403, 429, 500].map((status) => ({
    what: `${status}`,
    answer: { kind: "status" as const, status },
  })),
  { what: "silent", answer: { kind: "stall" } },
  {
    what: "failed in mid-stream",
    answer: { kind: "error-chunk", chunks: ["Well"] },
    said: "Well",
  },
  {
    what: "cut in mid-stream",
    answer: { kind: "cut", chunks: ["Well"] },
    said: "Well",
  },
  {
    what: "stalled in mid-stream",
    answer: { kind: "stall", chunks: ["Well"] },
    said: "Well",
  },
];

Deno.test("main.ts says one sentence for every fault of an OpenAI-compatible server, and goes on", async () => {
  let next: OpenAiAnswer = { kind: "empty" };
  await using openai = startFakeOpenAi(() => next);
  await using server = await startServer({
    env: {
      ...env(openai.url),
      LLM_PROVIDER: "openai",
      OPENAI_API_KEY: "test-key",
      OPENAI_BASE_URL: `${openai.url}/v1`,
      OPENAI_MODEL: "gpt-6-luna",
    },
  });
  for (const { what, answer, said } of OPENAI_FAULTS) {
    next = answer;
    const expected = said ? `${said} ${ERROR_MESSAGE}` : ERROR_MESSAGE;
    assertEquals(await ask(server, what), expected);
  }
  next = { kind: "text", chunks: ["All is well."] };
  assertEquals(await ask(server, "well"), "All is well.");
  await openai.close();
  assertEquals(await ask(server, "refused"), ERROR_MESSAGE);
});
