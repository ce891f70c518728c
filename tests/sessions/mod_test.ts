import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createFileStore } from "../../src/sessions/file.ts";
import { diagnoseStore, findPlainText } from "../../src/sessions/mod.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { toLines } from "../fakes/check_results.ts";
import { inFolder } from "../fakes/loopback.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";
import { runProgram, startServer } from "../fakes/server.ts";

async function look(store: SessionStore): Promise<string> {
  return toLines([await diagnoseStore(store)]).join();
}

Deno.test("diagnoseStore() checks that the store can be written", () =>
  inFolder(async (folder) => {
    assertEquals(
      await look(createFileStore({ folder: `${folder}/a/b` })),
      "ok session store: file can be written",
    );
    await Deno.writeTextFile(`${folder}/file`, "");
    assertMatch(
      await look(createFileStore({ folder: `${folder}/file/sub` })),
      /^fail session store: Not a directory .* → set DATA_DIR to a folder that/,
    );
  }));

/** Makes a store that fails, and counts how often it is closed. */
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

Deno.test("diagnoseStore() says how to fix a full disk, and an unreachable database", async () => {
  const full = new Error("No space left on device (os error 28)");
  assertMatch(
    await look(failing("file", full).store),
    /^fail .*No space left.* → set DATA_DIR to a folder .* on a disk with room/,
  );
  const away = new Error("Cannot reach the database");
  const { store, counts } = failing("postgres", away);
  assertMatch(
    await look(store),
    /^fail .*Cannot reach the database → check SESSION_STORE/,
  );
  assertEquals(counts.closed, 1);
});

function warns(url: string, sslMode?: string): boolean {
  const found = findPlainText({ type: "postgres", url }, sslMode);
  return found?.status === "warn";
}

Deno.test("findPlainText() warns of a remote Postgres without TLS", () => {
  const table: [url: string, sslMode: string | undefined, warns: boolean][] = [
    ["postgres://me:pw@db.example.com/p", undefined, true],
    ["postgres://me:pw@10.0.0.7:6432/p", "disable", true],
    ["postgres://me@db/p?sslmode=disable", "verify-full", true],
    ["postgres://localhost/p?host=db", undefined, true],
    ["postgres://localhost.example.com/p", undefined, true],
    ["postgres://db/p?sslmode=verify-full", undefined, false],
    ["postgres://db/p?sslmode=require", undefined, false],
    ["postgres://db/p?ssl=true", undefined, false],
    ["postgres://db/p", "require", false],
    ["postgres://localhost/p", undefined, false],
    ["postgres://127.0.0.1:5433/p", undefined, false],
    ["postgres://[::1]/p", undefined, false],
    ["postgres://db/p?host=/var/run/postgresql", undefined, false],
  ];
  for (const [url, sslMode, expected] of table) {
    assertEquals(warns(url, sslMode), expected, `${url} ${sslMode}`);
  }
  assertEquals(findPlainText({ type: "file" }, undefined), undefined);
});

Deno.test("findPlainText() warns at the start and in doctor, without the password", async () => {
  const env = { SESSION_STORE: "postgres://me:hush@192.0.2.1:9/p" };
  await using server = await startServer({ env });
  const told = server.lines.find(({ event }) => event === "store.plain_text");
  assertStringIncludes(String(told?.detail), "192.0.2.1 without TLS");
  assertStringIncludes(String(told?.fix), "sslmode=verify-full");
  const { stdout } = await runProgram("src/cli/doctor.ts", ["--json"], {
    folder: server.folder,
    env: { ...env, LLM_PROVIDER: "echo", PORT: "0" },
  });
  assertStringIncludes(stdout, "192.0.2.1 without TLS");
  for (const text of [stdout, JSON.stringify(server.lines)]) {
    assertEquals(text.includes("hush"), false);
  }
});
