import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import * as z from "zod";
import {
  type Tool,
  tool,
  type ToolContext,
} from "../../src/conversation/tools.ts";
import { answer, type Said } from "../../src/conversation/answer.ts";
import {
  findAnswered,
  toParts,
  type TurnPart,
  type TurnParts,
  welcome,
} from "../../src/conversation/turn.ts";
import { NOTES_NOTE } from "../../src/conversation/prompt.ts";
import { createLog } from "../../src/log.ts";
import { type Provider, ProviderError } from "../../src/providers/provider.ts";
import { createMemoryStore } from "../../src/sessions/memory.ts";
import type { Turn } from "../../src/sessions/session.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { agent } from "../fakes/agent.ts";
import { createRecordingStore } from "../fakes/store.ts";
import { listen as collect, play } from "../fakes/turn.ts";
import {
  calls,
  createScriptedProvider,
  fails,
  says,
  type Script,
  stalls,
} from "../fakes/provider.ts";

const id = { conversationId: "conv", turnId: "t1", metadata: {} };

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
  return { store, provider, tools: [], agent, log, now: Date.now, lines };
}

Deno.test("answer() stores, asks and speaks", async () => {
  const provider = createScriptedProvider(says("Hi ", "there."));
  const parts = makeParts(provider);
  assertEquals(
    await collect(answer(id, { text: "Hello" }, parts)),
    ["Hi", " there."],
  );
  const turn = (await parts.store.load("conv")).turn("t1");
  assertEquals(turn?.user, "Hello");
  assertEquals(turn?.assistant, "Hi there.");
  assertEquals(turn?.status, "complete");
});

Deno.test("answer() shows the model the system prompt, the welcome and all that was said", async () => {
  const provider = createScriptedProvider(says("One."), says("Two."));
  const parts = makeParts(provider);
  await collect(welcome({ ...id, turnId: "t0" }, parts));
  await collect(answer(id, { text: "First?" }, parts));
  await collect(
    answer({ ...id, turnId: "t2" }, { text: "Second?" }, parts),
  );
  assertEquals(provider.requests[1]?.system, `Be brief.\n${NOTES_NOTE}`);
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
    answer(id, { text: "Hello" }, makeParts(provider, store)),
  );
  assertEquals(said, ["Kept: Hello"]);
});

Deno.test("answer() stores each piece before it is spoken", async () => {
  const parts = makeParts(createScriptedProvider(says("a", "b", "c")));
  let spoken = "";
  for await (const part of play(answer(id, { text: "?" }, parts))) {
    if (part.type === "speech") spoken += part.text;
    assertEquals(
      (await parts.store.load("conv")).turn("t1")?.assistant,
      spoken,
    );
  }
  assertEquals(spoken, "abc");
});

Deno.test("answer() says one sentence when the provider fails, and logs the cause", async () => {
  for (const before of [[], ["Well,"]]) {
    const error = new ProviderError("Cannot ask", {
      provider: "scripted",
      retryable: false,
      cause: new Error("the vendor's own words"),
    });
    const parts = makeParts(createScriptedProvider(fails(error, ...before)));
    const said = await collect(answer(id, { text: "?" }, parts));
    assertEquals(said, before.length > 0 ? ["Well,", " Sorry."] : ["Sorry."]);
    const turn = (await parts.store.load("conv")).turn("t1");
    assertEquals(turn?.assistant, said.join(""));
    assertEquals(turn?.status, "failed");
    assertStringIncludes(parts.lines.join("\n"), "the vendor's own words");
  }
});

Deno.test("answer() ends as interrupted when its signal is aborted", async () => {
  const provider = createScriptedProvider(stalls("Once upon"));
  const parts = makeParts(provider);
  const controller = new AbortController();
  const turn = play(answer(id, { text: "?" }, parts), {
    signal: controller.signal,
  });
  assertEquals((await turn.next()).value, {
    type: "speech",
    text: "Once upon",
  });
  const rest = turn.next();
  controller.abort();
  assertEquals(await rest, { done: true, value: undefined });
  const kept = (await parts.store.load("conv")).turn("t1");
  assertEquals(kept?.assistant, "Once upon");
  assertEquals(kept?.status, "interrupted");
});

