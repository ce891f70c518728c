import { assertEquals, assertStringIncludes } from "@std/assert";
import { createSecretCheck } from "../../../src/server/limits.ts";
import { createAdmin } from "../../../src/web/sessions/mod.ts";
import { createApp } from "../../../src/server/router.ts";
import { ActiveTurns } from "../../../src/conversation/active_turns.ts";
import { createShell } from "../../../src/web/shell.ts";
import { createMemoryStore } from "../../fakes/memory_store.ts";
import { assistant, end, user } from "../../sessions/contract.ts";

const TOKEN = "a token for tests";

function make(token = TOKEN) {
  const store = createMemoryStore();
  const activeTurns = new ActiveTurns();
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  let at = 0;
  const wait = (ms: number) => at += ms;
  const app = createApp({
    routes: createAdmin({
      token,
      checkSecret: createSecretCheck({ log, now: () => at }),
      store,
      activeTurns,
      shell: createShell([]),
    }),
    log,
    isDraining: () => false,
  });
  async function ask(path: string, init: RequestInit = {}) {
    const headers = { authorization: `Bearer ${TOKEN}`, ...init.headers };
    const url = `http://parley.test${path}`;
    const request = new Request(url, { ...init, headers });
    return await app(request, { address: "192.0.2.1" });
  }
  return { store, activeTurns, ask, wait };
}

Deno.test("createAdmin() answers only requests with the token", async () => {
  const { store, ask } = make();
  await store.update("a", () => [user("t1", "Hello")]);
  const wrong = [
    "",
    "Bearer",
    "Bearer wrong",
    `Bearer ${TOKEN}x`,
    TOKEN,
    `Basic ${TOKEN}`,
  ];
  for (const authorization of wrong) {
    for (const path of ["/sessions", "/sessions/a"]) {
      const response = await ask(path, { headers: { authorization } });
      assertEquals(response.status, 401, authorization);
      assertStringIncludes(
        response.headers.get("www-authenticate") ?? "",
        "Bearer",
      );
      const text = await response.text();
      assertStringIncludes(text, "invalid_token");
      assertEquals(text.includes(TOKEN), false);
    }
    const headers = { authorization };
    const deletion = await ask("/sessions/a", { method: "DELETE", headers });
    assertEquals(deletion.status, 401);
  }
  assertEquals((await store.load("a")).isEmpty, false);
  assertEquals((await ask("/sessions")).status, 200);
});

Deno.test("createAdmin() compares at most 30 wrong tokens of an address in a minute", async () => {
  const { ask, wait } = make();
  const guess = async (given: string) => {
    const headers = { authorization: `Bearer ${given}` };
    return (await ask("/sessions", { headers })).status;
  };
  for (let n = 0; n < 30; n++) assertEquals(await guess(`guess ${n}`), 401);
  assertEquals(await guess("guess 31"), 429);
  // Otherwise an attacker would learn that this token is the right one.
  const limited = await ask("/sessions");
  assertEquals(limited.status, 429);
  assertEquals(limited.headers.get("retry-after"), "60");
  wait(60_000);
  assertEquals((await ask("/sessions")).status, 200);
});

Deno.test("createAdmin() accepts a token of any characters, sent as UTF-8", async () => {
  const { ask } = make("tökén ✓");
  // curl and the page send it like this.
  const bytes = String.fromCharCode(...new TextEncoder().encode("tökén ✓"));
  const headers = { authorization: `Bearer ${bytes}` };
  assertEquals((await ask("/sessions", { headers })).status, 200);
});

Deno.test("createAdmin() lists conversations, a page at a time", async () => {
  const { store, ask } = make();
  for (const id of ["first", "second", "third"]) {
    await store.update(id, () => [user("t1", `I am ${id}`)]);
  }
  const one = await (await ask("/sessions?limit=2")).json();
  assertEquals(
    one.sessions.map((
      { at: _, ...rest }: Record<string, unknown>,
    ) => rest),
    [
      { id: "third", preview: "I am third" },
      { id: "second", preview: "I am second" },
    ],
  );
  const cursor = encodeURIComponent(one.cursor);
  const two = await (await ask(`/sessions?limit=2&cursor=${cursor}`)).json();
  assertEquals(two.sessions.length, 1);
  assertEquals("cursor" in two, false);
  for (const limit of ["0", "-1", "x", "1000", "1.5"]) {
    const response = await ask(`/sessions?limit=${limit}`);
    assertEquals(response.status, 400);
    assertStringIncludes(await response.text(), "invalid_limit");
  }
});

