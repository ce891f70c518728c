/**
 * The real server, and a real Ollama that can be reached only later, as after a
 * reboot.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { agentSettings } from "../../src/agent/prompt.ts";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import { freePort, OLLAMA_PORT, whyNoOllamaPort } from "../fakes/ports.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import { findEngine, tap } from "./_engine.ts";

const ERROR_MESSAGE = agentSettings.errorMessage.default;

const SETTINGS = {
  LLM_PROVIDER: "",
  LAYERCODE_WEBHOOK_SECRET: SECRET,
  HOST: "127.0.0.1",
  // The engine's first answer waits for the model to load.
  FIRST_TOKEN_TIMEOUT_MS: "30000",
  STALL_TIMEOUT_MS: "60000",
  CONTEXT_TOKENS: "2048",
  SYSTEM_PROMPT: "A conversation between a user and a helpful assistant.",
};

/** Asks in a conversation of its own: a small model repeats what it is shown. */
async function say(server: RealServer, turn_id: string): Promise<string> {
  const text = "My name is Ada. Say hello.";
  const event = message(text, { turn_id, conversation_id: turn_id });
  const line = { url: `${server.url}/agent`, secret: SECRET };
  const events = await readEvents(await sendEvent(event, line));
  assertEquals(events.at(-1), { type: "response.end", turn_id });
  return spoken(events);
}

async function providerOf({ url }: RealServer): Promise<unknown> {
  return (await (await fetch(`${url}/health`)).json()).provider;
}

const taken = whyNoOllamaPort();
// deno-lint-ignore no-console -- a test left out must say why
if (taken) console.log(`${taken}; finding a late Ollama was NOT tested`);

Deno.test({
  name: "a stand-in gives way to a real model that comes up later",
  ignore: taken !== undefined,
  async fn() {
    const engine = findEngine();
    await using server = await startServer({ env: SETTINGS });
    assertStringIncludes(await say(server, "t1"), "stand-in");
    await using line = tap(engine, OLLAMA_PORT);
    await new Promise((go) => setTimeout(go, 1_000));
    const answer = await say(server, "t2");
    assert(/\w/.test(answer) && !answer.includes("stand-in"), answer);
    assertEquals(await providerOf(server), "ollama");
    assertEquals(line.asked.length, 1);
    const events = server.lines.map(({ event }) => event);
    assert(events.includes("provider.found"));
  },
});

Deno.test("a named model that comes up later answers as soon as it is there", async () => {
  const engine = findEngine();
  const port = freePort();
  await using server = await startServer({
    env: {
      ...SETTINGS,
      OLLAMA_HOST: `127.0.0.1:${port}`,
      OLLAMA_MODEL: engine.model,
    },
  });
  assertEquals(await providerOf(server), "ollama");
  const excuse = await say(server, "t1");
  assertStringIncludes(excuse, ERROR_MESSAGE);
  await using line = tap(engine, port);
  const answer = await say(server, "t2");
  assert(/\w/.test(answer) && !answer.includes(ERROR_MESSAGE), answer);
  assertEquals(line.asked.length, 1);
});