Deno.test("answer() ends with its sentence when the process is about to end", async () => {
  let draining = false;
  const provider = createScriptedProvider(
    says("It is ", "warm. But ", "tomorrow it", " rains."),
  );
  const parts = { ...makeParts(provider), isDraining: () => draining };
  const turn = play(answer(id, { text: "?" }, parts));
  await turn.next();
  draining = true;
  await Array.fromAsync(turn);
  const kept = (await parts.store.load("conv")).turn("t1");
  assertEquals(kept?.assistant, "It is warm.");
  assertEquals(kept?.status, "interrupted");
});

Deno.test("answer() knows where a sentence ends when the process is about to end", async () => {
  const cases = [
    [["It is 3.", "5 degrees.", " And then some."], "It is 3.5 degrees."],
    [
      ["Ask Dr.", " Smith, e.g.", " now! Or never."],
      "Ask Dr. Smith, e.g. now!",
    ],
    [["It has", " ended.", " No more."], "It has ended."],
    [["Really?”", " he said."], "Really?”"],
    [["はい。", "それは"], "はい。"],
    [["「はい。」", "それは"], "「はい。」"],
    [["No end at", " all"], "No end at all"],
  ] as const;
  for (const [pieces, expected] of cases) {
    const provider = createScriptedProvider(says(...pieces));
    const parts = {
      ...makeParts(provider),
      agent: { ...agent, speechCleanup: false },
      isDraining: () => true,
    };
    const said = await collect(answer(id, { text: "?" }, parts));
    assertEquals(said.join(""), expected);
  }
});

Deno.test("answer() says one sentence when the process ends before the first word", async () => {
  const provider = createScriptedProvider(stalls(""));
  const parts = { ...makeParts(provider), isDraining: () => true };
  const controller = new AbortController();
  const turn = play(answer(id, { text: "?" }, parts), {
    signal: controller.signal,
  });
  const first = turn.next();
  setTimeout(() => controller.abort(), 10);
  assertEquals(await first, {
    done: false,
    value: { type: "speech", text: "Sorry." },
  });
  assertEquals((await turn.return()).done, true);
  // It may come again, and is answered then.
  const kept = (await parts.store.load("conv")).turn("t1");
  assertEquals(kept?.status, "interrupted");
});

Deno.test("answer() replays a turn that was answered just before it began", async () => {
  const provider = createScriptedProvider(says("Once."), says("Twice."));
  const parts = makeParts(provider);
  for (const _ of [1, 2]) {
    const said = await collect(answer(id, { text: "?" }, parts));
    assertEquals(said, ["Once."]);
  }
  assertEquals(provider.requests.length, 1);
  assertEquals((await parts.store.load("conv")).turn("t1")?.assistant, "Once.");
});

Deno.test("welcome() is stored once when it comes twice at once", async () => {
  const parts = makeParts(createScriptedProvider());
  const said = await Promise.all(
    [1, 2].map(() => collect(welcome(id, parts))),
  );
  assertEquals(said, [["Welcome!"], ["Welcome!"]]);
  const { turns } = await parts.store.load("conv");
  assertEquals(turns.map(({ assistant }) => assistant), ["Welcome!"]);
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
  const turn = play(answer(id, { text: "?" }, parts));
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
    open: () => Promise.reject(new Error("disk full")),
  };
  const parts = makeParts(createScriptedProvider(says("Hi")), broken);
  assertEquals(await collect(answer(id, { text: "?" }, parts)), [
    "Sorry.",
  ]);
  assertStringIncludes(parts.lines.join("\n"), "disk full");
});