Deno.test("createAdmin() lists conversations without loading them", async () => {
  const { store, ask } = make();
  await store.update("a", () => [user("t1", "Hello")]);
  store.load = () => Promise.reject(new Error("A whole one was read"));
  const { sessions } = await (await ask("/sessions")).json();
  assertEquals(sessions.length, 1);
});

Deno.test("createAdmin() shows a conversation with its timings and tools", async () => {
  const { store, ask } = make();
  const at = "2026-11-21T10:00:00.000Z";
  const id = "odd/id é";
  await store.update(id, () => [
    user("t1", "How warm is it?"),
    {
      type: "calls",
      turnId: "t1",
      calls: [{ id: "c", name: "weather", arguments: { city: "Rome" } }],
      at,
    },
    {
      type: "result",
      turnId: "t1",
      callId: "c",
      name: "weather",
      text: '{"celsius":21}',
      at,
    },
    assistant("t1", "Twenty-one degrees."),
    {
      type: "end",
      turnId: "t1",
      status: "complete",
      provider: "ollama",
      model: "m",
      firstWordsMs: 120,
      totalMs: 300,
      outputTokens: 9,
      at,
    },
    user("t2", "And now?"),
    { type: "heard", turnId: "t1", text: "Twenty", at },
  ]);
  const response = await ask(`/sessions/${encodeURIComponent(id)}`);
  assertEquals(await response.json(), {
    id,
    turns: [
      {
        turn_id: "t1",
        at,
        user: "How warm is it?",
        assistant: "Twenty-one degrees.",
        heard: "Twenty",
        status: "complete",
        provider: "ollama",
        model: "m",
        first_words_ms: 120,
        total_ms: 300,
        output_tokens: 9,
        tool_calls: [{
          name: "weather",
          arguments: { city: "Rome" },
          result: { celsius: 21 },
        }],
      },
      {
        turn_id: "t2",
        at,
        user: "And now?",
        assistant: "",
        status: "unfinished",
      },
    ],
    memories: [],
    notes: [],
  });
  assertEquals((await ask("/sessions/nobody")).status, 404);
  assertEquals((await ask("/sessions/%E0%A4%A")).status, 400);
});

Deno.test("createAdmin() deletes a conversation, and ends its turn first", async () => {
  const { store, activeTurns, ask } = make();
  await store.update("a", () => [user("t1", "Hello"), end("t1")]);
  let ended = false;
  const spoke = Promise.withResolvers<void>();
  const id = { conversationId: "a", turnId: "t2" };
  const turn = activeTurns.start(id, async (signal, out) => {
    const aborted = new Promise((resolve) =>
      signal.addEventListener("abort", resolve, { once: true })
    );
    await out.write({ type: "speech", text: "Well" });
    await aborted;
    await store.update("a", () => [end("t2")]);
    ended = true;
  });
  turn.listen(() => {
    spoke.resolve();
    return undefined;
  });
  await spoke.promise;
  const gone = await ask("/sessions/a", { method: "DELETE" });
  assertEquals(gone.status, 204);
  assertEquals(ended, true);
  assertEquals((await store.load("a")).isEmpty, true);
  const again = await ask("/sessions/a", { method: "DELETE" });
  assertEquals(again.status, 404);
  const other = await ask("/sessions/a", { method: "POST" });
  assertEquals(other.status, 405);
  assertEquals(other.headers.get("allow"), "GET, HEAD, DELETE");
});

Deno.test("createAdmin() serves a browser the page, which contains no conversations", async () => {
  const { store, ask } = make();
  await store.update("secret-id", () => [user("t1", "Hello")]);
  for (const path of ["/sessions", "/sessions/secret-id"]) {
    const headers = { accept: "text/html", authorization: "" };
    const response = await ask(path, { headers });
    assertEquals(response.status, 200);
    assertStringIncludes(
      response.headers.get("content-security-policy") ?? "",
      "default-src 'none'",
    );
    assertEquals((await response.text()).includes("secret-id"), false);
  }
});

Deno.test("createAdmin() returns the recordings of a deleted conversation that are stored elsewhere", async () => {
  const { store, ask } = make();
  const at = "2026-11-21T10:00:00.000Z";
  const content = { recording_url: "https://recordings.example/1" };
  await store.update("a", () => [
    user("t1", "Hello"),
    { type: "note", name: "session.update", content, at },
    { type: "note", name: "session.end", content: { duration: 3 }, at },
  ]);
  const response = await ask("/sessions/a", { method: "DELETE" });
  assertEquals(response.status, 200);
  assertEquals(await response.json(), {
    deleted: "a",
    recordings_kept_elsewhere: ["https://recordings.example/1"],
  });
  assertEquals((await store.load("a")).isEmpty, true);
});
