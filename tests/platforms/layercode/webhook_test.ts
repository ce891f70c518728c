import { assertEquals, assertStringIncludes } from "@std/assert";
import { createApp } from "../../../src/server/router.ts";
import type { DataHandler } from "../../../src/conversation/data.ts";
import {
  ActiveTurns,
  type ActiveTurnsOptions,
} from "../../../src/conversation/active_turns.ts";
import { Conversations } from "../../../src/conversation/conversation.ts";
import { createLog } from "../../../src/server/log.ts";
import type { Provider } from "../../../src/providers/provider.ts";
import { createMemoryStore } from "../../fakes/memory_store.ts";
import type { SessionStore } from "../../../src/sessions/store.ts";
import { layercode } from "../../../src/platforms/layercode/mod.ts";
import { agent } from "../../fakes/agent.ts";
import {
  message,
  readEvents,
  SECRET,
  signedRequest,
  spoken,
} from "../../fakes/layercode.ts";
import {
  createScriptedProvider,
  fails,
  says,
  stalls,
} from "../../fakes/provider.ts";

/** A server without a port. */
function makeServer(
  provider: Provider = createScriptedProvider(says("Hi ", "there.")),
  store: SessionStore = createMemoryStore(),
  onData: DataHandler = () => undefined,
  isDraining = () => false,
  limits: ActiveTurnsOptions = {},
) {
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  const activeTurns = new ActiveTurns(limits);
  const conversations = new Conversations({
    activeTurns,
    store,
    provider,
    // The natural end of an answer is not tested here.
    agent: { ...agent, maxAnswerTokens: 1_000_000 },
    tools: [],
    onData,
    isDraining,
    log,
    now: Date.now,
  });
  const routes = layercode({ conversations, log, now: Date.now }, {
    secrets: [SECRET, "another"],
    apiUrl: "http://127.0.0.1:9",
    authorize: () => ({ allow: true }),
    perAddress: 1,
    inAll: 1,
  });
  const handle = createApp({ routes, log, isDraining: () => false });
  return { handle, store, activeTurns, lines };
}

/** Sends an event over a socket that is never read. */
async function sendRaw(
  port: number,
  event: Record<string, unknown>,
): Promise<Deno.TcpConn> {
  const request = signedRequest(event);
  const body = await request.text();
  const socket = await Deno.connect({ port, hostname: "127.0.0.1" });
  const head = [
    "POST /agent HTTP/1.1",
    "host: parley.test",
    "content-type: application/json",
    `layercode-signature: ${request.headers.get("layercode-signature")}`,
    `content-length: ${body.length}`,
  ].join("\r\n");
  await socket.write(new TextEncoder().encode(`${head}\r\n\r\n${body}`));
  return socket;
}

Deno.test("POST /agent answers a message with speech and one end, in order", async () => {
  const { handle } = makeServer();
  const response = await handle(signedRequest(message("Hello")));
  assertEquals(response.status, 200);
  assertEquals(
    await response.text(),
    [
      'data: {"type":"response.tts","content":"Hi","turn_id":"turn_1"}\n\n',
      'data: {"type":"response.tts","content":" there.","turn_id":"turn_1"}\n\n',
      'data: {"type":"response.end","turn_id":"turn_1"}\n\n',
    ].join(""),
  );
});