Deno.test("answer() logs times and tokens, and never what was said", async () => {
  const parts = makeParts(createScriptedProvider(says("secret answer")));
  await collect(answer(id, { text: "secret question" }, parts));
  const line = JSON.parse(parts.lines.at(-1) ?? "{}");
  assertEquals(line.event, "turn.end");
  assertEquals(line.status, "complete");
  assertEquals(line.outputTokens, 1);
  assertEquals(typeof line.firstWordsMs, "number");
  assertEquals(parts.lines.join().includes("secret"), false);
});

Deno.test("welcome() speaks and stores the welcome", async () => {
  const parts = makeParts(createScriptedProvider());
  assertEquals(await collect(welcome(id, parts)), ["Welcome!"]);
  const turn = (await parts.store.load("conv")).turn("t1");
  assertEquals(turn?.assistant, "Welcome!");
  assertEquals(turn?.user, undefined);
});

Deno.test("welcome() is silent when the message is empty", async () => {
  const parts = makeParts(createScriptedProvider());
  const quiet = { ...parts, agent: { ...agent, welcomeMessage: "" } };
  assertEquals(await collect(welcome(id, quiet)), []);
  // A silent start is no history: the caller isn't welcomed back after it.
  const again = { ...id, turnId: "t2" };
  assertEquals(await collect(welcome(again, parts)), [
    "Welcome!",
  ]);
});

Deno.test("welcome() welcomes a caller back, or is silent, and keeps the history", async () => {
  const parts = makeParts(createScriptedProvider(says("Hi.")));
  await collect(answer(id, { text: "Hello" }, parts));
  const back = { ...id, turnId: "t2" };
  assertEquals(await collect(welcome(back, parts)), [
    "Welcome back!",
  ]);
  const quiet = { ...parts, agent: { ...agent, welcomeBackMessage: "" } };
  const again = { ...id, turnId: "t3" };
  assertEquals(await collect(welcome(again, quiet)), []);
  const { turns } = await parts.store.load("conv");
  assertEquals(turns.map(({ user }) => user), ["Hello", undefined, undefined]);
});

/** A turn that is cut off after its first piece. */
async function interrupted(
  turnId: string,
  question: Said,
  parts: TurnParts,
): Promise<void> {
  const controller = new AbortController();
  const turn = play(answer({ ...id, turnId }, question, parts), {
    signal: controller.signal,
  });
  await turn.next();
  controller.abort();
  await turn.return();
}

Deno.test("answer() shows the model an interrupted turn as the caller heard it", async () => {
  const provider = createScriptedProvider(says("It is twelve ", "past four."));
  const parts = makeParts(provider);
  await collect(answer(id, { text: "The time?" }, parts));
  const question = {
    text: "Thanks, and the date?",
    interruption: { textHeard: "It is twelve" },
  };
  await collect(
    answer({ ...id, turnId: "t2" }, question, parts),
  );
  assertEquals(provider.requests[1]?.messages, [
    { role: "user", text: "The time?" },
    { role: "assistant", text: "It is twelve [interrupted]" },
    { role: "user", text: "Thanks, and the date?" },
  ]);
  assertStringIncludes(provider.requests[1]?.system ?? "", "square brackets");
  // All that was generated stays in the record beside it.
  const turn = (await parts.store.load("conv")).turn("t1");
  assertEquals(turn?.assistant, "It is twelve past four.");
  assertEquals(turn?.heard, "It is twelve");
});

Deno.test("answer() tells the model when nothing was heard", async () => {
  const provider = createScriptedProvider(says("Well, ", "you see"));
  const parts = makeParts(provider);
  await interrupted("t1", { text: "Why?" }, parts);
  const question = { text: "Hello?", interruption: { textHeard: "" } };
  await collect(
    answer({ ...id, turnId: "t2" }, question, parts),
  );
  assertEquals(
    provider.requests[1]?.messages[1]?.text,
    "[interrupted before anything was heard]",
  );
});

