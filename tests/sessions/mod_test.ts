import { assertEquals, assertMatch } from "@std/assert";
import { createFileStore } from "../../src/sessions/file.ts";
import { diagnoseStore } from "../../src/sessions/mod.ts";
import { type SessionStore, StoreError } from "../../src/sessions/store.ts";
import { toLines } from "../fakes/findings.ts";
import { inFolder } from "../fakes/loopback.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";

async function look(store: SessionStore): Promise<string> {
  return toLines([await diagnoseStore(store)]).join();
}

Deno.test("diagnoseStore() has the store look whether it can be written", () =>
  inFolder(async (folder) => {
    assertEquals(
      await look(createFileStore({ folder: `${folder}/a/b` })),
      "ok session store: file can be written",
    );
    await Deno.writeTextFile(`${folder}/file`, "");
    assertMatch(
      await look(createFileStore({ folder: `${folder}/file/sub` })),
      /^fail session store: Cannot write .* → set DATA_DIR to a folder that/,
    );
  }));

/** A store that fails, and counts how often it was closed. */
function failing(name: string, error: Error) {
  const counts = { closed: 0 };
  const store: SessionStore = {
    ...createMemoryStore(),
    name,
    check: () => Promise.reject(error),
    close: () => Promise.resolve(void counts.closed++),
  };
  return { store, counts };
}

Deno.test("diagnoseStore() says how to fix a full disk, and a database that is away", async () => {
  const full = new Error("No space left on device (os error 28)");
  assertMatch(
    await look(failing("file", full).store),
    /^fail .*No space left.* → make room/,
  );
  const away = new StoreError("Cannot reach the database");
  const { store, counts } = failing("postgres", away);
  assertMatch(
    await look(store),
    /^fail .*Cannot reach the database → check SESSION_STORE/,
  );
  assertEquals(counts.closed, 1);
});