Deno.test("POST /agent accepts any of the secrets and no other", async () => {
  const { handle, lines } = makeServer();
  const good = await handle(signedRequest(message("Hello"), "another"));
  assertEquals(good.status, 200);
  await good.body?.cancel();
  const bad = await handle(signedRequest(message("Hello"), "a third"));
  assertEquals(bad.status, 401);
  assertEquals((await bad.json()).error.code, "invalid_signature");
  assertStringIncludes(lines.join("\n"), "does not match");
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

Deno.test("POST /agent tells the model that the caller says nothing if a message has no words", async () => {
  const provider = createScriptedProvider(says("Hi."));
  const { handle } = makeServer(provider);
  for (const [n, text] of ["Hello", "", " "].entries()) {
    const event = message(text, { turn_id: `t${n}` });
    await (await handle(signedRequest(event))).text();
  }
  const shown = provider.requests.map(({ messages }) =>
    messages.at(-1)?.text.trim()
  );
  const silence = "[The caller says nothing.]";
  assertEquals(shown, ["Hello", silence, silence]);
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

Deno.test("POST /agent continues a conversation across connections", async () => {
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

Deno.test("POST /agent accepts an unknown event with a warning", async () => {
  const { handle, lines } = makeServer();
  for (const ids of [{ session_id: "s" }, {}]) {
    const event = { type: "session.dance", ...ids };
    const response = await handle(signedRequest(event));
    assertEquals(response.status, 200);
    assertEquals(await response.json(), { status: "ok" });
    const { level, name } = JSON.parse(lines.pop() ?? "{}");
    assertEquals([level, name], ["warn", "session.dance"]);
  }
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

Deno.test("POST /agent cancels the model when the client leaves, and stores what was said", async () => {
  const aborted = Promise.withResolvers<void>();
  const provider = createScriptedProvider((request) => {
    request.signal.addEventListener("abort", () => aborted.resolve());
    return stalls("Once upon a time ")(request);
  });
  const { handle, store, activeTurns } = makeServer(provider);
  const response = await handle(signedRequest(message("A story")));
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await aborted.promise;
  while (activeTurns.size > 0) await new Promise((go) => setTimeout(go));
  const turn = (await store.load("conv_1")).turn("turn_1");
  assertEquals(turn?.assistant, "Once upon a time");
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
      { user: "A story", assistant: "Once", status: "interrupted" },
      { user: "Stop", assistant: "Fine.", status: "complete" },
    ],
  );
});

Deno.test("POST /agent replays a turn that is finished, without asking the model or storing anything", async () => {
  const provider = createScriptedProvider(says("Hi ", "there."));
  const { handle, store } = makeServer(provider);
  await readEvents(await handle(signedRequest(message("Hello"))));
  const before = structuredClone((await store.load("conv_1")).turns);
  const events = await readEvents(
    await handle(signedRequest(message("Hello"))),
  );
  assertEquals(spoken(events), "Hi there.");
  assertEquals(events.at(-1), { type: "response.end", turn_id: "turn_1" });
  assertEquals(provider.requests.length, 1);
  assertEquals((await store.load("conv_1")).turns, before);
});

Deno.test("POST /agent replays an old turn without disturbing the one under way", async () => {
  const provider = createScriptedProvider(says("One."), stalls("Two "));
  const { handle, activeTurns } = makeServer(provider);
  await readEvents(await handle(signedRequest(message("A"))));
  const next = message("B", { turn_id: "turn_2" });
  const running = (await handle(signedRequest(next))).body?.getReader();
  await running?.read();
  const again = await handle(signedRequest(message("A")));
  assertEquals(spoken(await readEvents(again)), "One.");
  assertEquals(activeTurns.size, 1);
  await running?.cancel();
});

Deno.test("POST /agent joins a turn that is delivered again while it runs: both connections get all of it", async () => {
  const goOn = Promise.withResolvers<void>();
  const provider = createScriptedProvider(async function* () {
    yield { type: "text-delta", text: "Once " };
    await goOn.promise;
    yield { type: "text-delta", text: "upon a time." };
    yield { type: "finish", usage: {} };
  });
  const { handle, store } = makeServer(provider);
  const first = await handle(signedRequest(message("Hello")));
  const second = await handle(signedRequest(message("Hello")));
  goOn.resolve();
  const both = await Promise.all([readEvents(first), readEvents(second)]);
  for (const events of both) {
    assertEquals(spoken(events), "Once upon a time.");
    const ends = events.filter(({ type }) => type === "response.end");
    assertEquals(ends.length, 1);
  }
  assertEquals(provider.requests.length, 1);
  const { turns } = await store.load("conv_1");
  assertEquals(turns.map(({ user, assistant }) => [user, assistant]), [
    ["Hello", "Once upon a time."],
  ]);
});

Deno.test("POST /agent refuses a turn over the limit with 503 and says when to try again", async () => {
  const { handle, activeTurns } = makeServer(
    createScriptedProvider(stalls("Once ")),
    undefined,
    undefined,
    undefined,
    { max: 1 },
  );
  const running = await handle(signedRequest(message("Hello")));
  const other = message("Hello", { conversation_id: "conv_2" });
  const refused = await handle(signedRequest(other));
  assertEquals(refused.status, 503);
  assertEquals(refused.headers.get("retry-after"), "2");
  const { error } = await refused.json();
  assertEquals(error.code, "too_many_turns");
  await activeTurns.endAll();
  await readEvents(running);
  const later = await handle(signedRequest(other));
  assertEquals(later.status, 200);
  await later.body?.cancel();
});

Deno.test({
  name:
    "POST /agent ends the turn of a client who stops reading, and stops the model",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const stopped = Promise.withResolvers<void>();
    const provider = createScriptedProvider(async function* () {
      try {
        for (let n = 0;; n++) {
          const words = Array.from(
            { length: 1_000 },
            (_, i) => `word${n}-${i}`,
          );
          yield { type: "text-delta", text: words.join(" ") };
        }
      } finally {
        stopped.resolve();
      }
    });
    const { handle, store, activeTurns } = makeServer(
      provider,
      undefined,
      undefined,
      undefined,
      { stalledMs: 300 },
    );
    const options = { port: 0, hostname: "127.0.0.1", onListen() {} };
    const server = Deno.serve(options, (request) => handle(request));
    const socket = await sendRaw(server.addr.port, message("A story"));
    await stopped.promise;
    const deadline = performance.now() + 2_000;
    while (activeTurns.size > 0 && performance.now() < deadline) {
      await new Promise((go) => setTimeout(go, 5));
    }
    assertEquals(activeTurns.size, 0);
    const turn = (await store.load("conv_1")).turn("turn_1");
    assertEquals(turn?.status, "interrupted");
    socket.close();
    await server.shutdown();
  },
});

Deno.test("POST /agent stores and greets once, however often the same start, note or data comes", async () => {
  const { handle, store } = makeServer();
  const session = { conversation_id: "conv_1", session_id: "s" };
  const events = [
    { ...session, type: "session.start", turn_id: "t0" },
    { ...session, type: "session.update", recording_status: "completed" },
    { ...session, type: "session.end", duration: 7 },
    { ...session, type: "data", turn_id: "t0", data: { click: 1 } },
  ];
  const answers: string[] = [];
  for (const event of [...events, ...events]) {
    answers.push(await (await handle(signedRequest(event))).text());
  }
  assertEquals(answers.slice(4), answers.slice(0, 4));
  const { turns, notes } = await store.load("conv_1");
  assertEquals(turns.length, 1);
  assertEquals(notes.length, 2);
});

Deno.test("POST /agent welcomes a caller back on a new connection", async () => {
  const { handle, store } = makeServer();
  await readEvents(await handle(signedRequest(message("Hello"))));
  const start = {
    type: "session.start",
    conversation_id: "conv_1",
    session_id: "sess_2",
    turn_id: "turn_9",
  };
  const events = await readEvents(await handle(signedRequest(start)));
  assertEquals(spoken(events), "Welcome back!");
  assertEquals((await store.load("conv_1")).turns[0]?.user, "Hello");
});

Deno.test("POST /agent passes on what the caller heard, and ignores an invalid interruption", async () => {
  const provider = createScriptedProvider(says("One two three."), says("Hm."));
  const { handle, lines } = makeServer(provider);
  await readEvents(await handle(signedRequest(message("A"))));
  const heard = {
    previous_turn_interrupted: true,
    words_heard: 2,
    text_heard: "One two",
    assistant_turn_id: "turn_1",
  };
  const next = message("B", { turn_id: "turn_2", interruption_context: heard });
  await readEvents(await handle(signedRequest(next)));
  assertEquals(
    provider.requests[1]?.messages[1]?.text,
    "One two [interrupted]",
  );
  for (const [n, wrong] of ["x", 7, {}, { text_heard: 7 }].entries()) {
    const event = message("C", {
      turn_id: `turn_c${n}`,
      interruption_context: wrong,
    });
    const events = await readEvents(await handle(signedRequest(event)));
    assertEquals(spoken(events), "Hm.");
  }
  const warned = lines.filter((line) => line.includes("interruption.ignored"));
  assertEquals(warned.length, 4);
});

Deno.test("POST /agent refuses a text of 1 MiB and stores nothing", async () => {
  const { handle, store } = makeServer();
  const response = await handle(signedRequest(message("x".repeat(1 << 20))));
  assertEquals(response.status, 413);
  await response.body?.cancel();
  assertEquals((await store.load("conv_1")).turns, []);
});

Deno.test("POST /agent answers data with what the owner's handler returns", async () => {
  const { handle } = makeServer(undefined, undefined, (data, context) => ({
    data,
    ...context.metadata,
  }));
  const event = {
    type: "data",
    session_id: "s",
    turn_id: "t",
    data: { a: 1 },
    custom_metadata: { plan: "gold" },
  };
  const response = await handle(signedRequest(event));
  assertEquals(await response.json(), {
    type: "response.data",
    content: { data: { a: 1 }, plan: "gold" },
  });
});

Deno.test("POST /agent begins no turn once the process is shutting down, and stores nothing", async () => {
  const memory = createMemoryStore();
  // As just after the request was let in.
  const { handle, activeTurns } = makeServer(
    undefined,
    memory,
    undefined,
    () => true,
  );
  const response = await handle(signedRequest(message("Hello")));
  assertEquals(response.status, 503);
  assertStringIncludes(await response.text(), "shutting_down");
  assertEquals(activeTurns.size, 0);
  assertEquals((await memory.load("conv_1")).isEmpty, true);
});

Deno.test("POST /agent speaks even when the conversation can't be read", async () => {
  const broken: SessionStore = {
    ...createMemoryStore(),
    load: () => Promise.reject(new Error("disk gone")),
    update: () => Promise.reject(new Error("disk gone")),
    open: () => Promise.reject(new Error("disk gone")),
  };
  const { handle } = makeServer(undefined, broken);
  const response = await handle(signedRequest(message("Hello")));
  assertEquals(response.status, 200);
  const events = await readEvents(response);
  assertEquals(spoken(events), "Sorry.");
  assertEquals(events.at(-1)?.type, "response.end");
});

Deno.test({
  name:
    "POST /agent lets a newer turn end one whose client reads nothing, however much there is to say",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    let asked = 0;
    const provider = createScriptedProvider(async function* (request) {
      if (++asked > 1) return yield* says("Fine.")(request);
      for (let n = 0; n < 10_000; n++) {
        yield { type: "text-delta" as const, text: `${n} ` };
      }
    });
    const { handle, store, activeTurns } = makeServer(provider);
    const first = await handle(signedRequest(message("A story")));
    // What a client doesn't read is not read from the model, either.
    await new Promise((go) => setTimeout(go, 20));
    const kept = (await store.load("conv_1")).turn("turn_1");
    assertEquals((kept?.assistant.length ?? 0) < 16_384, true);
    const next = message("Stop", { turn_id: "turn_2" });
    const events = await readEvents(await handle(signedRequest(next)));
    assertEquals(spoken(events), "Fine.");
    const { turns } = await store.load("conv_1");
    assertEquals(turns[0]?.status, "interrupted");
    assertEquals(activeTurns.size, 0);
    await first.body?.cancel();
  },
});

Deno.test({
  name:
    "POST /agent ends the turn of a client that left before the answer began, and stores what was said",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const memory = createMemoryStore();
    const opening = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const store: SessionStore = {
      ...memory,
      async open(id, change, options) {
        opening.resolve();
        await goOn.promise;
        return await memory.open(id, change, options);
      },
    };
    const { handle, activeTurns } = makeServer(
      createScriptedProvider(stalls("Once ")),
      store,
    );
    const options = { port: 0, hostname: "127.0.0.1", onListen() {} };
    const server = Deno.serve(options, (request) => handle(request));
    const { port } = server.addr;
    const socket = await sendRaw(port, message("Hello"));
    await opening.promise;
    socket.close();
    await new Promise((go) => setTimeout(go, 20));
    goOn.resolve();
    const deadline = performance.now() + 2_000;
    while (activeTurns.size > 0 && performance.now() < deadline) {
      await new Promise((go) => setTimeout(go, 5));
    }
    const turn = (await memory.load("conv_1")).turn("turn_1");
    assertEquals([turn?.user, turn?.status], ["Hello", "interrupted"]);
    await activeTurns.endAll();
    await server.shutdown();
  },
});

Deno.test("POST /agent says the error message in place of the welcome when the store fails", async () => {
  const broken: SessionStore = {
    ...createMemoryStore(),
    update: () => Promise.reject(new Error("disk gone")),
  };
  const { handle } = makeServer(undefined, broken);
  const event = { type: "session.start", session_id: "s", turn_id: "t0" };
  const events = await readEvents(await handle(signedRequest(event)));
  assertEquals(events, [
    { type: "response.tts", content: "Sorry.", turn_id: "t0" },
    { type: "response.end", turn_id: "t0" },
  ]);
});

/** A store in which the test controls the first sync of a turn. */
function createSyncingStore(synced: Promise<void>): SessionStore {
  const memory = createMemoryStore();
  return {
    ...memory,
    async open(id, change, options) {
      const writer = await memory.open(id, change, options);
      let first = true;
      return {
        get session() {
          return writer.session;
        },
        add: writer.add,
        close: writer.close,
        flush() {
          const flushed = first ? synced : writer.flush();
          first = false;
          return flushed;
        },
      };
    },
  };
}

Deno.test({
  name:
    "POST /agent asks the model while the caller's words are being synced, and answers 200 only after",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const synced = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const provider = createScriptedProvider(async function* () {
      asked.resolve();
      yield { type: "text-delta", text: "Hi." };
      await synced.promise;
      yield { type: "finish", usage: {} };
    });
    const store = createSyncingStore(synced.promise);
    const { handle } = makeServer(provider, store);
    let isAnswered = false;
    const response = Promise.resolve(handle(signedRequest(message("Hello"))));
    response.then(() => isAnswered = true);
    await asked.promise;
    await new Promise((go) => setTimeout(go, 20));
    assertEquals(isAnswered, false);
    synced.resolve();
    assertEquals(spoken(await readEvents(await response)), "Hi.");
  },
});

Deno.test({
  name: "POST /agent apologises if the caller's words can't be synced",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const failed: Promise<void> = Promise.reject(
      new Error("Cannot sync"),
    );
    failed.catch(() => {});
    const provider = createScriptedProvider(stalls());
    const { handle, lines } = makeServer(provider, createSyncingStore(failed));
    const response = await handle(signedRequest(message("Hello")));
    assertEquals(spoken(await readEvents(response)), "Sorry.");
    assertStringIncludes(lines.join("\n"), "Cannot sync");
  },
});

Deno.test("createWebhook() logs ten refusals in a minute, however many there are", async () => {
  const { handle, lines } = makeServer();
  for (let n = 0; n < 50; n++) {
    const headers = { "content-type": "application/json" };
    const request = new Request("http://parley.test/agent", {
      method: "POST",
      headers,
      body: "{}",
    });
    assertEquals((await handle(request)).status, 401);
  }
  assertEquals(lines.length, 10);
});