Deno.test("answer() keeps several interruptions in a row apart", async () => {
  const provider = createScriptedProvider(
    says("One two three. "),
    says("Four five six. "),
    says("Seven."),
  );
  const parts = makeParts(provider);
  await interrupted("t1", { text: "A?" }, parts);
  await interrupted("t2", {
    text: "B?",
    interruption: { textHeard: "One two" },
  }, parts);
  await collect(
    answer({ ...id, turnId: "t3" }, {
      text: "C?",
      interruption: { turnId: "t2", textHeard: "Four" },
    }, parts),
  );
  assertEquals(provider.requests[2]?.messages.map(({ text }) => text), [
    "A?",
    "One two [interrupted]",
    "B?",
    "Four [interrupted]",
    "C?",
  ]);
});

Deno.test("answer() ignores an interruption that fits no turn, with a warning", async () => {
  const provider = createScriptedProvider(says("One two."), says("Three."));
  const parts = makeParts(provider);
  await collect(answer(id, { text: "A?" }, parts));
  const question = {
    text: "B?",
    interruption: { turnId: "unknown", textHeard: "something else" },
  };
  await collect(
    answer({ ...id, turnId: "t2" }, question, parts),
  );
  assertEquals(provider.requests[1]?.messages[1]?.text, "One two.");
  assertStringIncludes(parts.lines.join("\n"), "interruption.ignored");
});

Deno.test("answer() answers a turn that was cut short anew, and stores the question once", async () => {
  const provider = createScriptedProvider(says("Old ", "words"), says("New."));
  const parts = makeParts(provider);
  await interrupted("t1", { text: "A?" }, parts);
  assertEquals(
    await findAnswered(id, parts.store),
    undefined,
  );
  await collect(answer(id, { text: "A?" }, parts));
  const { turns } = await parts.store.load("conv");
  assertEquals(turns.length, 1);
  assertEquals(turns[0]?.assistant, "New.");
  assertEquals(turns[0]?.status, "complete");
  assertEquals(provider.requests[1]?.messages, [{ role: "user", text: "A?" }]);
});

Deno.test("findAnswered() finds what is finished, and what the conversation has left behind", async () => {
  const parts = makeParts(createScriptedProvider(says("a ", "b")));
  const { store } = parts;
  const find = async (turnId: string) =>
    (await findAnswered({ conversationId: "conv", turnId }, store))?.assistant;
  await interrupted("t1", { text: "A?" }, parts);
  assertEquals(await find("t1"), undefined);
  await collect(
    answer({ ...id, turnId: "t2" }, { text: "B?" }, parts),
  );
  assertEquals(await find("t1"), "a");
  assertEquals(await find("t2"), "a b");
  assertEquals(await find("t3"), undefined);
});

Deno.test("toParts() says what is recorded, and nothing where nothing was said", () => {
  const turn: Turn = {
    id: "t",
    at: "",
    assistant: "Hi there.",
    steps: [],
    memories: [],
  };
  assertEquals(toParts(turn), [{ type: "speech", text: "Hi there." }]);
  assertEquals(toParts({ ...turn, assistant: "" }), []);
});

Deno.test("answer() fills a long silence when it is told to, and only then", async () => {
  const slow: Script = async function* (request) {
    await new Promise((go) => setTimeout(go, 30));
    yield* says("Here.")(request);
  };
  for (const fillerAfterMs of [0, 5, 10_000]) {
    const parts = makeParts(createScriptedProvider(slow));
    const patient = { ...parts, agent: { ...agent, fillerAfterMs } };
    const said = await collect(
      answer(id, { text: "?" }, patient),
    );
    const expected = fillerAfterMs === 5
      ? ["One moment.", " Here."]
      : ["Here."];
    assertEquals(said, expected);
  }
});

Deno.test("answer() warns when the window is nearly full", async () => {
  const parts = makeParts(createScriptedProvider(async function* () {
    yield { type: "text-delta", text: "Hm." };
    yield { type: "finish", usage: { inputTokens: 8_000 } };
  }));
  await collect(answer(id, { text: "?" }, parts));
  assertStringIncludes(parts.lines.join("\n"), "history.nearly_full");
});

