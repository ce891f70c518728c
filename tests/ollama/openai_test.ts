/**
 * The real server, and a real engine that speaks OpenAI's chat completions:
 * Ollama does under `/v1`.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readAnswer, sendEvent } from "../../src/platforms/layercode/client.ts";
import { openai as vendor } from "../../src/providers/openai.ts";
import { message, SECRET, spoken } from "../fakes/layercode.ts";
import { startServer } from "../fakes/server.ts";
import { ask, askInVain, CONTEXT, question } from "../providers/_ask.ts";
import { findEngine, isGenerating } from "./_engine.ts";

function settings() {
  const { host, model } = findEngine();
  const address = host.startsWith("http") ? host : `http://${host}`;
  return { baseUrl: `${address}/v1`, model };
}

Deno.test("a real engine answers over OpenAI's wire, counts, and is cut where it is to end", async () => {
  const openai = vendor.create(settings(), CONTEXT);
  await openai.check(AbortSignal.timeout(5_000));
  const { text, parts } = await ask(openai, { maxTokens: 8 });
  assert(text.trim() !== "");
  const last = parts.at(-1);
  assert(last?.type === "finish");
  assert((last.usage.inputTokens ?? 0) > 0);
  assert((last.usage.outputTokens ?? 0) > 0);
  assertEquals(last.isCut, true);
});

Deno.test("a real engine is told of tools only where its model can call them", async () => {
  const tools = [{
    name: "get_weather",
    description: "Tells the weather",
    parameters: { type: "object", properties: {} },
  }];
  const openai = vendor.create(settings(), CONTEXT);
  for (let n = 0; n < 2; n++) {
    const { parts } = await ask(openai, { tools, maxTokens: 8 });
    assertEquals(parts.at(-1)?.type, "finish");
  }
});

Deno.test("a real engine's refusal says which models it has", async () => {
  const { model, ...rest } = settings();
  const wrong = { ...rest, model: "no-such-model:1b" };
  const { error } = await askInVain(vendor.create(wrong, CONTEXT));
  assertEquals([error.status, error.retryable], [404, false]);
  assertStringIncludes(error.message, model);
});

Deno.test("a real engine stops when the caller leaves", async () => {
  const openai = vendor.create(settings(), CONTEXT);
  const text = "Please write the numbers from 1 to 500.";
  const endless = question({ messages: [{ role: "user", text }] });
  for await (const _part of openai.stream(endless)) break;
  await new Promise((go) => setTimeout(go, 300));
  assertEquals(await isGenerating(findEngine()), false);
});

Deno.test("main.ts talks over OpenAI's wire with a real engine", async () => {
  const { baseUrl, model } = settings();
  await using server = await startServer({
    env: {
      LLM_PROVIDER: "openai",
      OPENAI_BASE_URL: baseUrl,
      OPENAI_MODEL: model,
      FIRST_TOKEN_TIMEOUT_MS: "60000",
      STALL_TIMEOUT_MS: "60000",
      FILLER_AFTER_MS: "0",
      MAX_ANSWER_TOKENS: "20",
      LAYERCODE_WEBHOOK_SECRET: SECRET,
      HOST: "127.0.0.1",
      SYSTEM_PROMPT: "A conversation between a user and a helpful assistant.",
    },
  });
  const line = {
    url: `${server.url}/agent`,
    secret: SECRET,
    withDetails: true,
  };
  const response = await sendEvent(message("Hello!"), line);
  const events = await Array.fromAsync(readAnswer(response));
  const summary = events.find(({ type }) => type === "parley.turn");
  assertEquals([summary?.status, summary?.provider], ["complete", "openai"]);
  assert(spoken(events) !== "");
});
