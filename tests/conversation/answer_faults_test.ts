/**
 * Answers on a bad day: a store that fails, a caller who leaves, a listener who
 * is slow, a model that says too much or nothing, a process about to end.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ActiveTurns } from "../../src/conversation/active_turns.ts";
import type { ToolContext } from "../../src/conversation/tools.ts";
import type {
  RunTurn,
  TurnPart,
  TurnParts,
} from "../../src/conversation/turn.ts";
import { welcome } from "../../src/conversation/welcome.ts";
import { createFailover } from "../../src/providers/failover.ts";
import { ProviderError } from "../../src/providers/provider.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { agent } from "../fakes/agent.ts";
import {
  calls,
  createScriptedProvider,
  fails,
  says,
  type Script,
  stalls,
} from "../fakes/provider.ts";
import { listen, play } from "../fakes/turn.ts";
import { answer, id, make, makeParts, sleep } from "./_parts.ts";

/** As leaked timers and lost promises are what most likely goes wrong here. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn });
}

/** A store that fails where a test wants it, and what became of its writers. */
function createFailingStore(
  failsAt: (type: SessionRecord["type"] | "flush" | "close") => boolean,
) {
  const memory = createMemoryStore();
  const seen = { opened: 0, closed: 0, ends: 0 };
  const store: SessionStore = {
    ...memory,
    async open(id, change, options) {
      const writer = await memory.open(id, change, options);
      seen.opened++;
      let isClosed = false;
      function check(what: Parameters<typeof failsAt>[0]): void {
        if (failsAt(what)) throw new Error(`Cannot write ${what}`);
      }
      return {
        get session() {
          return writer.session;
        },
        add(record) {
          assertEquals(isClosed, false, `${record.type} after the end`);
          if (record.type === "end") seen.ends++;
          check(record.type);
          writer.add(record);
        },
        // deno-lint-ignore require-await -- it throws as a promise does
        async flush() {
          check("flush");
        },
        async close() {
          if (!isClosed) seen.closed++;
          isClosed = true;
          await writer.close();
          check("close");
        },
      };
    },
  };
  return { store, seen };
}

async function turnOf({ store }: TurnParts) {
  return (await store.load("conv")).turn("t1");
}

test("welcome() and answer() say the error message when the store can't be opened, and resolve what waits", async () => {
  const broken: SessionStore = {
    ...createMemoryStore(),
    open: () => Promise.reject(new Error("disk full")),
    update: () => Promise.reject(new Error("disk full")),
  };
  const parts = makeParts(createScriptedProvider(says("Hi.")), broken);
  for (const run of [welcome(id, parts), answer(id, { text: "?" }, parts)]) {
    const said: TurnPart[] = [];
    const turn = new ActiveTurns().start(id, run);
    turn.listen((part) => {
      said.push(part);
      return undefined;
    });
    await turn.stored;
    await turn.done;
    assertEquals(said[0], { type: "speech", text: "Sorry." });
  }
  assertStringIncludes(parts.lines.join("\n"), "disk full");
});

test("answer() says nothing to a caller who left before the store failed", async () => {
  const broken: SessionStore = {
    ...createMemoryStore(),
    open: () => Promise.reject(new Error("disk full")),
  };
  const parts = makeParts(createScriptedProvider(says("Hi.")), broken);
  const turn = play(answer(id, { text: "?" }, parts), {
    signal: AbortSignal.abort(),
  });
  assertEquals(await Array.fromAsync(turn), []);
});

test("answer() says its words, then the error message, when the store fails in mid-answer, and lets go of it", async () => {
  let words = 0;
  const { store, seen } = createFailingStore((type) =>
    type === "assistant" && ++words > 1
  );
  const parts = makeParts(createScriptedProvider(says("One ", "two.")), store);
  assertEquals(await listen(answer(id, { text: "?" }, parts)), [
    "One",
    " Sorry.",
  ]);
  assertEquals(seen, { opened: 1, closed: 1, ends: 1 });
  assertEquals((await turnOf(parts))?.status, "failed");
  assertStringIncludes(parts.lines.join("\n"), "Cannot write assistant");
});

test("answer() apologises when the store fails for good, and lets go of it", async () => {
  const { store, seen } = createFailingStore((type) => type !== "user");
  const parts = makeParts(createScriptedProvider(says("One.")), store);
  const said = await listen(answer(id, { text: "?" }, parts));
  assertEquals(said.join("").trim(), "Sorry.");
  assertEquals(seen, { opened: 1, closed: 1, ends: 1 });
  assertStringIncludes(parts.lines.join("\n"), "turn.not_stored");
});

