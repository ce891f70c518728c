/**
 * A vendor sends what no vendor should. Whatever it is, the caller hears a
 * sentence, the answer ends, and the next caller is served.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { agentSettings } from "../../src/agent/prompt.ts";
import { startFakeGemini } from "../fakes/gemini.ts";
import { type OllamaAnswer, startFakeOllama } from "../fakes/ollama.ts";
import { startFakeOpenAi } from "../fakes/openai.ts";
import { peakMbOf } from "../fakes/process.ts";
import { startServer } from "../fakes/server.ts";
import { ask, assertUnharmed, ENV } from "./_ask.ts";

const ERROR_MESSAGE = agentSettings.errorMessage.default;

const TIMEOUTS = { FIRST_TOKEN_TIMEOUT_MS: "1000", STALL_TIMEOUT_MS: "500" };

/** What comes instead of a stream; the same bytes for every vendor. */
type Raw = OllamaAnswer & { kind: "raw" };

function raw(text: string | Uint8Array, end: Raw["end"] = "whole"): Raw {
  const bytes = typeof text === "string"
    ? new TextEncoder().encode(text)
    : text;
  return { kind: "raw", bytes: [bytes], end };
}

/** A body that is larger than a small machine's memory. */
function gigantic(status: number): Raw {
  const piece = new TextEncoder().encode("data: ".repeat(170_000));
  return { kind: "raw", bytes: Array(300).fill(piece), status };
}

const FAULTS: Record<string, Raw> = {
  "half a JSON": raw('{"model":"x","message":{"role":"assi'),
  "half a JSON, and then nothing": raw('data: {"choices":[{"del', "stall"),
  "half a JSON, and the line is cut": raw('data: {"candidates":[', "cut"),
  "1 MB in one chunk, without a line's end": raw("x".repeat(1_000_000)),
  "1 MB of a JSON string": raw(`data: {"a":"${"x".repeat(1_000_000)}"}\n\n`),
  "bytes that are no UTF-8": raw(new Uint8Array(5_000).fill(0xff)),
  "zeros": raw(new Uint8Array(5_000)),
  "nothing at all": raw(""),
  "300 MB without a line's end": gigantic(200),
  "300 MB of a refusal": gigantic(400),
  "1 MB of an error's words": raw(
    '{"error":"X"}\n\ndata: {"error":{"message":"X"}}\n\n'
      .replaceAll("X", "x".repeat(1_000_000)),
  ),
  "1 MB of a reason": raw(
    `data: {"candidates":[{"finishReason":"${"x".repeat(1_000_000)}"}]}\n\n`,
  ),
  "the key that it refuses": {
    ...raw('{"error":{"message":"Wrong key: test-key"}}'),
    status: 401,
  },
  "JSON that is no answer": raw('null\n\ndata: null\n\ndata: [1]\n\n"x"\n'),
};

const VENDORS = {
  gemini: (script: () => Raw) => {
    const fake = startFakeGemini(script);
    return {
      fake,
      env: {
        LLM_PROVIDER: "gemini",
        GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
        GEMINI_BASE_URL: fake.url,
      },
    };
  },
  ollama: (script: () => Raw) => {
    const fake = startFakeOllama(script);
    return {
      fake,
      env: {
        LLM_PROVIDER: "ollama",
        OLLAMA_HOST: fake.url,
        OLLAMA_MODEL: "llama3.2:3b",
      },
    };
  },
  openai: (script: () => Raw) => {
    const fake = startFakeOpenAi(script);
    return {
      fake,
      env: {
        LLM_PROVIDER: "openai",
        OPENAI_API_KEY: "test-key",
        OPENAI_BASE_URL: `${fake.url}/v1`,
        OPENAI_MODEL: "gpt-6-luna",
      },
    };
  },
};

for (const [name, start] of Object.entries(VENDORS)) {
  Deno.test(`main.ts says one sentence whatever bytes ${name} sends`, async () => {
    let next = raw("");
    const { fake, env } = start(() => next);
    await using _ = fake;
    await using server = await startServer({
      env: { ...ENV, ...env, ...TIMEOUTS },
    });
    for (const [what, answer] of Object.entries(FAULTS)) {
      next = answer;
      assertEquals([what, await ask(server, what)], [what, ERROR_MESSAGE]);
    }
    assertLess(peakMbOf(server.pid), 300);
    const lines = server.lines.map((line) => JSON.stringify(line));
    assertLess(Math.max(...lines.map(({ length }) => length)), 2_000);
    const keys = Object.values(env).filter((value) => value === "test-key");
    const telling = lines.filter((line) =>
      keys.some((it) => line.includes(it))
    );
    assertEquals(telling, []);
    await assertUnharmed(server);
  });
}

Deno.test("main.ts says a megabyte that comes as one word only up to its limit", async () => {
  const content = "Yes. ".repeat(200_000);
  const line = JSON.stringify({ message: { content }, done: false });
  const { fake, env } = VENDORS.ollama(() => raw(`${line}\n`));
  await using _ = fake;
  await using server = await startServer({ env: { ...ENV, ...env } });
  const said = await ask(server, "a");
  assert(said.length > 0 && said.length < 50_000, `${said.length} letters`);
  await assertUnharmed(server);
});

Deno.test("main.ts takes no more of one endless word than it says", async () => {
  // Each of these could be the beginning of an address.
  const content = "www.".repeat(1_000_000);
  const line = JSON.stringify({ message: { content }, done: false });
  const { fake, env } = VENDORS.ollama(() => raw(`${line}\n`));
  await using _ = fake;
  await using server = await startServer({ env: { ...ENV, ...env } });
  const startedAt = performance.now();
  await ask(server, "a");
  assertLess(performance.now() - startedAt, 8_000);
  await assertUnharmed(server);
});

Deno.test("main.ts says one sentence when a vendor's name is not found", async () => {
  await using server = await startServer({
    env: {
      ...ENV,
      ...TIMEOUTS,
      LLM_PROVIDER: "openai",
      OPENAI_API_KEY: "test-key",
      OPENAI_BASE_URL: "http://no-such-name.invalid/v1",
      OPENAI_MODEL: "gpt-6-luna",
    },
  });
  assertEquals(await ask(server, "a"), ERROR_MESSAGE);
  await assertUnharmed(server);
});
