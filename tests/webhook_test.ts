import { assertEquals, assertStringIncludes } from "@std/assert";
import { createApp } from "../src/app.ts";
import { createFloor } from "../src/conversation/floor.ts";
import { json } from "../src/http.ts";
import { createLog } from "../src/log.ts";
import type { Provider } from "../src/providers/provider.ts";
import { createMemoryStore } from "../src/sessions/memory.ts";
import type { SessionStore } from "../src/sessions/store.ts";
import { createWebhook } from "../src/webhook.ts";
import {
  message,
  readEvents,
  SECRET,
  signedRequest,
  spoken,
} from "./fakes/layercode.ts";
import {
  createScriptedProvider,
  fails,
  says,
  stalls,
} from "./fakes/provider.ts";

/** A server without a port. */
function makeServer(
  provider: Provider = createScriptedProvider(says("Hi ", "there.")),
  store: SessionStore = createMemoryStore(),
) {
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  const floor = createFloor();
  const webhook = createWebhook({
    secrets: [SECRET, "another"],
    floor,
    store,
    provider,
    agent: {
      systemPrompt: "Be brief.",
      welcomeMessage: "Welcome!",
      errorMessage: "Sorry.",
    },
    log,
    now: Date.now,
  });
  const none = () => json({});
  const handle = createApp({
    webhook,
    authorize: none,
    health: none,
    ready: none,
    home: none,
    log,
    isDraining: () => false,
  });
  return { handle, store, floor, lines };
}

Deno.test("POST /agent answers a message with speech and one end, in order", async () => {
  const { handle } = makeServer();
  const response = await handle(signedRequest(message("Hello")));
  assertEquals(response.status, 200);
  assertEquals(
    await response.text(),
    [
      'data: {"type":"response.tts","content":"Hi ","turn_id":"turn_1"}\n\n',
      'data: {"type":"response.tts","content":"there.","turn_id":"turn_1"}\n\n',
      'data: {"type":"response.end","turn_id":"turn_1"}\n\n',
    ].join(""),
  );
});

Deno.test("POST /agent takes any of the secrets and no other", async () => {
  const { handle, lines } = makeServer();
  const good = await handle(signedRequest(message("Hello"), "another"));
  assertEquals(good.status, 200);
  await good.body?.cancel();
  const bad = await handle(signedRequest(message("Hello"), "a third"));
  assertEquals(bad.status, 401);
  assertEquals((await bad.json()).error.code, "invalid_signature");
  assertStringIncludes(lines.join("\n"), "mismatch");
});

Deno.test("POST /agent stores nothing of a request that isn't signed", async () => {
  const { handle, store } = makeServer();
  const request = signedRequest(message("Hello"), "wrong");
  await (await handle(request)).body?.cancel();
  assertEquals((await store.load("conv_1")).turns, []);
});

Deno.test("POST /agent names the field that is wrong", async () => {
  const { handle } = makeServer();
  const response = await handle(signedRequest(message("x", { text: 7 })));
  assertEquals(response.status, 400);
  assertStringIncludes((await response.json()).error.message, '"text"');
});

Deno.test("POST /agent speaks first when somebody connects", async () => {
  const { handle } = makeServer();
  for (const type of ["session.start", "SESSION_START"]) {
    const event = { type, session_id: type, turn_id: "turn_0" };
    const events = await readEvents(await handle(signedRequest(event)));
    assertEquals(events, [
      { type: "response.tts", content: "Welcome!", turn_id: "turn_0" },
      { type: "response.end", turn_id: "turn_0" },
    ]);
  }
});

Deno.test("POST /agent keeps a conversation across connections", async () => {
  const provider = createScriptedProvider(says("One."), says("Two."));
  const { handle } = makeServer(provider);
  await readEvents(await handle(signedRequest(message("First"))));
  const second = message("Second", { session_id: "sess_2", turn_id: "turn_2" });
  await readEvents(await handle(signedRequest(second)));
  assertEquals(
    provider.requests[1]?.messages.map(({ text }) => text),
    ["First", "One.", "Second"],
  );
});

