/**
 * The real server with few file descriptors, and more connections than it has
 * descriptors for, while callers are being answered.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { message, readEvents, spoken } from "../fakes/layercode.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { type RealServer, startServer } from "../fakes/server.ts";

const SECRET = "a secret for tests only";
const CALLS = 5;
const REQUEST = new TextEncoder().encode(
  "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
);
const IS_OLD = Deno.version.deno.startsWith("2.5.");

function connect({ url }: RealServer): Promise<Deno.Conn> {
  const { hostname, port } = new URL(url);
  // An IPv6 address is in brackets there.
  const bare = hostname.replaceAll(/[[\]]/g, "");
  return Deno.connect({ hostname: bare, port: Number(port) });
}

/** Connects until the server takes nobody any more; what each sends differs. */
async function fill(server: RealServer): Promise<Deno.Conn[]> {
  const open: Deno.Conn[] = [];
  for (let n = 0; n < 300; n++) {
    try {
      const connection = await connect(server);
      open.push(connection);
      if (n % 3 === 1) await connection.write(REQUEST.subarray(0, 20));
      if (n % 3 === 2) await connection.write(REQUEST);
    } catch {
      // It refuses, or has closed what it had accepted: that is the point.
      break;
    }
  }
  return open;
}

/** Asks on a connection. Returns the beginning of the answer; nothing if the connection is closed. */
async function ask(connection: Deno.Conn): Promise<string> {
  await connection.write(REQUEST);
  const answer = new Uint8Array(1024);
  const length = await connection.read(answer) ?? 0;
  return new TextDecoder().decode(answer.subarray(0, length));
}

/** Asks on new connections until there is an answer. */
async function isServing(server: RealServer): Promise<boolean> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    try {
      using connection = await connect(server);
      if ((await ask(connection)).startsWith("HTTP/1.1 200 ")) return true;
    } catch {
      // Refused, or closed before it was answered.
    }
    await new Promise((go) => setTimeout(go, 50));
  }
  return false;
}

Deno.test({
  name:
    "listen() recovers when descriptors run out, and cuts no call under way",
  // Windows has no such limit.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using fake = startFakeOllama(() => ({
      kind: "text",
      chunks: Array.from({ length: 40 }, (_, n) => `word${n} `),
      delayMs: 50,
    }));
    await using server = await startServer({
      openFiles: 256,
      env: {
        LLM_PROVIDER: "ollama",
        OLLAMA_HOST: fake.url,
        OLLAMA_MODEL: "llama3.2:3b",
        LAYERCODE_WEBHOOK_SECRET: SECRET,
        // The process has a right to this name, not to its address.
        HOST: "localhost",
        // Keeps its files open, where others open one for each record.
        SESSION_STORE: "kv",
      },
    });
    const line = { url: `${server.url}/agent`, secret: SECRET };
    const calls = await Promise.all(
      Array.from(
        { length: CALLS },
        (_, n) =>
          sendEvent(message("Count", { conversation_id: `call${n}` }), line),
      ),
    );
    const answers = calls.map(readEvents);
    using early = await connect(server);
    assertStringIncludes(await ask(early), "200 OK");
    const strangers = await fill(server);
    try {
      // While they hold on. Deno 2.5 does not close what they hold.
      if (!IS_OLD) assert(await isServing(server));
      const isTold = () =>
        server.lines.some((it) => it.event === "server.full");
      while (!isTold()) await new Promise((go) => setTimeout(go, 20));
      // Whoever is connected is answered, or is told to connect again.
      const timer = setTimeout(() => early.close(), 5_000);
      const answer = await ask(early).catch(() => "");
      clearTimeout(timer);
      assertEquals(answer.includes("200 OK"), IS_OLD);
      for (const events of await Promise.all(answers)) {
        assertEquals(events.at(-1)?.type, "response.end");
        assertStringIncludes(spoken(events), "word39");
      }
    } finally {
      for (const connection of strangers) connection.close();
    }
    assert(await isServing(server));
    const { code } = await server.stop("SIGTERM");
    assertEquals(code, 0);
    const told = server.lines.filter(({ event }) => event === "server.full");
    assertEquals(told.length, 1);
    assertStringIncludes(String(told[0]?.fix), "ulimit -n");
    assert(server.lines.some(({ event }) => event === "server.accepting"));
  },
});
