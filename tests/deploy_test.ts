/**
 * The server as Deno Deploy runs it: without flags of ours, with no disk to
 * write, stopped by SIGINT.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import deno from "../deno.json" with { type: "json" };
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { withMute } from "./fakes/broken_wire.ts";
import { type GeminiAnswer, startFakeGemini } from "./fakes/gemini.ts";
import { message, readEvents, SECRET, spoken } from "./fakes/layercode.ts";
import { type ServerOptions, startServer } from "./fakes/server.ts";

/** Starts it where nothing but Deno KV can be written. */
async function startDeployed(
  kvFile: string,
  env: Record<string, string> = {},
  options: ServerOptions = {},
) {
  return await startServer({
    ...options,
    flags: [
      "--allow-net",
      "--allow-env",
      "--allow-read",
      `--allow-write=${kvFile}`,
    ],
    env: {
      DENO_DEPLOY: "true",
      LAYERCODE_WEBHOOK_SECRET: SECRET,
      // Deploy opens the app's own database; here it is a file.
      SESSION_STORE: `kv:${kvFile}`,
      ...env,
    },
  });
}

/** An agent that goes on and on, sentence by sentence. */
const ENDLESS: GeminiAnswer = {
  kind: "text",
  chunks: Array.from(
    { length: 200 },
    (_, n) => ` word${n}${n % 15 ? "" : "."}`,
  ),
  delayMs: 100,
};

Deno.test("main.ts keeps conversations on Deno Deploy, where no file lasts", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const number of [1, 2]) {
      await using server = await startDeployed(`${folder}/kv`);
      const listening = server.lines.find(({ event }) =>
        event === "server.listening"
      );
      assertEquals(listening?.store, "kv");
      const line = { url: `${server.url}/agent`, secret: SECRET };
      const event = message("Hello", { turn_id: `turn_${number}` });
      const events = await readEvents(await sendEvent(event, line));
      assertStringIncludes(spoken(events), `message number ${number}`);
      assertEquals((await server.stop("SIGINT")).code, 0);
      // Nothing was written beside the database.
      assertEquals(
        await Array.fromAsync(Deno.readDir(server.folder)),
        [],
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("main.ts starts on Deno Deploy without a secret, says so, and lets nobody in", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startDeployed(`${folder}/kv`, {
      LAYERCODE_WEBHOOK_SECRET: "",
    });
    assert(
      server.lines.some(({ level, event }) =>
        level === "error" && event === "secret.missing"
      ),
    );
    const url = `${server.url}/agent`;
    const refused = await sendEvent(message("Hi"), { url, secret: SECRET });
    assertEquals(refused.status, 401);
    await refused.body?.cancel();
    // Its proxy says whom it speaks for: no playground for strangers.
    const page = await fetch(server.url, {
      headers: { "x-forwarded-for": "203.0.113.9" },
    });
    assertMatch(page.headers.get("content-type") ?? "", /json/);
    await page.body?.cancel();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("main.ts drains within four seconds of SIGINT: a last sentence, the end, and 503 for what is new", async () => {
  const folder = await Deno.makeTempDir();
  await using gemini = startFakeGemini(() => ENDLESS);
  try {
    await using server = await startDeployed(`${folder}/kv`, {
      LLM_PROVIDER: "gemini",
      GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
      GEMINI_BASE_URL: gemini.url,
    });
    const line = { url: `${server.url}/agent`, secret: SECRET };
    const responses = await Promise.all(
      [1, 2, 3].map((n) =>
        sendEvent(message("Talk", { conversation_id: `c${n}` }), line)
      ),
    );
    const startedAt = performance.now();
    const stopped = server.stop("SIGINT");
    await untilDraining(server.url);
    const late = await sendEvent(
      message("Hello?", { conversation_id: "c4" }),
      line,
    );
    assertEquals(late.status, 503);
    assertStringIncludes(await late.text(), "shutting_down");
    for (const response of responses) {
      const events = await readEvents(response);
      assertEquals(events.at(-1)?.type, "response.end");
      assertMatch(spoken(events), /word\d+\.$/);
    }
    assertEquals((await stopped).code, 0);
    const tookMs = performance.now() - startedAt;
    assert(tookMs < 4_000, `${tookMs} ms`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("main.ts says at its start that the store can't be reached, and leaves within four seconds while turns wait for it", async () => {
  await withMute(async (store) => {
    await using server = await startServer({
      env: { LAYERCODE_WEBHOOK_SECRET: SECRET, SESSION_STORE: store },
    });
    const line = { url: `${server.url}/agent`, secret: SECRET };
    await until(() =>
      server.lines.some(({ event }) => event === "store.not_ready")
    );
    let isOver = false;
    const turn = sendEvent(message("Hello?"), line)
      .then((response) => response.body?.cancel())
      // Cut off: it was never accepted.
      .catch(() => {})
      .finally(() => isOver = true);
    await new Promise((go) => setTimeout(go, 500));
    assertEquals(isOver, false);
    const startedAt = performance.now();
    assertEquals((await server.stop("SIGTERM")).code, 0);
    const tookMs = performance.now() - startedAt;
    assert(tookMs < 4_000, `${tookMs} ms`);
    await turn;
    assert(!JSON.stringify(server.lines).includes("hunter2"));
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("It didn't happen");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("main.ts says one sentence when it ends before the model has a word", async () => {
  const folder = await Deno.makeTempDir();
  await using gemini = startFakeGemini(() => ({ kind: "stall" }));
  try {
    await using server = await startDeployed(`${folder}/kv`, {
      LLM_PROVIDER: "gemini",
      GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
      GEMINI_BASE_URL: gemini.url,
      ERROR_MESSAGE: "Please say that again.",
      // It would be due just when the turn is ended.
      FILLER_AFTER_MS: "0",
    });
    const line = { url: `${server.url}/agent`, secret: SECRET };
    const response = await sendEvent(message("Hello?"), line);
    const startedAt = performance.now();
    const stopped = server.stop("SIGINT");
    const events = await readEvents(response);
    assertEquals(spoken(events), "Please say that again.");
    assertEquals(events.at(-1)?.type, "response.end");
    assertEquals((await stopped).code, 0);
    const tookMs = performance.now() - startedAt;
    assert(tookMs < 4_000, `${tookMs} ms`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function untilDraining(url: string): Promise<void> {
  while (true) {
    const response = await fetch(`${url}/health`);
    await response.body?.cancel();
    if (response.status === 503) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("deno.json tells Deno Deploy what to run", () => {
  assertEquals(deno.deploy.runtime, {
    type: "dynamic",
    entrypoint: "main.ts",
  });
  // Flags can't be given there.
  assert(deno.unstable.includes("kv"));
});