for (const failsAt of ["end", "close"] as const) {
  test(`answer() says no word more when the store fails at the ${failsAt} of a whole answer, and logs it`, async () => {
    const { store, seen } = createFailingStore((type) => type === failsAt);
    const parts = makeParts(createScriptedProvider(says("One.")), store);
    assertEquals(await listen(answer(id, { text: "?" }, parts)), ["One."]);
    assertEquals(seen, { opened: 1, closed: 1, ends: 1 });
    const lines = parts.lines.join("\n");
    assertStringIncludes(lines, "turn.not_stored");
    assertStringIncludes(lines, `Cannot write ${failsAt}`);
  });
}

test("answer() runs no tool whose call can't be kept", async () => {
  const { store, seen } = createFailingStore((type) => type === "flush");
  let ran = false;
  const book = make("book", () => {
    ran = true;
  });
  const provider = createScriptedProvider(calls([book.call]), says("Done."));
  const parts = { ...makeParts(provider, store), tools: [book.tool] };
  assertEquals(await listen(answer(id, { text: "?" }, parts)), ["Sorry."]);
  assertEquals(ran, false);
  assertEquals(seen.closed, 1);
});

test("answer() ends whole where a caller leaves, after each of its parts", async () => {
  const weather = make("weather", async ({ say, data, remember }) => {
    say("I am looking.");
    await remember("Likes weather.");
    data({ found: 1 });
    await sleep(1);
    return "blue";
  });
  let isWhole = false;
  for (let after = 0; !isWhole; after++) {
    const { store, seen } = createFailingStore(() => false);
    const provider = createScriptedProvider(
      calls([weather.call], { text: "Let me see. " }),
      says("The sky ", "is ", "blue."),
    );
    const parts = {
      ...makeParts(provider, store),
      tools: [weather.tool],
      agent: { ...agent, fillerAfterMs: 60_000, toolFillerAfterMs: 60_000 },
    };
    const controller = new AbortController();
    const turn = play(answer(id, { text: "?" }, parts), {
      signal: controller.signal,
    });
    isWhole = true;
    let left = after;
    let said = "";
    for await (const part of turn) {
      if (part.type === "speech") said += part.text;
      if (left-- > 0 || part.type === "summary") continue;
      isWhole = false;
      controller.abort();
      break;
    }
    assertEquals(seen, { opened: 1, closed: 1, ends: 1 });
    const kept = await turnOf(parts);
    // Nobody is waited for to take the last words.
    const isSaid = said.endsWith("blue.");
    assertEquals(kept?.status, isSaid ? "complete" : "interrupted");
    assertEquals(JSON.parse(parts.lines.at(-1) ?? "{}").event, "turn.end");
  }
});

/** Runs a turn for a listener who never takes anything. */
function runForNobody(run: RunTurn) {
  const turns = new ActiveTurns();
  const said: TurnPart[] = [];
  const spoke = Promise.withResolvers<void>();
  const turn = turns.start(id, run);
  turn.listen((part) => {
    said.push(part);
    spoke.resolve();
    return new Promise(() => {});
  });
  return { turn, said, spoke: spoke.promise };
}

test("answer() can be stopped while its listener takes nothing", async () => {
  for (const script of [says("One ", "two."), says("One."), stalls("One ")]) {
    const parts = makeParts(createScriptedProvider(script));
    const { turn, said, spoke } = runForNobody(
      answer(id, { text: "?" }, parts),
    );
    await spoke;
    await sleep(1);
    await turn.stop();
    assertEquals((await turnOf(parts))?.status, "interrupted");
    assertEquals(said.length, 1);
  }
});

test("welcome() and answer() don't wait for a listener to take their last words", async () => {
  const parts = makeParts(
    createScriptedProvider(fails(new Error("no model"))),
  );
  await runForNobody(welcome({ ...id, turnId: "t0" }, parts)).turn.done;
  const { turn, said } = runForNobody(answer(id, { text: "?" }, parts));
  await turn.done;
  assertEquals(said.map(({ type }) => type), ["speech", "summary"]);
  assertEquals(said[0], { type: "speech", text: "Sorry." });
});

test("answer() ends as failed where a filler can't be kept while the model is silent", async () => {
  let isFull = false;
  const { store, seen } = createFailingStore((type) =>
    type === "assistant" && isFull
  );
  const parts = makeParts(createScriptedProvider(stalls("One ")), store);
  const impatient = { ...parts, agent: { ...agent, fillerAfterMs: 5 } };
  const turn = play(answer(id, { text: "?" }, impatient));
  await turn.next();
  isFull = true;
  const [last] = await Array.fromAsync(turn);
  assertEquals(last?.type === "speech" && last.text.trim(), "Sorry.");
  assertEquals(seen.closed, 1);
  assertEquals((await turnOf(parts))?.status, "failed");
});

