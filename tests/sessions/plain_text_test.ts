import { assertEquals, assertStringIncludes } from "@std/assert";
import { runProgram, startServer } from "../fakes/server.ts";
import { findPlainText } from "../../src/sessions/plain_text.ts";

function warns(url: string, sslMode?: string): boolean {
  const found = findPlainText({ type: "postgres", url }, sslMode);
  return found?.status === "warn";
}

Deno.test("findPlainText() warns of a Postgres elsewhere that is reached without TLS", () => {
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

Deno.test("findPlainText() speaks at the start and in doctor, and tells no password", async () => {
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
