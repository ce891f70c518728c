/**
 * Cancelling must work after the garbage collector has been by: a `fetch` whose
 * response was collected doesn't hear its signal any more.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createGemini } from "../../src/providers/gemini.ts";
import { createOllama } from "../../src/providers/ollama.ts";
import type { Provider } from "../../src/providers/provider.ts";
import { createOpenAi } from "../../src/providers/openai.ts";
import { startFakeOpenAi } from "../fakes/openai.ts";
import { type Fake, startFakeGemini } from "../fakes/gemini.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { nextQuestion } from "../fakes/_wire.ts";
import { CONTEXT, question } from "./_ask.ts";

function collectGarbage(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) {
    throw new Error("Run this through `deno task test`: it needs --expose-gc");
  }
  gc();
}

const CHUNKS = Array.from({ length: 1_000 }, (_, n) => `word${n} `);

async function cancels(provider: Provider, fake: Fake): Promise<void> {
  for (let n = 0; n < 5; n++) {
    const controller = new AbortController();
    const { signal } = controller;
    const asked = Array.fromAsync(provider.stream(question({ signal })));
    asked.catch(() => {});
    const request = await nextQuestion(fake);
    for (let tick = 0; tick < 3; tick++) {
      await new Promise((go) => setTimeout(go, 10));
      collectGarbage();
    }
    controller.abort();
    const late = Promise.withResolvers<string>();
    const timer = setTimeout(() => late.resolve("too late"), 2_000);
    const outcome = await Promise.race([request.ended, late.promise]);
    clearTimeout(timer);
    assertEquals(outcome, "cancelled");
  }
}

Deno.test("createGemini() is cancelled although garbage was collected", async () => {
  await using fake = startFakeGemini(() => ({
    kind: "text",
    chunks: CHUNKS,
    delayMs: 5,
  }));
  await cancels(
    createGemini({
      apiKey: "test-key",
      model: "gemini-3.5-flash-lite",
      baseUrl: fake.url,
    }, CONTEXT),
    fake,
  );
});

Deno.test("createOllama() is cancelled although garbage was collected", async () => {
  await using fake = startFakeOllama(() => ({
    kind: "text",
    chunks: CHUNKS,
    delayMs: 5,
  }));
  await cancels(
    createOllama({
      host: fake.url,
      model: "llama3.2:3b",
      keepAlive: "1m",
    }, CONTEXT),
    fake,
  );
});

Deno.test("createOpenAi() is cancelled although garbage was collected", async () => {
  await using fake = startFakeOpenAi(() => ({
    kind: "text",
    chunks: CHUNKS,
    delayMs: 5,
  }));
  await cancels(
    createOpenAi({
      apiKey: "test-key",
      model: "gpt-6-luna",
      baseUrl: `${fake.url}/v1`,
    }, CONTEXT),
    fake,
  );
});
