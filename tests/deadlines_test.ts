/**
 * What a caller hears of a vendor's bad day, on each vendor's wire through the
 * real server: another try, a filler while the model is silent, and an end to an
 * answer that has none.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { agentSettings } from "../src/agent/prompt.ts";
import {
  type AnswerEvent,
  readAnswer,
  sendEvent,
} from "../src/platforms/layercode/client.ts";
import { startFakeGemini } from "./fakes/gemini.ts";
import { message, SECRET, spoken } from "./fakes/layercode.ts";
import { startFakeOllama } from "./fakes/ollama.ts";
import { startFakeOpenAi } from "./fakes/openai.ts";
import { type RealServer, startServer } from "./fakes/server.ts";

const ERROR_MESSAGE = agentSettings.errorMessage.default;

/** What a vendor does, in words that all wires have. */
type Step =
  | { kind: "text"; chunks: string[]; headersAfterMs?: number }
  | { kind: "max-tokens"; chunks: string[] }
  | { kind: "status"; status: number; retryAfter?: string }
  | { kind: "stall"; chunks?: string[] };

const VENDORS = {
  gemini(steps: Step[]) {
    const fake = startFakeGemini(steps);
    const env = {
      LLM_PROVIDER: "gemini",
      GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
      GEMINI_BASE_URL: fake.url,
    };
    return { fake, env };
  },
  openai(steps: Step[]) {
    const fake = startFakeOpenAi(steps);
    const env = {
      LLM_PROVIDER: "openai",
      OPENAI_API_KEY: "test-key",
      OPENAI_BASE_URL: `${fake.url}/v1`,
      OPENAI_MODEL: "gpt-6-luna",
    };
    return { fake, env };
  },
  ollama(steps: Step[]) {
    const fake = startFakeOllama(steps);
    const env = {
      LLM_PROVIDER: "ollama",
      OLLAMA_HOST: fake.url,
      OLLAMA_MODEL: "llama3.2:3b",
    };
    return { fake, env };
  },
};

/** Runs a test with each vendor, which takes these steps, one a question. */
function test(
  what: string,
  steps: Step[],
  env: Record<string, string>,
  fn: (server: RealServer) => Promise<void>,
): void {
  for (const [name, start] of Object.entries(VENDORS)) {
    Deno.test(`main.ts ${what}, with ${name}`, async () => {
      const vendor = start(steps);
      await using _ = vendor.fake;
      await using server = await startServer({
        env: {
          LAYERCODE_WEBHOOK_SECRET: SECRET,
          HOST: "127.0.0.1",
          ...vendor.env,
          ...env,
        },
      });
      await fn(server);
    });
  }
}

async function ask(server: RealServer): Promise<AnswerEvent[]> {
  const url = `${server.url}/agent`;
  const line = { url, secret: SECRET, withDetails: true };
  return await Array.fromAsync(readAnswer(await sendEvent(message("?"), line)));
}

function summaryOf(events: readonly AnswerEvent[]): AnswerEvent | undefined {
  return events.find(({ type }) => type === "parley.turn");
}

const eventsIn = (server: RealServer) => server.lines.map(({ event }) => event);

test(
  "asks again after 503, and the caller hears an answer",
  [
    { kind: "status", status: 503 },
    { kind: "status", status: 503, retryAfter: "1" },
    { kind: "text", chunks: ["Here ", "I am."] },
  ],
  {},
  async (server) => {
    const events = await ask(server);
    assertEquals(spoken(events), "Here I am.");
    assertEquals(summaryOf(events)?.status, "complete");
    const failed = eventsIn(server).filter((name) =>
      name === "provider.failed"
    );
    assertEquals(failed.length, 2);
  },
);

test(
  "doesn't wait for a vendor that wants to be asked in a minute",
  [{ kind: "status", status: 503, retryAfter: "60" }],
  {},
  async (server) => {
    const startedAt = performance.now();
    assertEquals(spoken(await ask(server)), ERROR_MESSAGE);
    assertLess(performance.now() - startedAt, 2_000);
  },
);

test(
  "fills the silence of a model that hangs, and then says that it can't answer",
  [{ kind: "stall" }],
  {
    FILLER_AFTER_MS: "200",
    FILLER_MESSAGE: "Hm.; Well.",
    FIRST_TOKEN_TIMEOUT_MS: "1200",
  },
  async (server) => {
    const events = await ask(server);
    assertMatch(spoken(events), /^(Hm\. Well\.|Well\. Hm\.)/);
    assert(spoken(events).endsWith(ERROR_MESSAGE));
    assertEquals(summaryOf(events)?.status, "failed");
  },
);

test(
  "fills the silence of a model that stops in mid-answer",
  [{ kind: "stall", chunks: ["Yes. "] }],
  {
    FILLER_AFTER_MS: "200",
    FILLER_MESSAGE: "Hm.",
    STALL_TIMEOUT_MS: "1500",
  },
  async (server) => {
    const text = spoken(await ask(server));
    assertMatch(text, /^Yes\. (Hm\. )+/);
    assert(text.endsWith(ERROR_MESSAGE));
  },
);

/** An answer of 2,000 different words, with a dot after every tenth. */
const ENDLESS = Array.from(
  { length: 2_000 },
  (_, n) => `word${n}${n % 10 === 9 ? "." : ""} `,
);

test(
  "ends an answer that goes on and on with its sentence, and says so",
  [{ kind: "text", chunks: ENDLESS }],
  { MAX_ANSWER_TOKENS: "100" },
  async (server) => {
    const events = await ask(server);
    const text = spoken(events);
    assertMatch(text, /^word0 word1 .*9\.$/);
    // Four letters a token, and the rest of a sentence.
    assert(text.length > 400 && text.length < 500, `${text.length} letters`);
    const { status, ended } = summaryOf(events) ?? {};
    assertEquals({ status, ended }, {
      status: "complete",
      ended: "max-tokens",
    });
    const end = server.lines.find(({ event }) => event === "turn.end");
    assertEquals(end?.ended, "max-tokens");
  },
);

test(
  "takes a vendor's own limit for an end, not for a failure",
  [{ kind: "max-tokens", chunks: ["Once upon ", "a time"] }],
  {},
  async (server) => {
    const events = await ask(server);
    assertEquals(spoken(events), "Once upon a time");
    const { status, ended } = summaryOf(events) ?? {};
    assertEquals({ status, ended }, {
      status: "complete",
      ended: "max-tokens",
    });
  },
);

test(
  "ends an answer that repeats itself",
  [{
    kind: "text",
    chunks: Array(500).fill(["I am ", "stuck ", "here. "]).flat(),
  }],
  {},
  async (server) => {
    const events = await ask(server);
    assertLess(spoken(events).length, 300);
    const { status, ended } = summaryOf(events) ?? {};
    assertEquals({ status, ended }, {
      status: "complete",
      ended: "repetition",
    });
  },
);