Deno.test("POST /agent understands an old pipeline's message", async () => {
  const { handle, store } = makeServer();
  const event = {
    type: "MESSAGE",
    session_id: "the-conversation",
    connection_id: "conn",
    turn_id: "turn_1",
    text: "Hello",
  };
  const events = await readEvents(await handle(signedRequest(event)));
  assertEquals(spoken(events), "Hi there.");
  assertEquals((await store.load("the-conversation")).turns.length, 1);
});

Deno.test("POST /agent stores session.update and session.end", async () => {
  const { handle, store } = makeServer();
  for (const type of ["session.update", "session.end"]) {
    const event = { type, session_id: "s", duration: null };
    const response = await handle(signedRequest(event));
    assertEquals(response.status, 200);
    assertEquals(await response.json(), { status: "ok" });
  }
  const { notes } = await store.load("s");
  assertEquals(notes.map(({ name }) => name), [
    "session.update",
    "session.end",
  ]);
});

Deno.test("POST /agent answers data with JSON", async () => {
  const { handle } = makeServer();
  const event = { type: "data", session_id: "s", turn_id: "t", data: { a: 1 } };
  const response = await handle(signedRequest(event));
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(await response.json(), { status: "ok" });
});

Deno.test("POST /agent takes an unknown event with a warning", async () => {
  const { handle, lines } = makeServer();
  const event = { type: "session.dance", session_id: "s" };
  const response = await handle(signedRequest(event));
  assertEquals(response.status, 200);
  await response.body?.cancel();
  const { level, name } = JSON.parse(lines[0] ?? "{}");
  assertEquals([level, name], ["warn", "session.dance"]);
});

Deno.test("POST /agent says one sentence and ends when the provider fails", async () => {
  for (const before of [[], ["Well, "]]) {
    const provider = createScriptedProvider(fails(new Error("x"), ...before));
    const { handle } = makeServer(provider);
    const response = await handle(signedRequest(message("Hello")));
    assertEquals(response.status, 200);
    const events = await readEvents(response);
    assertEquals(spoken(events), [...before, "Sorry."].join(""));
    const ends = events.filter(({ type }) => type === "response.end");
    assertEquals(ends.length, 1);
    assertEquals(events.at(-1), ends[0]);
  }
});

Deno.test("POST /agent cancels the model when the client leaves, and keeps what was said", async () => {
  const aborted = Promise.withResolvers<void>();
  const provider = createScriptedProvider((request) => {
    request.signal.addEventListener("abort", () => aborted.resolve());
    return stalls("Once upon a time ")(request);
  });
  const { handle, store, floor } = makeServer(provider);
  const response = await handle(signedRequest(message("A story")));
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await aborted.promise;
  while (floor.size > 0) await new Promise((go) => setTimeout(go));
  const turn = (await store.load("conv_1")).turn("turn_1");
  assertEquals(turn?.assistant, "Once upon a time ");
  assertEquals(turn?.status, "interrupted");
});

Deno.test("POST /agent lets a newer turn end the one before", async () => {
  const provider = createScriptedProvider(stalls("Once "), says("Fine."));
  const { handle, store } = makeServer(provider);
  const first = await handle(signedRequest(message("A story")));
  const next = message("Stop", { turn_id: "turn_2" });
  const second = await handle(signedRequest(next));
  const [before, after] = await Promise.all([
    readEvents(first),
    readEvents(second),
  ]);
  assertEquals(before.at(-1), { type: "response.end", turn_id: "turn_1" });
  assertEquals(spoken(after), "Fine.");
  const { turns } = await store.load("conv_1");
  assertEquals(
    turns.map(({ user, assistant, status }) => ({
      user,
      assistant,
      status,
    })),
    [
      { user: "A story", assistant: "Once ", status: "interrupted" },
      { user: "Stop", assistant: "Fine.", status: "complete" },
    ],
  );
});
