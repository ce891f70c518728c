import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createFileStore } from "../../src/sessions/file.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import { runProgram } from "../fakes/server.ts";
import { assistant, end, user } from "../sessions/contract.ts";

Deno.test("sessions.ts lists, shows, exports and deletes what is kept", async () => {
  const folder = await Deno.makeTempDir();
  const sessions = (...args: string[]) =>
    runProgram("src/cli/sessions.ts", args, { folder });
  try {
    const none = await sessions("list");
    assertEquals(none.code, 0);
    assertStringIncludes(none.stderr, "No conversation");

    const store = createFileStore({ folder: `${folder}/data/sessions` });
    const ids = ["conv_1", "Odd id/é", "conv_\x1b[31m"];
    for (const id of ids) {
      await store.update(id, () => [
        user("t1", "Hello\x1b[2J"),
        assistant("t1", `I keep ${id.length} signs.`),
        end("t1"),
      ]);
    }
    const list = await sessions("list");
    assertEquals(list.code, 0);
    const lines = list.stdout.trim().split("\n");
    assertEquals(lines.length, 3);
    assertMatch(list.stdout, /:\d\d\s+Odd id\/é\s+Hello/);
    // Nothing that a caller chose may give a terminal orders.
    assertEquals(list.stdout.includes("\x1b"), false);
    const two = await sessions("list", "--limit", "2");
    assertEquals(two.stdout.trim().split("\n").length, 2);
    assertStringIncludes(two.stderr, "--limit N shows");

    const shown = await sessions("show", "Odd id/é");
    assertStringIncludes(shown.stdout, "Caller: Hello");
    assertStringIncludes(shown.stdout, "Agent:  I keep 8 signs.");
    assertMatch(shown.stdout, /2026-11-21 10:00:00\s+complete/);
    assertEquals(shown.stdout.includes("\x1b"), false);

    await store.update("long", () => [
      user("t1", "And?"),
      assistant("t1", "And so on."),
      {
        ...end("t1"),
        outputTokens: 1_024,
        promptMs: 172,
        cachedTokens: 2_048,
        ended: "max-tokens",
      } as SessionRecord,
    ]);
    assertStringIncludes(
      (await sessions("show", "long")).stdout,
      "tokens: 1,024 out, prompt read in 172 ms, 2,048 cached, " +
        "ended at MAX_ANSWER_TOKENS",
    );

    // Models choose words, names of tools and what is kept in mind.
    await store.update("odd", () => [
      user("t1", "Hi\n  Agent:  I am not the agent"),
      {
        type: "calls",
        turnId: "t1",
        calls: [{ id: "1", name: "\x1b[2Jx", arguments: { a: "\x9b2J" } }],
        at: "2026-11-21T10:00:00.000Z",
      },
      {
        type: "memory",
        turnId: "t1",
        text: "\x1b]0;owned\x07",
        at: "2026-11-21T10:00:00.000Z",
      },
      end("t1"),
    ]);
    const odd = await sessions("show", "odd");
    assertEquals(odd.code, 0);
    assertStringIncludes(odd.stdout, "            Agent:  I am not");
    const json = await sessions("export", "odd");
    for (const { stdout } of [odd, json]) {
      // deno-lint-ignore no-control-regex -- those are what is looked for
      assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(stdout), false);
    }
    assertStringIncludes(json.stdout, "\\u009b2J");

    const exported = JSON.parse((await sessions("export", "conv_1")).stdout);
    assertEquals(exported.id, "conv_1");
    assertEquals(exported.turns[0].user, "Hello\x1b[2J");

    const content = { recording_url: "https://recordings.example/1" };
    await store.update("conv_1", () => [
      { type: "note", name: "n", content, at: new Date().toISOString() },
    ]);
    const deleted = await sessions("delete", "conv_1");
    assertEquals(deleted.code, 0);
    assertStringIncludes(deleted.stdout, "https://recordings.example/1");
    assertEquals((await store.load("conv_1")).isEmpty, true);
    const again = await sessions("delete", "conv_1");
    assertEquals(again.code, 1);
    assertStringIncludes(again.stderr, 'no conversation "conv_1"');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sessions.ts exits with 1 and says what to fix", async () => {
  const folder = await Deno.makeTempDir();
  const cases: [string[], string][] = [
    [[], "deno task sessions list"],
    [["show"], "Which one?"],
    [["show", "nobody"], "no conversation"],
    [["export", "nobody"], "no conversation"],
    [["throw", "a"], 'Unknown command "throw"'],
    [["list", "--limit", "some"], "whole number"],
    [["list", "--loud"], "--loud"],
    [["show", "a", "b"], "Too many"],
    [["sweep", "30"], "Too many"],
  ];
  try {
    for (const [args, says] of cases) {
      const { code, stderr } = await runProgram("src/cli/sessions.ts", args, {
        folder,
      });
      assertEquals(code, 1, args.join(" "));
      assertStringIncludes(stderr, says);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sessions.ts sweeps a tenth of what is over, and all of it by --force", async () => {
  const folder = await Deno.makeTempDir();
  const sweep = (days: string, ...args: string[]) =>
    runProgram("src/cli/sessions.ts", ["sweep", ...args], {
      folder,
      env: { SESSION_TTL_DAYS: days },
    });
  try {
    const path = `${folder}/data/sessions`;
    const store = createFileStore({ folder: path });
    const old = new Date(Date.now() - 3 * 24 * 60 * 60_000);
    for (let n = 0; n < 20; n++) {
      await store.update(`c${n}`, () => [user("t1", "Hello")]);
      if (n > 0) await Deno.utime(`${path}/c${n}.jsonl`, old, old);
    }
    assertStringIncludes((await sweep("2")).stdout, "Deleted 2\n");
    assertStringIncludes((await sweep("2", "--force")).stdout, "Deleted 17\n");
    const { sessions } = await store.list();
    assertEquals(sessions.map(({ id }) => id), ["c0"]);
    const unset = await sweep("0");
    assertEquals(unset.code, 1);
    assertStringIncludes(unset.stderr, "SESSION_TTL_DAYS");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
