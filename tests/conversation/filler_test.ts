import { assertEquals, assertRejects } from "@std/assert";
import { withFiller } from "../../src/conversation/filler.ts";

async function* after(ms: number, ...items: string[]) {
  await new Promise((go) => setTimeout(go, ms));
  yield* items;
}

Deno.test({
  name: "withFiller() fills in when the first item is late",
  sanitizeOps: true,
  fn: async () => {
    const items = withFiller(after(20, "a", "b"), "filler", 1);
    assertEquals(await Array.fromAsync(items), ["filler", "a", "b"]);
  },
});

Deno.test({
  name:
    "withFiller() stays out of it when the first item is in time, or 0 is given",
  sanitizeOps: true,
  fn: async () => {
    for (const [delay, limit] of [[0, 10_000], [5, 0]]) {
      const items = withFiller(after(delay ?? 0, "a"), "filler", limit ?? 0);
      assertEquals(await Array.fromAsync(items), ["a"]);
    }
  },
});

Deno.test("withFiller() passes a failure on, early and late", async () => {
  // deno-lint-ignore require-yield
  async function* failing(ms: number): AsyncGenerator<string> {
    await new Promise((go) => setTimeout(go, ms));
    throw new RangeError("no");
  }
  for (const ms of [0, 10]) {
    await assertRejects(
      () => Array.fromAsync(withFiller(failing(ms), "filler", 2)),
      RangeError,
    );
  }
});

Deno.test("withFiller() returns its source when the reader leaves", async () => {
  let released = false;
  async function* source() {
    try {
      yield* ["a", "b"];
      await Promise.resolve();
    } finally {
      released = true;
    }
  }
  for await (const _ of withFiller(source(), "filler", 0)) break;
  assertEquals(released, true);
});
