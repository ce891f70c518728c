/**
 * The real server is killed in the middle of its callers' turns, a few times
 * over; `deno task bench crash` does it a thousand times.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createMemoryStore } from "./fakes/memory_store.ts";
import {
  crash,
  crashOnFiles,
  crashOnPostgres,
  type CrashReport,
} from "./_crash.ts";
import { whyNoPostgres } from "./fakes/postgres.ts";

const CALLERS = 20;

function assertKept({ kills, turns, cut, lost }: CrashReport): void {
  assertEquals(lost, []);
  // Nothing would be lost, either, where nothing is under way.
  assert(cut >= kills, `${cut} of ${turns} turns were cut by ${kills} kills`);
}

Deno.test("main.ts loses nothing that it promised when it is killed in mid-turn", async () => {
  assertKept(await crashOnFiles({ kills: 10, callers: CALLERS }));
});

const whyNot = whyNoPostgres();
if (whyNot !== undefined) {
  // deno-lint-ignore no-console -- for whoever runs the tests
  console.log(`skipped: crashes on Postgres: ${whyNot}`);
}
Deno.test({
  name: "main.ts loses nothing that it promised when Postgres is its store",
  ignore: whyNot !== undefined,
  fn: async () => {
    assertKept(await crashOnPostgres({ kills: 3, callers: CALLERS }));
  },
});

Deno.test("crash() tells what is missing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { turns, lost } = await crash({
      kills: 1,
      callers: 2,
      folder,
      // Not the server's: nothing is in it.
      open: createMemoryStore,
      promisedMs: 0,
      pace: { firstMs: 5, tokenMs: 3 },
      heardWords: 20,
    });
    assertEquals(lost.length, turns);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