Deno.test("answer() writes what happened in order", async () => {
  const { store, records } = createRecordingStore();
  const parts = makeParts(createScriptedProvider(says("Hi")), store);
  await collect(answer(id, { text: "Hello" }, parts));
  assertEquals(records.map(({ type }) => type), ["user", "assistant", "end"]);
});

/** A tool without arguments, and one call of it. */
function make(
  name: string,
  run: (context: ToolContext) => unknown,
): { tool: Tool; call: { id: string; name: string; arguments: unknown } } {
  return {
    tool: tool({
      name,
      description: name,
      parameters: z.object({}),
      run: (_, context) => run(context),
    }),
    call: { id: `call_${name}`, name, arguments: {} },
  };
}

/** Everything that a turn gives out: words as they are, data as an object. */
async function collectAll(parts: AsyncIterable<TurnPart>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const part of parts) {
    if (part.type === "speech") all.push(part.text);
    else if (part.type === "data") all.push(part.content);
  }
  return all;
}

Deno.test("answer() runs what the model calls, and speaks, sends and stores all of it in order", async () => {
  const weather = make("weather", ({ say, data }) => {
    say("I am looking.");
    data({ found: 1 });
    return { sky: "blue" };
  });
  const raw = { provider: "scripted", content: [{ sign: "s" }] };
  const provider = createScriptedProvider(
    calls([weather.call], { text: "Let me see.", raw }),
    says("The sky ", "is blue."),
  );
  const { store, records } = createRecordingStore();
  const parts = { ...makeParts(provider, store), tools: [weather.tool] };
  const announced = { tool: "weather", call_id: "call_weather" };
  assertEquals(
    await collectAll(play(answer(id, { text: "Weather?" }, parts))),
    [
      "Let me see.",
      { ...announced, status: "running" },
      " I am looking.",
      { found: 1 },
      { ...announced, status: "done" },
      " The sky",
      " is blue.",
    ],
  );
  assertEquals(
    records.map(({ type, ...rest }) => [type, "text" in rest && rest.text]),
    [
      ["user", "Weather?"],
      ["assistant", "Let me see."],
      ["calls", false],
      ["assistant", " I am looking."],
      ["result", '{"sky":"blue"}'],
      ["assistant", " The sky"],
      ["assistant", " is blue."],
      ["end", false],
    ],
  );
  const turn = (await store.load("conv")).turn("t1");
  assertEquals(turn?.status, "complete");
  assertEquals(turn?.steps[0]?.calls, [weather.call]);
  assertEquals(turn?.steps[0]?.raw, raw);
});

Deno.test("answer() shows the model the tools of the turn before", async () => {
  const weather = make("weather", () => "blue");
  const raw = { provider: "scripted", content: [{ sign: "s" }] };
  const provider = createScriptedProvider(
    calls([weather.call], { text: "Let me see.", raw }),
    says("Blue."),
    says("You are welcome."),
  );
  const parts = { ...makeParts(provider), tools: [weather.tool] };
  await collect(answer(id, { text: "Weather?" }, parts));
  await collect(
    answer({ ...id, turnId: "t2" }, { text: "Thanks." }, parts),
  );
  assertEquals(provider.requests[2]?.messages, [
    { role: "user", text: "Weather?" },
    { role: "assistant", text: "Let me see.", calls: [weather.call], raw },
    {
      role: "tool",
      callId: "call_weather",
      name: "weather",
      text: '"blue"',
    },
    { role: "assistant", text: " Blue." },
    { role: "user", text: "Thanks." },
  ]);
  assertEquals(provider.requests[2]?.tools, [weather.tool.declaration]);
});

