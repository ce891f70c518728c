/**
 * What the proxy that stands before several instances must do: pass words on as
 * they come, tell of a hang-up, and hide that an instance leaves.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
} from "@std/assert";
import { readAnswer, sendEvent } from "../../src/platforms/layercode/client.ts";
import { message, SECRET } from "../fakes/layercode.ts";
import {
  NGINX_CONF,
  startNginx,
  upstreamsOf,
  whyNoNginx,
} from "../fakes/nginx.ts";
import {
  agentOf,
  attempt,
  startCluster,
  startModel,
  STORES,
  tell,
  turn,
  turnsOf,
  until,
} from "./_cluster.ts";

const noNginx = whyNoNginx();
if (noNginx) tell(`The tests through nginx are left out: ${noNginx}`);
const [KV] = STORES.filter(({ name }) => name === "kv");

Deno.test("cluster/nginx.conf names two instances, and lets each turn be tried twice", async () => {
  const conf = await Deno.readTextFile(NGINX_CONF);
  assertEquals(upstreamsOf(conf).length, 2);
  assertMatch(conf, /^\s*proxy_next_upstream_tries 2;/m);
});

Deno.test({
  name: "cluster/nginx.conf lets words through as they come, and a hang-up too",
  ignore: noNginx !== undefined,
  async fn() {
    assert(KV);
    await using model = startModel(() => ({ words: 100, delayMs: 100 }));
    await using shared = await KV.start();
    await using cluster = await startCluster(shared, model);
    await using nginx = await startNginx([cluster.a.url, cluster.b.url]);
    const leaving = new AbortController();
    const line = { url: agentOf(nginx), secret: SECRET };
    const response = await sendEvent(turn(1, 0), line, leaving.signal);
    assertEquals(response.status, 200);
    let words = 0;
    for await (const { type } of readAnswer(response)) {
      if (type === "response.tts") words++;
      if (words === 3) break;
    }
    // The model has some 97 words to go: they came one by one.
    assertEquals(model.requests[0]?.outcome, "open");
    const at = performance.now();
    leaving.abort();
    const tookMs = (await model.requests[0]?.cancelled ?? Infinity) - at;
    tell(`the model is free ${tookMs.toFixed(0)} ms after the hang-up`);
    assertLess(tookMs, 1_000);
    const store = shared.open();
    await until(async () =>
      (await store.load("conv_1")).turn("turn_1_0")?.status === "interrupted"
    );
  },
});

Deno.test({
  name: "cluster/nginx.conf passes on a body as large as Parley takes",
  ignore: noNginx !== undefined,
  async fn() {
    assert(KV);
    await using model = startModel(() => ({ words: 3, delayMs: 0 }));
    await using shared = await KV.start();
    await using cluster = await startCluster(shared, model);
    await using nginx = await startNginx([cluster.a.url, cluster.b.url]);
    const line = { url: agentOf(nginx), secret: SECRET };
    for (const [size, status] of [[1_000_000, 200], [1_100_000, 413]]) {
      const data = { type: "data", data: "x".repeat(size ?? 0) };
      const response = await sendEvent(message("", data), line);
      await response.body?.cancel();
      assertEquals(response.status, status);
    }
  },
});

for (const { name, missing, start } of STORES) {
  const why = missing ?? noNginx;
  if (why) tell(`The end of an instance on ${name} is not tested: ${why}`);

  Deno.test({
    name:
      `main.ts leaves at SIGTERM behind nginx without an error for any caller (${name})`,
    ignore: why !== undefined,
    async fn() {
      await using model = startModel(() => ({ words: 5, delayMs: 40 }));
      await using shared = await start();
      await using cluster = await startCluster(shared, model);
      const { a, b } = cluster;
      await using nginx = await startNginx([a.url, b.url]);
      let isOver = false;
      const counts = { before: 0, after: 0, short: 0 };

      async function talk(conversation: number): Promise<void> {
        for (let number = 0; !isOver; number++) {
          const event = turn(conversation, number);
          const { status, heard, ended } = await attempt(event, agentOf(nginx));
          assertEquals({ status, ended }, { status: 200, ended: true });
          if (!heard.endsWith("w4.")) counts.short++;
          counts[isOver ? "after" : "before"]++;
        }
      }
      const talks = Promise.all(
        Array.from({ length: 20 }, (_, index) => talk(index)),
      );
      try {
        await Promise.race([talks, until(() => turnsOf(a) > 10, 60_000)]);
        const { code } = await a.stop("SIGTERM");
        assertEquals(code, 0);
        const atB = turnsOf(b);
        await Promise.race([
          talks,
          until(() => turnsOf(b) > atB + 20, 60_000),
        ]);
      } finally {
        isOver = true;
      }
      await talks;
      tell(
        `${name}: ${
          counts.before + counts.after
        } turns, none refused; A answered ` +
          `${turnsOf(a)}, B ${turnsOf(b)}; cut at a sentence: ${counts.short}`,
      );
      assertGreater(turnsOf(a), 0);

      const store = shared.open();
      for (let index = 0; index < 20; index++) {
        const { turns } = await store.load(`conv_${index}`);
        assertEquals(
          turns.map(({ user }) => user),
          turns.map((_, number) => `This is c${index}t${number}`),
        );
      }
    },
  });
}

Deno.test({
  name: "cluster/nginx.conf closes the connection of a half-sent head",
  ignore: noNginx !== undefined,
  async fn() {
    // No instance is asked.
    await using nginx = await startNginx([
      "http://127.0.0.1:9",
      "http://127.0.0.1:9",
    ]);
    const { hostname, port } = new URL(nginx.url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const head = "POST /agent HTTP/1.1\r\nhost: local";
    await connection.write(new TextEncoder().encode(head));
    const startedAt = performance.now();
    const bytes = new Uint8Array(1_000);
    const length = await connection.read(bytes);
    const said = new TextDecoder().decode(bytes.subarray(0, length ?? 0));
    assert(length === null || said.includes(" 408 "), said);
    assertLess(performance.now() - startedAt, 20_000);
  },
});