test("answer() says no filler after its end, though the listener was slow when it fell due", async () => {
  const { store, seen } = createFailingStore(() => false);
  // What is held back is spoken when the filler comes, and the answer is over
  // before that was taken.
  const goOn = Promise.withResolvers<void>();
  const provider = createScriptedProvider(async function* () {
    yield { type: "text-delta", text: "One [two" };
    await goOn.promise;
    yield { type: "finish", usage: {} };
  });
  const parts = {
    ...makeParts(provider, store),
    agent: { ...agent, fillerAfterMs: 5 },
  };
  const said: string[] = [];
  const taken = Promise.withResolvers<void>();
  const done = answer(id, { text: "?" }, parts)(
    new AbortController().signal,
    {
      stored: () => {},
      write: (part) => part.type === "speech" && said.push(part.text),
      room: () => said.length < 2 ? undefined : taken.promise,
    },
  );
  while (said.length < 2) await sleep(1);
  goOn.resolve();
  await done;
  const before = said.join("|");
  taken.resolve();
  await sleep(20);
  assertEquals(said.join("|"), before);
  assertEquals(seen, { opened: 1, closed: 1, ends: 1 });
});

test("answer() lets no tool remember anything after its end", async () => {
  const deaf = Promise.withResolvers<void>();
  let context: ToolContext | undefined;
  const stubborn = make("stubborn", (given) => {
    context = given;
    return deaf.promise;
  });
  const { store } = createFailingStore(() => false);
  const provider = createScriptedProvider(calls([stubborn.call]));
  const parts = { ...makeParts(provider, store), tools: [stubborn.tool] };
  const controller = new AbortController();
  const turn = play(answer(id, { text: "?" }, parts), {
    signal: controller.signal,
  });
  await turn.next();
  while (context === undefined) await sleep(1);
  controller.abort();
  await turn.return();
  await assertRejects(() => context?.remember("Too late.") ?? deaf.promise);
  context.say("Too late.");
  assertEquals((await turnOf(parts))?.memories, []);
  deaf.resolve();
});

const summaryOf = (all: readonly TurnPart[]) =>
  all.find((part) => part.type === "summary");

test("answer() ends a model that goes on and on, and says why in the record, the summary and the log", async () => {
  const sentence = (n: number) => `This is sentence number ${n} of many. `;
  let stopped = false;
  const endless: Script = async function* () {
    try {
      for (let n = 0;; n++) yield { type: "text-delta", text: sentence(n) };
    } finally {
      stopped = true;
    }
  };
  const parts = {
    ...makeParts(createScriptedProvider(endless)),
    agent: { ...agent, maxAnswerTokens: 50 },
  };
  const all = await Array.fromAsync(play(answer(id, { text: "?" }, parts)));
  assertEquals(stopped, true);
  const turn = await turnOf(parts);
  assertEquals(turn?.status, "complete");
  assertEquals(turn?.details?.ended, "max-tokens");
  assertEquals(turn?.assistant.endsWith("of many."), true);
  assertLess(turn?.assistant.length ?? 0, 50 * 4 + 45);
  // What wasn't said isn't shown to the model as if it had been.
  assertEquals(turn?.written, undefined);
  assertEquals(summaryOf(all)?.details.ended, "max-tokens");
  const line = JSON.parse(parts.lines.at(-1) ?? "{}");
  assertEquals([line.status, line.ended], ["complete", "max-tokens"]);
});

test("answer() ends a model that repeats itself", async () => {
  const endless: Script = async function* () {
    while (true) yield { type: "text-delta", text: "and so on and on " };
  };
  const parts = makeParts(createScriptedProvider(endless));
  await listen(answer(id, { text: "?" }, parts));
  const turn = await turnOf(parts);
  assertEquals([turn?.status, turn?.details?.ended], [
    "complete",
    "repetition",
  ]);
  assertLess(turn?.assistant.length ?? 0, 300);
});

test("answer() ends a model that thinks for ever, and apologises", async () => {
  const endless: Script = async function* () {
    yield { type: "text-delta", text: "<think>" };
    while (true) yield { type: "text-delta", text: "and then again " };
  };
  const parts = {
    ...makeParts(createScriptedProvider(endless)),
    agent: { ...agent, maxAnswerTokens: 50 },
  };
  assertEquals(await listen(answer(id, { text: "?" }, parts)), ["Sorry."]);
  assertEquals((await turnOf(parts))?.status, "failed");
});

