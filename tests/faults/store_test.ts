/**
 * The folder of conversations is not as it should be. Whoever calls in such a
 * conversation hears a sentence; everybody else notices nothing.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { agentSettings } from "../../src/agent/prompt.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import { almighty } from "../_almighty.ts";
import { ask, assertUnharmed, ENV } from "./_ask.ts";

const ERROR_MESSAGE = agentSettings.errorMessage.default;

const ADMIN_TOKEN = "0123456789abcdef";

/** A server, and the place of a conversation's file in it. */
async function start(): Promise<{ server: RealServer; path: string }> {
  const server = await startServer({ env: { ...ENV, ADMIN_TOKEN } });
  assertStringIncludes(await ask(server, "other"), "stand-in");
  return { server, path: `${server.folder}/data/sessions/broken.jsonl` };
}

/** The others' conversation goes on, and the process is well. */
async function assertOthersServed(server: RealServer): Promise<void> {
  assertStringIncludes(await ask(server, "other", "turn_2"), "number 2");
  await assertUnharmed(server);
}

Deno.test("main.ts goes on in a session's file that is garbage, and keeps what it finds", async () => {
  const { server, path } = await start();
  await using _ = server;
  const garbage = Uint8Array.from({ length: 100_000 }, (_, n) => n * 7919);
  await Deno.writeFile(path, garbage);
  assertStringIncludes(await ask(server, "broken"), "stand-in");
  assertStringIncludes(await ask(server, "broken", "turn_2"), "number 2");
  const now = await Deno.readFile(path);
  assertEquals(now.subarray(0, garbage.length), garbage);
  assertEquals(
    server.lines.some(({ event }) => event === "session.bad_record"),
    true,
  );
  await assertOthersServed(server);
});

Deno.test("main.ts says one sentence where a session's file is a directory", async () => {
  const { server, path } = await start();
  await using _ = server;
  await Deno.mkdir(path);
  assertEquals(await ask(server, "broken"), ERROR_MESSAGE);
  await assertOthersServed(server);
  // As soon as it is gone, the conversation can begin.
  await Deno.remove(path);
  assertStringIncludes(await ask(server, "broken", "turn_2"), "stand-in");
});

Deno.test("main.ts writes through no symlink that leads out of its folder", async () => {
  const { server, path } = await start();
  await using _ = server;
  const outside = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(outside, "not ours\n");
    await Deno.symlink(outside, path);
    assertEquals(await ask(server, "broken"), ERROR_MESSAGE);
    assertEquals(await Deno.readTextFile(outside), "not ours\n");
  } finally {
    await Deno.remove(outside);
  }
  await assertOthersServed(server);
});

Deno.test("main.ts lists and deletes conversations beside what is no file", async () => {
  const { server, path } = await start();
  await using _ = server;
  const list = async () => {
    const response = await fetch(`${server.url}/sessions`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      signal: AbortSignal.timeout(5_000),
    });
    const { sessions } = await response.json();
    return sessions.map(({ id }: { id: string }) => id);
  };
  await Deno.mkdir(path);
  assertEquals(await list(), ["other"]);
  await Deno.remove(path);
  await Deno.symlink(path, path);
  assertEquals(await list(), ["other"]);
  await Deno.remove(path);
  // Whoever opens one to read it waits until somebody writes.
  await new Deno.Command("mkfifo", { args: [path] }).output();
  assertEquals(await list(), ["other"]);
  assertEquals(await ask(server, "broken"), ERROR_MESSAGE);
  await assertOthersServed(server);
});

Deno.test("main.ts deletes through no symlink that leads out of its folder", async () => {
  const { server, path } = await start();
  await using _ = server;
  await ask(server, "broken");
  const outside = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(outside, "not ours\n");
    await Deno.symlink(outside, `${path}.new`);
    const response = await fetch(`${server.url}/sessions/broken`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    assertEquals(response.status, 204);
    assertEquals(await Deno.readTextFile(outside), "not ours\n");
  } finally {
    await Deno.remove(outside);
  }
  assertStringIncludes(await ask(server, "broken", "turn_2"), "number 1");
  await assertOthersServed(server);
});

Deno.test({
  name: "main.ts says one sentence where its folder is read-only or not ours",
  ignore: almighty,
  fn: async () => {
    const { server, path } = await start();
    await using _ = server;
    await Deno.writeTextFile(path, "");
    await Deno.chmod(path, 0o000);
    assertEquals(await ask(server, "broken"), ERROR_MESSAGE);
    await Deno.chmod(path, 0o600);
    await Deno.chmod(`${server.folder}/data/sessions`, 0o500);
    assertEquals(await ask(server, "new"), ERROR_MESSAGE);
    await Deno.chmod(`${server.folder}/data/sessions`, 0o700);
    await assertOthersServed(server);
  },
});

Deno.test("main.ts keeps every turn when two servers work on one folder", async () => {
  await using first = await startServer({ env: ENV });
  const { folder } = first;
  await using second = await startServer({ env: ENV, folder });
  const servers = [first, second];
  // Turn about in shared conversations, all at once.
  await Promise.all(["a", "b", "c", "d"].map(async (conversation, at) => {
    for (let n = 1; n <= 10; n++) {
      const server = servers[(n + at) % 2]!;
      const said = await ask(server, conversation, `turn_${n}`);
      assertStringIncludes(said, `message number ${n}`);
    }
  }));
  for (const server of servers) await assertUnharmed(server);
});
