/**
 * What a real engine has to read in each turn, and when it is done talking.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  type AnswerEvent,
  readAnswer,
  sendEvent,
} from "../../src/platforms/layercode/client.ts";
import { message, spoken } from "../fakes/layercode.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import { findEngine } from "./_engine.ts";

const SECRET = "a secret for tests only";

/**
 * Some 260 tokens, with the time in it, as an owner may write it. This model sees
 * 512 tokens at once: beyond that its engine reads all again once a token is taken
 * back, such as the empty line at which this model stops. Ten short turns fit.
 */
const SYSTEM =
  "A conversation between a caller and the front desk of a hotel. " +
  Array.from(
    { length: 21 },
    (_, n) =>
      `Room ${101 + n} looks out on the ${
        ["harbour", "old town", "garden", "hills"][n % 4]
      } and costs ${60 + 3 * n} euros.`,
  ).join(" ") +
  " The call began on {{date}} at {{time}}.";

function start(env: Record<string, string> = {}) {
  const engine = findEngine();
  return startServer({
    env: {
      LLM_PROVIDER: "ollama",
      OLLAMA_HOST: engine.host,
      OLLAMA_MODEL: engine.model,
      OLLAMA_KEEP_ALIVE: "5m",
      FIRST_TOKEN_TIMEOUT_MS: "60000",
      STALL_TIMEOUT_MS: "60000",
      CONTEXT_TOKENS: "4096",
      FILLER_AFTER_MS: "0",
      MAX_ANSWER_TOKENS: "6",
      LAYERCODE_WEBHOOK_SECRET: SECRET,
      HOST: "127.0.0.1",
      SYSTEM_PROMPT: SYSTEM,
      ...env,
    },
  });
}

/** Has a turn, and what the server tells of it. */
async function turn(
  server: RealServer,
  event: Record<string, unknown>,
): Promise<{ events: AnswerEvent[]; summary: AnswerEvent | undefined }> {
  const url = `${server.url}/agent`;
  const options = { url, secret: SECRET, withDetails: true };
  const answer = readAnswer(await sendEvent(event, options));
  const events = await Array.fromAsync(answer);
  const summary = events.find(({ type }) => type === "parley.turn");
  return { events, summary };
}

/** Waits until what began in the background is done, as the log tells. */
async function untilLogged(server: RealServer, event: string): Promise<void> {
  while (!server.lines.some((line) => line.event === event)) {
    await new Promise((go) => setTimeout(go, 50));
  }
}

Deno.test("a real engine reads little more than the newest words in each turn of a conversation", async () => {
  // What it has read once it may know still, so each has a prompt of its own.
  const own = (name: string) => ({
    SYSTEM_PROMPT: `This is ${name}. ${SYSTEM}`,
  });
  await using server = await start(own("Hotel Aurora"));
  await untilLogged(server, "provider.ready");
  const welcomed = await turn(server, {
    type: "session.start",
    conversation_id: "conv_1",
    session_id: "sess_1",
    turn_id: "t0",
  });
  assertEquals(welcomed.events.at(-1)?.type, "response.end");
  const readMs: number[] = [];
  for (let n = 1; n <= 10; n++) {
    const { summary } = await turn(
      server,
      message(`Room ${100 + n}?`, {
        turn_id: `t${n}`,
        conversation_id: "conv_1",
      }),
    );
    readMs.push(summary?.prompt_ms ?? Infinity);
  }
  await using cold = await start(own("Pension Boreas"));
  await untilLogged(cold, "provider.ready");
  // Another prompt in between, so that nothing is known of this one.
  await using other = await start(own("Castle Corvus"));
  await untilLogged(other, "provider.ready");
  await turn(other, message("Hello?", { conversation_id: "conv_2" }));
  const { summary } = await turn(
    cold,
    message("Room 101?", { conversation_id: "conv_3" }),
  );
  const coldMs = summary?.prompt_ms ?? 0;
  // deno-lint-ignore no-console -- the figures that the test is about
  console.log(`      read in ${readMs.join(", ")} ms; cold in ${coldMs} ms`);
  for (const ms of readMs) assertLess(ms, coldMs / 4);
});

Deno.test("a real model that never stops is ended, and the turn is complete", async () => {
  await using server = await start({
    SYSTEM_PROMPT: "A conversation between a user and a helpful assistant.",
    MAX_ANSWER_TOKENS: "40",
  });
  const { events, summary } = await turn(
    server,
    message("Please write the numbers from 1 to 500."),
  );
  assertEquals(summary?.status, "complete");
  assert(["max-tokens", "repetition"].includes(summary?.ended ?? ""));
  assertLess(spoken(events).length, 600);
  assertLess(summary?.output_tokens ?? 0, 60);
});

Deno.test("a real model that is still loading gets its time", async () => {
  const engine = findEngine();
  // Unloads it.
  const unloaded = await fetch(`${engine.host}/api/generate`, {
    method: "POST",
    body: JSON.stringify({ model: engine.model, keep_alive: 0 }),
  });
  await unloaded.body?.cancel();
  await using server = await start({
    SYSTEM_PROMPT: "A conversation between a user and a helpful assistant.",
    FIRST_TOKEN_TIMEOUT_MS: "250",
    FILLER_AFTER_MS: "150",
    FILLER_MESSAGE: "Just a second.",
    // A window of its own, with which it has to be loaded anew.
    CONTEXT_TOKENS: "3072",
  });
  const { events, summary } = await turn(server, message("Hello!"));
  assertEquals(summary?.status, "complete");
  assert(spoken(events).startsWith("Just a second."));
});

Deno.test("a real model is asked again when its engine is busy", async () => {
  const engine = findEngine();
  let refused = 0;
  // As Ollama answers where its queue is full.
  await using line = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen() {},
  }, async (request) => {
    const { pathname } = new URL(request.url);
    const body = request.method === "POST" ? await request.text() : null;
    const isQuestion = pathname === "/api/chat" &&
      !body?.includes('"num_predict":1,');
    if (pathname === "/api/chat" && isQuestion && refused++ < 2) {
      return Response.json({ error: "server busy, please try again" }, {
        status: 503,
      });
    }
    const { method, signal } = request;
    return await fetch(engine.host + pathname, { method, body, signal });
  });
  await using server = await start({
    OLLAMA_HOST: `http://127.0.0.1:${line.addr.port}`,
    SYSTEM_PROMPT: "A conversation between a user and a helpful assistant.",
  });
  const { events, summary } = await turn(server, message("Hello!"));
  assertEquals(summary?.status, "complete");
  assert(spoken(events) !== "");
  assert(refused >= 2);
});
