/**
 * The real server on a machine where Ollama comes up later than it does, as
 * after a reboot.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { agentSettings } from "../src/agent/prompt.ts";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "./fakes/layercode.ts";
import { startFakeOllama } from "./fakes/ollama.ts";
import { freePort, OLLAMA_PORT, whyNoOllamaPort } from "./fakes/ports.ts";
import { type RealServer, startServer } from "./fakes/server.ts";

const ERROR_MESSAGE = agentSettings.errorMessage.default;

const SETTINGS = {
  LAYERCODE_WEBHOOK_SECRET: SECRET,
  HOST: "127.0.0.1",
  LLM_PROVIDER: "",
  // An absent Ollama may be asked again until then.
  FIRST_TOKEN_TIMEOUT_MS: "1000",
};

function startOllama(port: number) {
  const chunks = ["Here ", "I am."];
  return startFakeOllama(() => ({ kind: "text", chunks }), { port });
}

/** Says something in a conversation of its own. */
async function say(server: RealServer, turn_id: string): Promise<string> {
  const event = message("Hello", { turn_id, conversation_id: turn_id });
  const line = { url: `${server.url}/agent`, secret: SECRET };
  const events = await readEvents(await sendEvent(event, line));
  assertEquals(events.at(-1)?.type, "response.end");
  return spoken(events);
}

/** Goes on until Ollama answers, which is the next turn unless this machine is very busy. */
async function sayUntilFound(server: RealServer): Promise<string> {
  for (let n = 1; n <= 5; n++) {
    // It looks at most once a second.
    await new Promise((go) => setTimeout(go, 1_000));
    const turn = `after_${n}`;
    const words = await say(server, turn);
    if (words === "Here I am.") return turn;
    assertMatch(words, /stand-in/);
  }
  throw new Error("Ollama was not found");
}

/** What the record of a conversation says of who answered. */
async function answeredBy(server: RealServer, id: string): Promise<unknown> {
  const file = `${server.folder}/data/sessions/${id}.jsonl`;
  const lines = (await Deno.readTextFile(file)).trim().split("\n");
  const { provider, model } = JSON.parse(lines.at(-1) ?? "{}");
  return [provider, model];
}

async function health(server: RealServer): Promise<unknown> {
  const { provider, model } = await (await fetch(`${server.url}/health`))
    .json();
  return [provider, model];
}

async function readiness({ url }: RealServer): Promise<number> {
  const response = await fetch(`${url}/ready`);
  await response.body?.cancel();
  return response.status;
}

function eventsOf({ lines }: RealServer): unknown[] {
  return lines.map(({ event }) => event);
}

/** Waits until the server has logged this. */
async function logged(server: RealServer, name: string): Promise<void> {
  for (let n = 0; n < 100 && !eventsOf(server).includes(name); n++) {
    await new Promise((go) => setTimeout(go, 50));
  }
  assert(eventsOf(server).includes(name), `${name} was not logged`);
}

const taken = whyNoOllamaPort();
// deno-lint-ignore no-console -- a test left out must say why
if (taken) console.log(`${taken}; finding a late Ollama was NOT tested`);

Deno.test({
  name: "main.ts lets its stand-in give way to an Ollama that comes up later",
  ignore: taken !== undefined,
  async fn() {
    await using server = await startServer({ env: SETTINGS });
    assertMatch(await say(server, "before"), /stand-in .* You said: Hello\./);
    assertEquals(await health(server), ["echo", "echo"]);
    assertEquals(await answeredBy(server, "before"), ["echo", "echo"]);

    {
      await using ollama = startOllama(OLLAMA_PORT);
      const turn = await sayUntilFound(server);
      assertEquals(await health(server), ["ollama", "qwen3.5:4b"]);
      assertEquals(await answeredBy(server, turn), ["ollama", "qwen3.5:4b"]);
      assertEquals(await readiness(server), 200);
      await logged(server, "provider.ready");
      const found = server.lines.filter(({ event }) =>
        event === "provider.found"
      );
      assertEquals(found.map(({ provider }) => provider), ["ollama"]);
      // Once found, it is never looked for again.
      const looks = () =>
        ollama.requests.filter(({ path }) => path === "/api/version").length;
      const before = looks();
      await new Promise((go) => setTimeout(go, 1_000));
      assertEquals(await say(server, "again"), "Here I am.");
      assertEquals(looks(), before);
    }

    // Once a model has answered, no echo does.
    assertEquals(await say(server, "gone"), ERROR_MESSAGE);
    assertEquals(await health(server), ["ollama", "qwen3.5:4b"]);
  },
});

for (const named of ["OLLAMA_MODEL", "OLLAMA_HOST"]) {
  const ignore = named === "OLLAMA_MODEL" && taken !== undefined;
  const name =
    `main.ts says its excuse, never an echo, until the Ollama of ${named} is there`;
  Deno.test({
    name,
    ignore,
    async fn() {
      const port = named === "OLLAMA_HOST" ? freePort() : OLLAMA_PORT;
      const value = named === "OLLAMA_HOST"
        ? `http://127.0.0.1:${port}`
        : "llama3.2:3b";
      await using server = await startServer({
        env: { ...SETTINGS, [named]: value },
      });
      // More often than a provider may fail before it is passed over.
      for (const turn of ["one", "two", "three", "four"]) {
        assertEquals(await say(server, turn), ERROR_MESSAGE);
      }
      assertEquals(await readiness(server), 503);
      await using _ollama = startOllama(port);
      assertEquals(await say(server, "five"), "Here I am.");
      const events = eventsOf(server);
      assertEquals(events.includes("provider.stand_in"), false);
      assertEquals(events.includes("provider.found"), false);
    },
  });
}