Deno.test("answer() keeps what a tool is told to remember in mind, from the next turn on", async () => {
  const note = make("note", async ({ remember }) => {
    await remember("The caller likes tea.");
    await remember("The caller is in Bonn.");
  });
  const provider = createScriptedProvider(calls([note.call]), says("Noted."));
  const parts = { ...makeParts(provider), tools: [note.tool] };
  await collect(answer(id, { text: "I like tea." }, parts));
  await collect(
    answer({ ...id, turnId: "t2" }, { text: "What?" }, parts),
  );
  const note2 = '[Noted earlier in this call: "The caller likes tea."; ' +
    '"The caller is in Bonn.".]';
  assertEquals(
    provider.requests[2]?.messages.at(-1)?.text,
    `${note2}\nWhat?`,
  );
  // What the model has read before stays as it was.
  assertEquals(provider.requests[2]?.system, provider.requests[0]?.system);
});

Deno.test("answer() leaves a valid conversation behind when the caller interrupts a tool", async () => {
  const seen = Promise.withResolvers<AbortSignal>();
  const slow = make("slow", ({ signal }) => {
    seen.resolve(signal);
    return new Promise(() => {});
  });
  const provider = createScriptedProvider(
    calls([slow.call], {
      text: "Let me see.",
      raw: { provider: "scripted", content: [] },
    }),
    says("Here I am."),
  );
  const parts = { ...makeParts(provider), tools: [slow.tool] };
  const controller = new AbortController();
  const turn = play(answer(id, { text: "Weather?" }, parts), {
    signal: controller.signal,
  });
  assertEquals((await turn.next()).value, {
    type: "speech",
    text: "Let me see.",
  });
  await turn.next();
  const rest = turn.next();
  const signal = await seen.promise;
  controller.abort();
  assertEquals(await rest, { done: true, value: undefined });
  assertEquals(signal.aborted, true);
  assertEquals(
    (await parts.store.load("conv")).turn("t1")?.status,
    "interrupted",
  );
  assertEquals(parts.lines.join().includes("tool.failed"), false);

  const question = {
    text: "Hello?",
    interruption: { textHeard: "Let me" },
  };
  await collect(
    answer({ ...id, turnId: "t2" }, question, parts),
  );
  assertEquals(provider.requests[1]?.messages, [
    { role: "user", text: "Weather?" },
    { role: "assistant", text: "", calls: [slow.call] },
    {
      role: "tool",
      callId: "call_slow",
      name: "slow",
      text: '{"error":"The caller interrupted before the result"}',
    },
    { role: "assistant", text: "Let me [interrupted]" },
    { role: "user", text: "Hello?" },
  ]);
});

Deno.test("answer() asks no model when the caller leaves while their words are being stored", async () => {
  const controller = new AbortController();
  const memory = createMemoryStore();
  const store: SessionStore = {
    ...memory,
    open: (id, change, options) => {
      controller.abort();
      return memory.open(id, change, options);
    },
  };
  const provider = createScriptedProvider(says("Hi."));
  const parts = makeParts(provider, store);
  const turn = play(answer(id, { text: "?" }, parts), {
    signal: controller.signal,
  });
  assertEquals(await Array.fromAsync(turn), []);
  assertEquals(provider.requests.length, 0);
  const kept = (await store.load("conv")).turn("t1");
  assertEquals(kept?.user, "?");
  assertEquals(kept?.status, "interrupted");
});

Deno.test("answer() logs a tool that fails, and goes on", async () => {
  const broken = make("broken", () => {
    throw new Error("the line is busy");
  });
  const provider = createScriptedProvider(
    calls([broken.call]),
    says("I couldn't."),
  );
  const parts = { ...makeParts(provider), tools: [broken.tool] };
  assertEquals(
    await collect(answer(id, { text: "?" }, parts)),
    ["I couldn't."],
  );
  const line = JSON.parse(
    parts.lines.find((line) => line.includes("tool.failed")) ?? "{}",
  );
  assertEquals(line.level, "warn");
  assertEquals(line.tool, "broken");
  assertEquals(line.error, "the line is busy");
  assertEquals(
    (await parts.store.load("conv")).turn("t1")?.status,
    "complete",
  );
});

