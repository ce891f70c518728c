/**
 * Clients that no library would make: idle ones by the thousand, half-sent
 * heads, one that sends a byte at a time, and one that reads nothing and never closes.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sign } from "../../src/platforms/layercode/verify.ts";
import { message, SECRET } from "../fakes/layercode.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { descriptorsOf } from "../fakes/process.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import { ask, assertUnharmed, ENV } from "./_ask.ts";

const IS_LINUX = Deno.build.os === "linux";
const IDLE = 2_000;

function portOf({ url }: RealServer): number {
  return Number(new URL(url).port);
}

function connect(server: RealServer): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port: portOf(server) });
}

/** A signed turn as bytes, head and body. */
function toBytes(conversation: string): Uint8Array<ArrayBuffer> {
  const body = JSON.stringify(
    message("Hello", { conversation_id: conversation }),
  );
  const bytes = new TextEncoder().encode(body);
  const signature = sign(bytes, SECRET, Date.now() / 1000);
  return new TextEncoder().encode(
    "POST /agent HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" +
      `content-type: application/json\r\ncontent-length: ${bytes.length}\r\n` +
      `layercode-signature: ${signature}\r\n\r\n${body}`,
  );
}

/** Waits for what follows a close, which the other process has to notice. */
async function until(holds: () => boolean): Promise<boolean> {
  const deadline = performance.now() + 10_000;
  while (!holds() && performance.now() < deadline) {
    await new Promise((go) => setTimeout(go, 20));
  }
  return holds();
}

for (
  const [what, head] of [
    ["idle connections", ""],
    ["half-sent heads", "POST /agent HTTP/1.1\r\nhost: local"],
  ]
) {
  Deno.test({
    name: `main.ts answers calls beside ${IDLE} ${what}, and keeps none`,
    ignore: !IS_LINUX,
    fn: async () => {
      await using server = await startServer({ env: ENV, openFiles: 4_096 });
      const before = descriptorsOf(server.pid).length;
      const idle: Deno.Conn[] = [];
      try {
        while (idle.length < IDLE) {
          // A few at a time: the queue of new connections is short.
          const some = Array.from({ length: 50 }, () => connect(server));
          idle.push(...await Promise.all(some));
        }
        const bytes = new TextEncoder().encode(head);
        for (const connection of idle) await connection.write(bytes);
        assert(await until(() => descriptorsOf(server.pid).length > IDLE));
        for (let n = 0; n < 20; n++) {
          assertStringIncludes(await ask(server, `call-${n}`), "stand-in");
        }
        await assertUnharmed(server);
      } finally {
        for (const connection of idle) connection.close();
      }
      assert(await until(() => descriptorsOf(server.pid).length < before + 20));
    },
  });
}

const CROWD = 1_500;

/** Connects as many at once as find a place; who finds none would ask again after a second. */
async function comeAtOnce(port: number): Promise<Deno.Conn[]> {
  const place = { hostname: "127.0.0.1", port };
  const signal = AbortSignal.timeout(900);
  const crowd: Deno.Conn[] = [];
  await Promise.allSettled(Array.from(
    { length: CROWD },
    async () => crowd.push(await Deno.connect({ ...place, signal })),
  ));
  return crowd;
}

/** Whether the system lets so many wait. */
async function hasRoom(): Promise<boolean> {
  using listener = Deno.listen({ port: 0, tcpBacklog: 4_096 });
  const crowd = await comeAtOnce(listener.addr.port);
  for (const connection of crowd) connection.close();
  return crowd.length === CROWD;
}

Deno.test({
  name: "main.ts keeps a place for each of a crowd who come while it is busy",
  ignore: !IS_LINUX,
  fn: async () => {
    if (!await hasRoom()) {
      // deno-lint-ignore no-console -- for whoever runs the tests
      console.log("skipped: a crowd that waits: the system lets few do so");
      return;
    }
    await using server = await startServer({ env: ENV, openFiles: 4_096 });
    Deno.kill(server.pid, "SIGSTOP");
    let crowd: Deno.Conn[] = [];
    try {
      crowd = await comeAtOnce(portOf(server));
      assertEquals(crowd.length, CROWD);
    } finally {
      Deno.kill(server.pid, "SIGCONT");
      for (const connection of crowd) connection.close();
    }
    await assertUnharmed(server);
  },
});

Deno.test("main.ts answers a client that sends one byte at a time", async () => {
  await using server = await startServer({ env: ENV });
  using connection = await connect(server);
  connection.setNoDelay();
  for (const byte of toBytes("slow")) {
    await connection.write(new Uint8Array([byte]));
    // The other side reads what is there, which should be one byte.
    await new Promise((go) => setTimeout(go));
  }
  const answer = await new Response(connection.readable).text();
  assertStringIncludes(answer, "stand-in");
  assertStringIncludes(answer, "response.end");
  await assertUnharmed(server);
});

Deno.test({
  name:
    "main.ts serves others while a client reads nothing and never closes, and frees all once it is gone",
  ignore: !IS_LINUX,
  fn: async () => {
    const word = `${"lorem ipsum ".repeat(400)}\n`;
    await using fake = startFakeOllama(({ body }) => ({
      kind: "text",
      chunks: JSON.stringify(body).includes("Hello")
        ? Array(2_000).fill(word)
        : ["Hi."],
    }));
    await using server = await startServer({
      env: {
        ...ENV,
        LLM_PROVIDER: "ollama",
        OLLAMA_HOST: fake.url,
        OLLAMA_MODEL: "llama3.2:3b",
        MAX_ANSWER_TOKENS: "1000000",
      },
    });
    const before = descriptorsOf(server.pid).length;
    const stuck = await Promise.all(
      Array.from({ length: 20 }, () => connect(server)),
    );
    for (const [n, connection] of stuck.entries()) {
      await connection.write(toBytes(`stuck-${n}`));
    }
    assert(await until(() => fake.requests.length >= stuck.length));
    const ready = await fetch(`${server.url}/ready`);
    assertEquals((await ready.json()).status, "ready");
    for (const connection of stuck) connection.close();
    assert(await until(() => descriptorsOf(server.pid).length < before + 10));
    await assertUnharmed(server);
  },
});
