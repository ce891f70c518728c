/**
 * The machine's clock jumps, as when it is set right after a start without a
 * network, or a laptop wakes up.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { inspect } from "../fakes/inspector.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { freePort } from "../fakes/ports.ts";
import { startServer } from "../fakes/server.ts";
import { ask, assertUnharmed, ENV } from "./_ask.ts";

const DAY_MS = 24 * 60 * 60_000;
const CLOCK = new URL("_clock.ts", import.meta.url).pathname;

/** A server whose clock can be set, with an Ollama that takes half a second to answer. */
async function start() {
  const ollama = startFakeOllama(() => ({
    kind: "text",
    chunks: Array.from({ length: 10 }, (_, n) => `word${n} `),
    delayMs: 50,
  }));
  const port = freePort();
  const server = await startServer({
    flags: [
      ...["--allow-net", "--allow-env", "--allow-read", "--allow-write=./data"],
      ...[`--inspect=127.0.0.1:${port}`, `--preload=${CLOCK}`],
    ],
    env: {
      ...ENV,
      LLM_PROVIDER: "ollama",
      OLLAMA_HOST: ollama.url,
      OLLAMA_MODEL: "llama3.2:3b",
    },
  });
  // Deno can't load what it needs later while it is being looked into.
  await ask(server, "conv_0");
  const inspector = await inspect(port);
  return {
    server,
    ollama,
    setClock: (offsetMs: number) =>
      inspector.evaluate(`clock.offsetMs = ${offsetMs}`),
    async [Symbol.asyncDispose]() {
      await inspector[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await ollama.close();
    },
  };
}

for (const [way, offsetMs] of [["forth", DAY_MS], ["back", -DAY_MS]] as const) {
  Deno.test(`main.ts ends a turn in which the clock jumps ${way}, and says what is wrong with the next signature`, async () => {
    await using stage = await start();
    const { server, setClock } = stage;
    const line = { url: `${server.url}/agent`, secret: SECRET };
    const response = await sendEvent(message("Hello"), line);
    await setClock(offsetMs);
    assertStringIncludes(spoken(await readEvents(response)), "word9");
    // Whoever signs has the right time, and the server no longer.
    const refused = await sendEvent(message("Again"), line);
    assertEquals(refused.status, 401);
    assertStringIncludes(await refused.text(), "check the clocks");
    await setClock(0);
    assertStringIncludes(await ask(server, "conv_1", "turn_2"), "word9");
    await assertUnharmed(server);
  });
}

Deno.test("main.ts tells at /ready that a model is gone although the clock has jumped back", async () => {
  await using stage = await start();
  const { server, setClock, ollama } = stage;
  async function status(): Promise<number> {
    const response = await fetch(`${server.url}/ready`);
    await response.body?.cancel();
    return response.status;
  }
  assertEquals(await status(), 200);
  await setClock(-DAY_MS);
  await ollama.close();
  // An answer is good for two seconds.
  const deadline = performance.now() + 10_000;
  while (await status() === 200) {
    assert(performance.now() < deadline, "It is still said to be ready");
    await new Promise((go) => setTimeout(go, 100));
  }
  const health = await (await fetch(`${server.url}/health`)).json();
  assert(health.uptime_s >= 0 && health.uptime_s < 60);
});
