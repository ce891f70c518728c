import { assert, assertEquals, assertRejects } from "@std/assert";
import { createKvStore } from "../../src/sessions/kv.ts";
import type { SessionStore, StoreOptions } from "../../src/sessions/store.ts";
import { findDenokv, startDenokv } from "./_denokv.ts";
import { assistant, testStore, user } from "./contract.ts";

const NAME = "createKvStore() on a denokv server";
const program = findDenokv();
if (program === undefined) {
  // deno-lint-ignore no-console
  console.log("No denokv: set DENOKV to one, or run .ci/denokv get");
  Deno.test({ name: `${NAME} keeps sessions`, ignore: true, fn() {} });
} else testOn(program);

function testOn(program: string): void {
  testStore(NAME, async () => {
    const server = await startDenokv(program);
    const stores: SessionStore[] = [];
    function reopen(options?: StoreOptions): SessionStore {
      const store = createKvStore({ path: server.url, ...options });
      stores.push(store);
      return store;
    }
    return {
      store: reopen(),
      reopen,
      async [Symbol.asyncDispose]() {
        for (const store of stores) await store.close();
        await server[Symbol.asyncDispose]();
      },
    };
  });

  Deno.test({
    name: `${NAME} loses nothing when the server is killed, and recovers`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      await using server = await startDenokv(program);
      const store = createKvStore({ path: server.url });
      const kept: string[] = [];
      let isOver = false;
      async function write(id: string): Promise<void> {
        for (let n = 0; !isOver; n++) {
          // Every tenth is written in pieces.
          const text = n % 10 === 9 ? "x".repeat(100_000) : `${n}`;
          await store.update(id, () => [user(`t${n}`, text)]);
          kept.push(`${id} t${n}`);
        }
      }
      const writers = Promise.all(["a", "b", "c"].map(write));
      for (let deaths = 0; deaths < 3; deaths++) {
        const count = kept.length;
        while (kept.length < count + 40) await pause(5);
        await server.kill();
        await pause(300);
        await server.start();
      }
      const count = kept.length;
      while (kept.length < count + 10) await pause(5);
      isOver = true;
      await writers;
      await store.close();

      const again = createKvStore({ path: server.url });
      const found: string[] = [];
      for (const id of ["a", "b", "c"]) {
        const { turns } = await again.load(id);
        found.push(...turns.map((turn) => `${id} ${turn.id}`));
        // In order, and no record twice.
        assertEquals(
          turns.map((turn) => turn.id),
          turns.map((_, n) => `t${n}`),
        );
      }
      assertEquals(found, kept.sort(byIdAndNumber));
      await again.close();
    },
  });

  Deno.test({
    name: `${NAME} rejects while there is none, and works when it is back`,
    // Deno still retries operations that have timed out.
    sanitizeOps: false,
    fn: async () => {
      await using server = await startDenokv(program);
      const store = createKvStore({ path: server.url, timeoutMs: 400 });
      await store.update("a", () => [user("t1", "Hello")]);
      await server.kill();
      const start = performance.now();
      await assertRejects(() => store.load("a"), Error, "Cannot read session");
      await assertRejects(() => store.check(), Error, "no answer");
      assert(performance.now() - start < 2_000);
      await server.start();
      await store.check();
      await store.update("a", () => [assistant("t1", "Hi.")]);
      assertEquals((await store.load("a")).turn("t1")?.assistant, "Hi.");
      await store.close();
    },
  });

  Deno.test({
    name: `${NAME} opens it when it comes late`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      await using server = await startDenokv(program);
      await server.kill();
      const store = createKvStore({ path: server.url, timeoutMs: 10_000 });
      const updated = store.update("a", () => [user("t1", "Hello")]);
      await pause(500);
      await server.start();
      assertEquals((await updated).turns.length, 1);
      await store.close();
    },
  });
}

function byIdAndNumber(one: string, other: string): number {
  const [id = "", number = ""] = one.split(" t");
  const [otherId = "", otherNumber = ""] = other.split(" t");
  return id.localeCompare(otherId) || Number(number) - Number(otherNumber);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
