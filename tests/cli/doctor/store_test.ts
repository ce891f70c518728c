import { assertEquals, assertMatch } from "@std/assert";
import { checkStore, tryStore } from "../../../src/cli/doctor/store.ts";
import { createMemoryStore } from "../../fakes/memory_store.ts";
import { StoreError } from "../../../src/sessions/store.ts";
import { inFolder, look, patient, toLines } from "./_patient.ts";

Deno.test("checkStore() has the store look at itself", () =>
  inFolder(async (folder) => {
    assertEquals(
      toLines(await look(checkStore, patient({ DATA_DIR: folder }))),
      ["ok session store: file can be written"],
    );
    await Deno.writeTextFile(`${folder}/file`, "");
    const of = patient({ DATA_DIR: `${folder}/file` });
    const [line = ""] = toLines(await look(checkStore, of));
    assertMatch(line, /^fail session store: Cannot write .* → see to the/);
  }));

Deno.test("tryStore() closes a store, and tells of a database that is away", async () => {
  let closed = 0;
  const away = {
    ...createMemoryStore(),
    name: "postgres",
    check: () => Promise.reject(new StoreError("Cannot reach the database")),
    close: () => Promise.resolve(void closed++),
  };
  const [line = ""] = toLines([await tryStore(() => away)]);
  assertMatch(
    line,
    /^fail .*: Cannot reach the database → check SESSION_STORE/,
  );
  assertEquals(closed, 1);
  const [unknown = ""] = toLines([
    await tryStore(() => Promise.reject(new Error("No such store"))),
  ]);
  assertMatch(unknown, /^fail .*: No such store → check SESSION_STORE/);
});
