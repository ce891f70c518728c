/**
 * Measures how long the model goes on after the caller has hung up: from the
 * moment that the client disconnects until the vendor's server notices it,
 * through the real server.
 *
 * @module
 */
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { startFakeGemini } from "../fakes/gemini.ts";
import { message, SECRET } from "../fakes/layercode.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { nextQuestion } from "../fakes/_wire.ts";
import { startServer } from "../fakes/server.ts";
import { type Figure, ms, percentile } from "./_table.ts";

const TIMES = 40;
const CHUNKS = Array.from({ length: 1_000 }, (_, n) => `word${n} `);

/** Runs the bench for both vendors. */
export async function benchHangUp(): Promise<Figure[]> {
  const answer = { kind: "text", chunks: CHUNKS, delayMs: 5 } as const;
  const gemini = startFakeGemini(() => answer);
  const ollama = startFakeOllama(() => answer);
  return [
    await measure("gemini", gemini, {
      LLM_PROVIDER: "gemini",
      GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
      GEMINI_BASE_URL: gemini.url,
    }),
    await measure("ollama", ollama, {
      LLM_PROVIDER: "ollama",
      OLLAMA_HOST: ollama.url,
      OLLAMA_MODEL: "llama3.2:3b",
    }),
  ];
}

async function measure(
  name: string,
  vendor: ReturnType<typeof startFakeGemini | typeof startFakeOllama>,
  env: Record<string, string>,
): Promise<Figure> {
  await using _ = vendor;
  await using server = await startServer({
    env: { ...env, LAYERCODE_WEBHOOK_SECRET: SECRET, HOST: "127.0.0.1" },
  });
  const samples: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    const leaving = new AbortController();
    const response = await sendEvent(
      message("Tell me a story", { turn_id: `turn_${n}` }),
      { url: `${server.url}/agent`, secret: SECRET },
      leaving.signal,
    );
    await response.body?.getReader().read();
    const request = await nextQuestion(vendor);
    const at = performance.now();
    leaving.abort();
    const outcome = await Promise.race([request.ended, sleep(5_000)]);
    if (outcome !== "cancelled") throw new Error(`${name} was not cancelled`);
    samples.push((request.endedAt ?? NaN) - at);
  }
  const worst = percentile(samples, 0.99);
  return {
    what: `hang-up to ${name}'s cancel, p50 and p99`,
    value: `${ms(percentile(samples, 0.5))}, ${ms(worst)}`,
    bound: "under 100 ms",
    holds: worst < 100,
    isClearMiss: percentile(samples, 0.5) > 100,
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
