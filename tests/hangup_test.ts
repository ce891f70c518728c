/**
 * A caller hangs up, seen from the model vendor's side: the real server on a
 * real port, a real client that leaves, and vendors on loopback.
 *
 * @module
 */
import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import {
  type ClientOptions,
  sendEvent,
} from "../src/platforms/layercode/client.ts";
import { type Fake, startFakeGemini } from "./fakes/gemini.ts";
import { message, readEvents, spoken } from "./fakes/layercode.ts";
import { startFakeOllama } from "./fakes/ollama.ts";
import { type RealServer, startServer } from "./fakes/server.ts";

const SECRET = "a secret for tests only";

/** A script: endless for callers who leave, short for the one who stays. */
const WORDS = Array.from({ length: 400 }, (_, n) => `word${n} `);

type Vendor = {
  name: string;
  start(stage: "cold" | "talking"): { fake: Fake; env: Record<string, string> };
};

/** What is asked by the caller who stays on the line. */
const STAYS = "I stay";

function isStaying(body: unknown): boolean {
  return JSON.stringify(body).includes(STAYS);
}

const VENDORS: Vendor[] = [
  {
    name: "gemini",
    start(stage) {
      const fake = startFakeGemini(({ body }) =>
        isStaying(body)
          ? { kind: "text", chunks: WORDS.slice(0, 40), delayMs: 5 }
          : stage === "cold"
          ? { kind: "stall" }
          : { kind: "text", chunks: WORDS, delayMs: 5 }
      );
      const env = {
        LLM_PROVIDER: "gemini",
        GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
        GEMINI_BASE_URL: fake.url,
      };
      return { fake, env };
    },
  },
  {
    name: "ollama",
    start(stage) {
      const fake = startFakeOllama(({ body }) =>
        isStaying(body)
          ? { kind: "text", chunks: WORDS.slice(0, 40), delayMs: 5 }
          : stage === "cold"
          ? { kind: "stall" }
          : { kind: "text", chunks: WORDS, delayMs: 5 }
      );
      const env = {
        LLM_PROVIDER: "ollama",
        OLLAMA_HOST: fake.url,
        OLLAMA_MODEL: "llama3.2:3b",
      };
      return { fake, env };
    },
  },
];

function lineTo(server: RealServer): ClientOptions {
  return { url: `${server.url}/agent`, secret: SECRET };
}

/** The request for an answer that carries these words. */
async function requestWith(fake: Fake, words: string) {
  while (true) {
    const request = await fake.nextRequest();
    if (JSON.stringify(request.body ?? "").includes(words)) return request;
  }
}

for (const vendor of VENDORS) {
  for (const stage of ["cold", "talking"] as const) {
    Deno.test(`a hang-up reaches ${vendor.name} within 100 ms (${stage}), and nobody else`, async () => {
      const { fake, env } = vendor.start(stage);
      await using _ = fake;
      await using server = await startServer({
        env: { ...env, LAYERCODE_WEBHOOK_SECRET: SECRET, HOST: "127.0.0.1" },
      });
      const line = lineTo(server);

      const leaving = new AbortController();
      const response = await sendEvent(
        message("I leave", { conversation_id: "leaves" }),
        line,
        leaving.signal,
      );
      const request = await requestWith(fake, "I leave");
      const staying = sendEvent(
        message(STAYS, { conversation_id: "stays" }),
        line,
      ).then(readEvents);
      // Where something else fails first, that is what should be told.
      staying.catch(() => {});
      if (stage === "talking") {
        const reader = response.body?.getReader();
        await reader?.read();
        await reader?.read();
      }
      const at = performance.now();
      leaving.abort();
      assertLess(await request.cancelled - at, 100);

      const events = await staying;
      assertStringIncludes(spoken(events), "word39");
      assertEquals(events.at(-1)?.type, "response.end");
      // The process is still there, and what was said is kept.
      const health = await fetch(`${server.url}/health`);
      assertEquals((await health.json()).status, "ok");
      const file = `${server.folder}/data/sessions/leaves.jsonl`;
      await waitFor(async () =>
        (await Deno.readTextFile(file)).includes('"status":"interrupted"')
      );
      const kept = await Deno.readTextFile(file);
      assertStringIncludes(kept, "I leave");
      if (stage === "talking") assertStringIncludes(kept, "word0");
    });
  }
}

/** The last record follows the cancel by a write to the disk. */
async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error("It didn't happen");
    await new Promise((go) => setTimeout(go, 5));
  }
}
