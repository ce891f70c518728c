/**
 * What a turn costs, and whether it costs more in a long conversation.
 *
 * The whole line but for the sockets: signed request, file store, the Ollama
 * SDK. Ollama's answer is canned, so that all that is counted is our own CPU.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { tools } from "../../src/agent/mod.ts";
import { createApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { createFloor } from "../../src/conversation/floor.ts";
import { json } from "../../src/http.ts";
import { createLog } from "../../src/log.ts";
import { createFailover } from "../../src/providers/failover.ts";
import { createOllama } from "../../src/providers/ollama.ts";
import { createFileStore } from "../../src/sessions/file.ts";
import { createWebhook } from "../../src/webhook.ts";
import { message, SECRET, signedRequest } from "../fakes/layercode.ts";
import { type Figure, ms, percentile } from "./_table.ts";

const TURNS = 1_000;
const SAMPLE = 50;

/** Twenty tokens, as a small model streams them. */
const ANSWER = new TextEncoder().encode(
  Array.from({ length: 20 }, (_, n) =>
    JSON.stringify({
      model: "m",
      created_at: "2026-11-21T10:00:00Z",
      message: { role: "assistant", content: `word${n} ` },
      done: false,
    }) + "\n").join("") +
    JSON.stringify({
      model: "m",
      created_at: "2026-11-21T10:00:00Z",
      message: { role: "assistant", content: "" },
      done: true,
      prompt_eval_count: 100,
      eval_count: 20,
    }) + "\n",
);

/** Runs it. */
export async function benchTurns(): Promise<Figure[]> {
  const folder = await Deno.makeTempDir();
  const realFetch = globalThis.fetch;
  globalThis.fetch = (url) =>
    Promise.resolve(
      String(url).endsWith("/api/show")
        ? Response.json({ capabilities: ["completion"] })
        : new Response(ANSWER),
    );
  try {
    const handle = makeHandler(folder);
    // First in another conversation, until the engine has compiled everything.
    await talk(handle, "warm-up", 300);
    const { cpuMs, wallMs } = await talk(handle, "long", TURNS);
    const first = mean(cpuMs.slice(0, SAMPLE));
    const last = mean(cpuMs.slice(-SAMPLE));
    const ratio = last / first;
    return [
      { what: `CPU a turn, first ${SAMPLE} of ${TURNS}`, value: ms(first) },
      { what: `CPU a turn, last ${SAMPLE} of ${TURNS}`, value: ms(last) },
      {
        what: "  last over first",
        value: ratio.toFixed(2),
        bound: "at most 1.20",
        holds: ratio <= 1.2,
      },
      {
        what: "whole turn, p50 and p99",
        value: `${ms(percentile(wallMs, 0.5))}, ${
          ms(percentile(wallMs, 0.99))
        }`,
      },
    ];
  } finally {
    globalThis.fetch = realFetch;
    await Deno.remove(folder, { recursive: true });
  }
}

function makeHandler(folder: string) {
  const log = createLog({ level: "error", format: "json" });
  const { agent } = readConfig({});
  const now = Date.now;
  const ollama = createOllama({
    host: "http://127.0.0.1:1",
    model: "m",
    keepAlive: "30m",
    contextTokens: agent.contextTokens,
    thinking: "off",
    log,
  });
  const provider = createFailover([ollama], {
    log,
    now,
    firstTokenTimeoutMs: 10_000,
    stallTimeoutMs: 10_000,
  });
  const webhook = createWebhook({
    secrets: [SECRET],
    floor: createFloor(),
    store: createFileStore({ folder }),
    provider,
    agent,
    tools,
    onData: () => undefined,
    log,
    now,
  });
  const none = () => json({});
  return createApp({
    webhook,
    authorize: none,
    health: none,
    ready: none,
    home: none,
    log,
    isDraining: () => false,
  });
}

async function talk(
  handle: ReturnType<typeof makeHandler>,
  conversation_id: string,
  turns: number,
): Promise<{ cpuMs: number[]; wallMs: number[] }> {
  const cpuMs: number[] = [];
  const wallMs: number[] = [];
  for (let n = 0; n < turns; n++) {
    const request = signedRequest(
      message(`This is question number ${n} of the caller.`, {
        conversation_id,
        turn_id: `turn_${n}`,
      }),
    );
    const before = cpuUsage();
    const at = performance.now();
    await (await handle(request)).arrayBuffer();
    wallMs.push(performance.now() - at);
    const { user, system } = cpuUsage(before);
    cpuMs.push((user + system) / 1000);
  }
  return { cpuMs, wallMs };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
