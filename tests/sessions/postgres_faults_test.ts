import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { explain } from "../../src/server/log.ts";
import { createPostgresStore } from "../../src/sessions/postgres.ts";
import { startProxy, withMute } from "../fakes/broken_wire.ts";
import { startPostgres, whyNoPostgres } from "../fakes/postgres.ts";
import { user } from "./contract.ts";

const NAME = "createPostgresStore()";
const whyNot = whyNoPostgres();

function test(what: string, fn: () => Promise<void>): void {
  const name = `${NAME} ${what}`;
  if (whyNot !== undefined) {
    // deno-lint-ignore no-console -- for whoever runs the tests
    console.log(`skipped: ${name}: ${whyNot}`);
  }
  Deno.test({ name, ignore: whyNot !== undefined, fn });
}

/** Checks that a task rejects in bounded time with an error that contains no password. */
async function assertFails(
  task: () => Promise<unknown>,
  pattern = /^Cannot (read|write) session "a" <- .+/,
): Promise<void> {
  const start = performance.now();
  const error = await assertRejects(task);
  assert(performance.now() - start < 15_000);
  assertMatch(explain(error), pattern);
  assert(!Deno.inspect(error).includes("hunter2"), Deno.inspect(error));
}

Deno.test(`${NAME} rejects soon, without the password, if nothing answers`, async () => {
  await withMute(async (url) => {
    const store = createPostgresStore({ url });
    await Promise.all([
      assertFails(() => store.check(), /timeout/),
      assertFails(() => store.load("a"), /^Cannot read session "a" <- .+/),
    ]);
    await store.close();
  });
});

Deno.test(`${NAME} rejects soon, without the password, if there is no server`, async () => {
  let port: number;
  {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    port = listener.addr.port;
  }
  const at = (host: string) => `postgres://parley:hunter2@${host}/calls`;
  for (const url of [at(`localhost:${port}`), at("no.such.host.invalid")]) {
    const store = createPostgresStore({ url });
    await assertFails(() => store.update("a", () => [user("t1", "x")]));
    await assertFails(() => store.check(), /ECONNREFUSED|no.such.host/);
    await store.close();
  }
});

Deno.test(`${NAME} gives up if connections are closed at once`, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) connection.close();
  })();
  const url = `postgres://parley:hunter2@127.0.0.1:${listener.addr.port}/x`;
  const store = createPostgresStore({ url });
  await assertFails(() => store.check(), /terminated|ECONNRESET|closed/i);
  await store.close();
  listener.close();
  await accepting;
});

test("recovers after the server crashed in mid-use: no acknowledged record is lost, and none is doubled", async () => {
  await using own = await startPostgres();
  const urls = [own.url, own.bouncerUrl ?? own.url];
  const stores = urls.map((url) => createPostgresStore({ url }));
  const acknowledged: string[] = [];
  let running = true;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    const store = stores[writer % stores.length];
    for (let n = 0; running || n < 50; n++) {
      const id = `${writer}-${n}`;
      try {
        await store?.update(`c${writer % 3}`, () => [user(id, id)]);
        acknowledged.push(id);
      } catch (error) {
        assertMatch(explain(error), /^Cannot (read|write) session "c/);
      }
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await own.restart();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  running = false;
  await Promise.all(writers);
  for (const store of stores) {
    await store.update("after", ({ turns }) => [user(`${turns.length}`, "x")]);
    await store.close();
  }

  const again = createPostgresStore({ url: own.url });
  const kept = new Set<string>();
  for (const id of ["c0", "c1", "c2"]) {
    for (const turn of (await again.load(id)).turns) kept.add(turn.id);
  }
  await again.close();
  assertEquals(acknowledged.filter((id) => !kept.has(id)), []);
  const rows = await own.sql(
    "select count(*), count(distinct record) from parley_records",
  );
  const [all, distinct] = rows.trim().split("|");
  assertEquals(all, distinct);
  assert(acknowledged.length >= 50, `${acknowledged.length}`);
});

test("recovers after its connections were cut in mid-use", async () => {
  await using server = await startPostgres();
  const store = createPostgresStore({ url: server.url });
  await store.check();
  let cuts = 0;
  let running = true;
  const cutting = (async () => {
    while (running) {
      cuts += Number(
        await server.sql(
          "select count(pg_terminate_backend(pid)) from pg_stat_activity " +
            "where application_name = 'parley'",
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  })();
  await Promise.all(
    Array.from(
      { length: 300 },
      (_, n) =>
        store.update(`c${n % 5}`, ({ turns }) => [
          user(`t${turns.length}`, `${turns.length}`),
        ]),
    ),
  );
  running = false;
  await cutting;
  assert(cuts > 1, `${cuts}`);
  const numbers = Array.from({ length: 60 }, (_, n) => `${n}`);
  const again = createPostgresStore({ url: server.url });
  for (let n = 0; n < 5; n++) {
    const { turns } = await again.load(`c${n}`);
    assertEquals(turns.map(({ user }) => user), numbers);
  }
  await Promise.all([store.close(), again.close()]);
});

test("adds a record once if the server stored it but its answer was lost", async () => {
  await using server = await startPostgres();
  await using proxy = startProxy(Number(new URL(server.url).port));
  const url = server.url.replace(/:\d+\//, `:${proxy.port}/`);
  const store = createPostgresStore({ url });
  await store.check();
  for (let n = 0; n < 3; n++) {
    proxy.loseNextAnswer();
    await store.update("a", ({ turns }) => {
      assertEquals(turns.length, n);
      return [user(`t${n}`, `${n}`)];
    });
    assertEquals(proxy.lost, n + 1);
  }
  const again = createPostgresStore({ url: server.url });
  for (const each of [store, again]) {
    const { turns } = await each.load("a");
    assertEquals(turns.map(({ user }) => user), ["0", "1", "2"]);
    await each.close();
  }
  assertEquals(await server.sql("select count(*) from parley_records"), "3\n");
});

test("rejects soon when the server hangs in mid-use, and recovers afterwards", async () => {
  await using own = await startPostgres();
  const store = createPostgresStore({ url: own.url });
  await store.update("a", () => [user("t1", "x")]);
  await own.freeze(true);
  await Promise.all([
    assertFails(() => store.check(), /timeout/),
    assertFails(() => store.update("a", () => [user("t2", "y")])),
  ]);
  await own.freeze(false);
  await store.update("a", ({ turns }) => [user(`${turns.length}`, "z")]);
  assertEquals((await store.load("a")).turns.at(-1)?.user, "z");
  await store.close();
});