Deno.test("answer() fills the silence of a slow tool when it is told to", async () => {
  const slow = make("slow", () => new Promise((go) => setTimeout(go, 30)));
  for (const toolFillerAfterMs of [0, 5]) {
    const provider = createScriptedProvider(calls([slow.call]), says("Blue."));
    const parts = {
      ...makeParts(provider),
      tools: [slow.tool],
      agent: { ...agent, toolFillerAfterMs },
    };
    const said = await collect(answer(id, { text: "?" }, parts));
    assertEquals(
      said,
      toolFillerAfterMs === 0 ? ["Blue."] : ["Let me see.", " Blue."],
    );
  }
});

Deno.test("answer() apologises when tools were called and no word followed", async () => {
  const quiet = make("quiet", () => "done");
  const provider = createScriptedProvider(
    calls([quiet.call]),
    calls([quiet.call]),
    says(" "),
  );
  const parts = { ...makeParts(provider), tools: [quiet.tool] };
  const said = await collect(answer(id, { text: "?" }, parts));
  assertEquals(said.join("").trim(), "Sorry.");
  assertEquals((await parts.store.load("conv")).turn("t1")?.status, "failed");
});

Deno.test("answer() answers a turn that was cut short in a tool anew, without its calls", async () => {
  const slow = make("slow", () => new Promise(() => {}));
  const provider = createScriptedProvider(calls([slow.call]), says("New."));
  const parts = { ...makeParts(provider), tools: [slow.tool] };
  await interrupted("t1", { text: "A?" }, parts);
  assertEquals((await parts.store.load("conv")).turn("t1")?.steps.length, 1);
  await collect(answer(id, { text: "A?" }, parts));
  assertEquals(provider.requests[1]?.messages, [{ role: "user", text: "A?" }]);
  assertEquals((await parts.store.load("conv")).turn("t1")?.steps, []);
});

Deno.test("answer() answers a turn anew in which the process died after a call", async () => {
  const provider = createScriptedProvider(says("New."));
  const parts = makeParts(provider);
  const at = "2026-11-21T10:00:00.000Z";
  const call = { id: "c1", name: "slow", arguments: {} };
  await parts.store.update("conv", () => [
    { type: "user", turnId: "t1", text: "A?", at },
    { type: "calls", turnId: "t1", calls: [call], at },
  ]);
  await collect(answer(id, { text: "A?" }, parts));
  assertEquals((await parts.store.load("conv")).turn("t1")?.steps, []);
});

Deno.test("answer() fills the date, the caller and the session's metadata into the prompt", async () => {
  const provider = createScriptedProvider(says("Hi."));
  const parts = {
    ...makeParts(provider),
    now: () => new Date(2026, 10, 21, 16, 5).getTime(),
    agent: {
      ...agent,
      systemPrompt:
        "{{date}}, {{time}}. {{caller}} is {{metadata.user.name}}. {{other}}",
    },
  };
  const call = {
    ...id,
    metadata: { user: { name: "Ada" } },
    fromPhoneNumber: "+4930",
  };
  await collect(answer(call, { text: "?" }, parts));
  assertMatch(
    provider.requests[0]?.system ?? "",
    /^Saturday,? 21 November 2026, 16:05\. \+4930 is Ada\. \{\{other\}\}\n/,
  );
});

Deno.test("answer() tells a tool whose call it is", async () => {
  let seen: ToolContext | undefined;
  const who = make("who", (context) => {
    seen = context;
  });
  const provider = createScriptedProvider(calls([who.call]), says("Ada."));
  const parts = { ...makeParts(provider), tools: [who.tool] };
  const call = {
    ...id,
    metadata: { plan: "gold" },
    fromPhoneNumber: "+4930",
    toPhoneNumber: "+4940",
  };
  await collect(answer(call, { text: "?" }, parts));
  assertEquals(seen?.conversationId, "conv");
  assertEquals(seen?.turnId, "t1");
  assertEquals(seen?.metadata, { plan: "gold" });
  assertEquals(seen?.fromPhoneNumber, "+4930");
  assertEquals(seen?.toPhoneNumber, "+4940");
});