test("answer() keeps that the vendor cut an answer, and not where only words before a call were", async () => {
  const cut = (...texts: string[]): Script =>
    async function* () {
      for (const text of texts) yield { type: "text-delta", text };
      yield { type: "finish", usage: {}, isCut: true };
    };
  const parts = makeParts(createScriptedProvider(cut("It is a long")));
  await listen(answer(id, { text: "?" }, parts));
  const turn = await turnOf(parts);
  assertEquals([turn?.status, turn?.details?.ended], [
    "complete",
    "max-tokens",
  ]);

  const weather = make("weather", () => "blue");
  const provider = createScriptedProvider(
    async function* () {
      yield { type: "text-delta", text: "Let me" };
      yield { type: "tool-call", call: weather.call };
      yield { type: "finish", usage: {}, isCut: true };
    },
    says("Blue."),
  );
  const others = { ...makeParts(provider), tools: [weather.tool] };
  await listen(answer(id, { text: "?" }, others));
  assertEquals((await turnOf(others))?.details?.ended, undefined);
});

test("answer() finishes the sentence of its own that is under way when the process ends, not that of a filler", async () => {
  const weather = make("weather", ({ say }) => say("I am looking."));
  const provider = createScriptedProvider(
    calls([weather.call]),
    says("It is ", "warm. ", "But tomorrow it rains."),
  );
  const parts = {
    ...makeParts(provider),
    tools: [weather.tool],
    isDraining: () => true,
  };
  const said = await listen(answer(id, { text: "?" }, parts));
  assertEquals(said.join(""), "I am looking. It is warm.");
  assertEquals((await turnOf(parts))?.status, "interrupted");
});

test("answer() is complete where the process ends with its last sentence", async () => {
  const provider = createScriptedProvider(says("It is ", "warm."));
  const parts = { ...makeParts(provider), isDraining: () => true };
  const said = await listen(answer(id, { text: "?" }, parts));
  assertEquals(said.join(""), "It is warm.");
  assertEquals((await turnOf(parts))?.status, "complete");
});

test("answer() fills the silence while a tool works and while a provider is tried again", async () => {
  const slow = make("slow", () => sleep(40));
  const busy = new ProviderError("busy", {
    provider: "scripted",
    status: 503,
    retryable: true,
    retryAfterMs: 40,
  });
  const table: [Script[], string][] = [
    [[calls([slow.call]), says("Here.")], "a tool"],
    [[fails(busy), says("Here.")], "a retry"],
  ];
  for (const [scripts, what] of table) {
    const parts = makeParts(createScriptedProvider(...scripts));
    const provider = createFailover([parts.provider], {
      log: parts.log,
      now: Date.now,
      firstTokenTimeoutMs: 5_000,
      stallTimeoutMs: 5_000,
    });
    const said = await listen(
      answer(id, { text: "?" }, {
        ...parts,
        provider,
        tools: [slow.tool],
        agent: { ...agent, fillerAfterMs: 10 },
      }),
    );
    assertEquals(said, ["One moment.", " Here."], what);
    const { details } = await turnOf(parts) ?? {};
    assertEquals([details?.provider, details?.model], ["scripted", "script"]);
  }
});

test("answer() leaves no timer behind, however it ends", async () => {
  const scripts = [says("Hi."), fails(new Error("x")), stalls("Hi")];
  for (const script of scripts) {
    const parts = makeParts(createScriptedProvider(script));
    const patient = {
      ...parts,
      agent: { ...agent, fillerAfterMs: 60_000, toolFillerAfterMs: 60_000 },
    };
    const turn = play(answer(id, { text: "?" }, patient));
    await turn.next();
    await turn.return();
  }
});

test("answer() sums up what all its steps took", async () => {
  const weather = make("weather", () => "blue");
  const counted = (script: Script, n: number): Script =>
    async function* (request) {
      for await (const part of script(request)) {
        yield part.type === "finish"
          ? {
            ...part,
            usage: {
              inputTokens: 100 * n,
              outputTokens: 10 * n,
              cachedTokens: n,
              ...(n === 1 ? { promptMs: 7 } : {}),
            },
          }
          : part;
      }
    };
  const provider = createScriptedProvider(
    counted(calls([weather.call]), 1),
    counted(says("Blue."), 2),
  );
  const parts = { ...makeParts(provider), tools: [weather.tool] };
  const all = await Array.fromAsync(play(answer(id, { text: "?" }, parts)));
  const expected = {
    inputTokens: 300,
    outputTokens: 30,
    cachedTokens: 3,
    promptMs: 7,
  };
  const { details } = summaryOf(all) ?? {};
  assert(details);
  for (const [name, value] of Object.entries(expected)) {
    assertEquals(details[name as keyof typeof expected], value, name);
  }
  assertEquals((await turnOf(parts))?.details?.inputTokens, 300);
});
