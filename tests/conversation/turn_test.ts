import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Agent,
  answer,
  type TurnPart,
  type TurnParts,
  welcome,
} from "../../src/conversation/turn.ts";
import { createLog } from "../../src/log.ts";
import { type Provider, ProviderError } from "../../src/providers/provider.ts";
import { createMemoryStore } from "../../src/sessions/memory.ts";
import type { SessionRecord } from "../../src/sessions/session.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import {
  createScriptedProvider,
  fails,
  says,
  stalls,
} from "../fakes/provider.ts";

const agent: Agent = {
  systemPrompt: "Be brief.",
  welcomeMessage: "Welcome!",
  errorMessage: "Sorry.",
};
const id = { conversationId: "conv", turnId: "t1" };

/** The parts of a turn, and what it logs. */
function makeParts(
  provider: Provider,
  store: SessionStore = createMemoryStore(),
): TurnParts & { lines: string[] } {
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  return { store, provider, agent, log, now: Date.now, lines };
}

async function collect(
  parts: AsyncIterable<TurnPart>,
): Promise<string[]> {
  const said: string[] = [];
  for await (const part of parts) {
    if (part.type === "speech") said.push(part.text);
  }
  return said;
}

const never = new AbortController().signal;

Deno.test("answer() stores, asks and speaks", async () => {
  const provider = createScriptedProvider(says("Hi ", "there."));
  const parts = makeParts(provider);
  assertEquals(await collect(answer(id, "Hello", parts)(never)), [
    "Hi ",
    "there.",
  ]);
  const turn = (await parts.store.load("conv")).turn("t1");
  assertEquals(turn?.user, "Hello");
  assertEquals(turn?.assistant, "Hi there.");
  assertEquals(turn?.status, "complete");
});

Deno.test("answer() shows the model the system prompt, the welcome and all that was said", async () => {
  const provider = createScriptedProvider(says("One."), says("Two."));
  const parts = makeParts(provider);
  await collect(welcome({ ...id, turnId: "t0" }, parts)(never));
  await collect(answer(id, "First?", parts)(never));
  await collect(answer({ ...id, turnId: "t2" }, "Second?", parts)(never));
  assertEquals(provider.requests[1]?.system, "Be brief.");
  assertEquals(provider.requests[1]?.messages, [
    { role: "assistant", text: "Welcome!" },
    { role: "user", text: "First?" },
    { role: "assistant", text: "One." },
    { role: "user", text: "Second?" },
  ]);
});

Deno.test("answer() stores the caller's words before the model is asked", async () => {
  const store = createMemoryStore();
  const provider = createScriptedProvider(async function* (request) {
    const kept = (await store.load("conv")).turn("t1")?.user;
    yield* says(`Kept: ${kept}`)(request);
  });
  const said = await collect(
    answer(id, "Hello", makeParts(provider, store))(never),
  );
  assertEquals(said, ["Kept: Hello"]);
});

Deno.test("answer() stores each piece before it is spoken", async () => {
  const parts = makeParts(createScriptedProvider(says("a", "b", "c")));
  let spoken = "";
  for await (const part of answer(id, "?", parts)(never)) {
    if (part.type === "speech") spoken += part.text;
    assertEquals(
      (await parts.store.load("conv")).turn("t1")?.assistant,
      spoken,
    );
  }
  assertEquals(spoken, "abc");
});

Deno.test("answer() says one sentence when the provider fails, and logs the cause", async () => {
  for (const before of [[], ["Well, "]]) {
    const error = new ProviderError("Cannot ask", {
      provider: "scripted",
      retryable: false,
      cause: new Error("the vendor's own words"),
    });
    const parts = makeParts(createScriptedProvider(fails(error, ...before)));
    const said = await collect(answer(id, "?", parts)(never));
    assertEquals(said, [...before, "Sorry."]);
    const turn = (await parts.store.load("conv")).turn("t1");
    assertEquals(turn?.assistant, said.join(""));
    assertEquals(turn?.status, "failed");
    assertStringIncludes(parts.lines.join("\n"), "the vendor's own words");
  }
});

Deno.test("answer() ends as interrupted when its signal is aborted", async () => {
  const provider = createScriptedProvider(stalls("Once upon "));
  const parts = makeParts(provider);
  const controller = new AbortController();
  const turn = answer(id, "?", parts)(controller.signal);
  assertEquals((await turn.next()).value, {
    type: "speech",
    text: "Once upon ",
  });
  const rest = turn.next();
  controller.abort();
  assertEquals(await rest, { done: true, value: undefined });
  const kept = (await parts.store.load("conv")).turn("t1");
  assertEquals(kept?.assistant, "Once upon ");
  assertEquals(kept?.status, "interrupted");
});

Deno.test("answer() ends as interrupted when nobody takes the next piece", async () => {
  let released = false;
  const provider = createScriptedProvider(async function* (request) {
    try {
      yield* says("a", "b")(request);
    } finally {
      released = true;
    }
  });
  const parts = makeParts(provider);
  const turn = answer(id, "?", parts)(never);
  await turn.next();
  await turn.return();
  assertEquals(
    (await parts.store.load("conv")).turn("t1")?.status,
    "interrupted",
  );
  assertEquals(released, true);
});

Deno.test("answer() speaks even when nothing can be stored", async () => {
  const broken: SessionStore = {
    ...createMemoryStore(),
    update: () => Promise.reject(new Error("disk full")),
  };
  const parts = makeParts(createScriptedProvider(says("Hi")), broken);
  assertEquals(await collect(answer(id, "?", parts)(never)), ["Sorry."]);
  assertStringIncludes(parts.lines.join("\n"), "disk full");
});

Deno.test("answer() logs times and tokens, and never what was said", async () => {
  const parts = makeParts(createScriptedProvider(says("secret answer")));
  await collect(answer(id, "secret question", parts)(never));
  const line = JSON.parse(parts.lines.at(-1) ?? "{}");
  assertEquals(line.event, "turn.end");
  assertEquals(line.status, "complete");
  assertEquals(line.outputTokens, 1);
  assertEquals(typeof line.firstWordsMs, "number");
  assertEquals(parts.lines.join().includes("secret"), false);
});

Deno.test("welcome() speaks and stores the welcome", async () => {
  const parts = makeParts(createScriptedProvider());
  assertEquals(await collect(welcome(id, parts)(never)), ["Welcome!"]);
  const turn = (await parts.store.load("conv")).turn("t1");
  assertEquals(turn?.assistant, "Welcome!");
  assertEquals(turn?.user, undefined);
});

Deno.test("welcome() is silent when the message is empty", async () => {
  const parts = makeParts(createScriptedProvider());
  const quiet = { ...parts, agent: { ...agent, welcomeMessage: "" } };
  assertEquals(await collect(welcome(id, quiet)(never)), []);
  assertEquals((await parts.store.load("conv")).turns, []);
});

Deno.test("answer() writes what happened in order", async () => {
  const records: SessionRecord[] = [];
  const memory = createMemoryStore();
  const store: SessionStore = {
    ...memory,
    update: (id, change) =>
      memory.update(id, (session) => {
        const added = change(session);
        records.push(...added);
        return added;
      }),
  };
  const parts = makeParts(createScriptedProvider(says("Hi")), store);
  await collect(answer(id, "Hello", parts)(never));
  assertEquals(records.map(({ type }) => type), ["user", "assistant", "end"]);
});
