/**
 * Conversations with a real model in a real Ollama, through the real server.
 * It is a small brain: what is asserted is flow, and what it was shown.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  type ClientOptions,
  sendEvent,
} from "../../src/platforms/layercode/client.ts";
import { message, readEvents, spoken } from "../fakes/layercode.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import { findEngine, isGenerating, tap } from "./_engine.ts";

const SECRET = "a secret for tests only";
const SYSTEM = "A conversation between a user and a helpful assistant.";
const WELCOME = "Hello! Who am I speaking to?";
/** The model counts for minutes when it isn't stopped. */
const ENDLESS = "Please write the numbers from 1 to 500.";

function start(host: string, model: string, folder: string) {
  return startServer({
    folder,
    env: {
      LLM_PROVIDER: "ollama",
      OLLAMA_HOST: host,
      OLLAMA_MODEL: model,
      OLLAMA_KEEP_ALIVE: "5m",
      // The engine's first answer waits for the model to load.
      FIRST_TOKEN_TIMEOUT_MS: "60000",
      STALL_TIMEOUT_MS: "60000",
      CONTEXT_TOKENS: "2048",
      // It is slow here, and what it is shown is looked at.
      FILLER_AFTER_MS: "0",
      MAX_ANSWER_TOKENS: "4000",
      LAYERCODE_WEBHOOK_SECRET: SECRET,
      HOST: "127.0.0.1",
      SYSTEM_PROMPT: SYSTEM,
      WELCOME_MESSAGE: WELCOME,
    },
  });
}

function lineTo(server: RealServer): ClientOptions {
  return { url: `${server.url}/agent`, secret: SECRET };
}

async function say(
  server: RealServer,
  turn_id: string,
  text: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const event = message(text, { turn_id, ...more });
  const events = await readEvents(await sendEvent(event, lineTo(server)));
  assertEquals(events.at(-1), { type: "response.end", turn_id });
  return spoken(events);
}

/** Asks, hears a few pieces and hangs up. */
async function sayAndHangUp(
  server: RealServer,
  turn_id: string,
  text: string,
  more: Record<string, unknown> = {},
): Promise<void> {
  const leaving = new AbortController();
  const event = message(text, { turn_id, ...more });
  const response = await sendEvent(event, lineTo(server), leaving.signal);
  const reader = response.body?.getReader();
  for (let n = 0; n < 5; n++) await reader?.read();
  leaving.abort();
}

Deno.test("a conversation with a real model survives a hang-up and a restart", async () => {
  const engine = findEngine();
  const folder = await Deno.makeTempDir();
  try {
    {
      await using server = await start(engine.host, engine.model, folder);
      const welcome = await readEvents(
        await sendEvent({
          type: "session.start",
          conversation_id: "conv_1",
          session_id: "sess_1",
          turn_id: "t1",
        }, lineTo(server)),
      );
      assertEquals(spoken(welcome), WELCOME);

      const first = await say(server, "t2", "My name is Ada. Say hello.");
      assertMatch(first, /\w/);

      // In a call of its own: a small model likes to say again what it said before.
      await sayAndHangUp(server, "t3", ENDLESS, { conversation_id: "conv_2" });
      // It takes the engine a moment to notice that nobody listens.
      let busy = true;
      for (let n = 0; busy && n < 10; n++) busy = await isGenerating(engine);
      assert(!busy, "Ollama still generates for a caller who is gone");

      const health = await (await fetch(`${server.url}/ready`)).json();
      assertEquals(health.status, "ready");
      assertEquals((await server.stop("SIGTERM")).code, 0);
    }
    {
      await using server = await start(engine.host, engine.model, folder);
      const answer = await say(server, "t4", "What is my name?");
      assertStringIncludes(answer, "Ada");
    }
    const sessions = `${folder}/data/sessions`;
    const left = await Deno.readTextFile(`${sessions}/conv_2.jsonl`);
    assertStringIncludes(left, '"turnId":"t3","status":"interrupted"');
    const kept = await Deno.readTextFile(`${sessions}/conv_1.jsonl`);
    assertStringIncludes(kept, '"turnId":"t4","status":"complete"');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a real model is shown what the caller heard, through two interruptions", async () => {
  const engine = findEngine();
  const folder = await Deno.makeTempDir();
  try {
    await using line = tap(engine);
    await using server = await start(line.url, engine.model, folder);
    const heard = (text_heard: string, assistant_turn_id?: string) => ({
      interruption_context: {
        previous_turn_interrupted: true,
        words_heard: text_heard.split(" ").length,
        text_heard,
        ...(assistant_turn_id ? { assistant_turn_id } : {}),
      },
    });

    const one = await say(server, "t1", "My name is Ada. Say hello.");
    await sayAndHangUp(server, "t2", ENDLESS);
    const three = await say(
      server,
      "t3",
      "Stop. What is my name?",
      heard("1, 2"),
    );
    await sayAndHangUp(server, "t4", ENDLESS);
    const five = await say(server, "t5", "Stop, please.", heard("", "t4"));
    await say(server, "t6", "Thank you. Goodbye!");

    assertEquals(line.asked.length, 6);
    const shown = line.asked.at(-1)?.messages ?? [];
    assertEquals(shown.slice(1).map(({ role, content }) => [role, content]), [
      ["user", "My name is Ada. Say hello."],
      ["assistant", one],
      ["user", ENDLESS],
      ["assistant", "1, 2 [interrupted]"],
      ["user", "Stop. What is my name?"],
      ["assistant", three],
      ["user", ENDLESS],
      ["assistant", "[interrupted before anything was heard]"],
      ["user", "Stop, please."],
      ["assistant", five],
      ["user", "Thank you. Goodbye!"],
    ]);
    assertStringIncludes(shown[0]?.content ?? "", SYSTEM);
    assertEquals(shown[0]?.role, "system");
    assertEquals(line.asked.map(({ options }) => options.num_ctx), [
      2048,
      2048,
      2048,
      2048,
      2048,
      2048,
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
