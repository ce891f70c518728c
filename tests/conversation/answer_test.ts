import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { NOTES_NOTE } from "../../src/conversation/prompt.ts";
import { answeredIn } from "../../src/conversation/turn.ts";
import { welcome } from "../../src/conversation/welcome.ts";
import { ProviderError } from "../../src/providers/provider.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { agent } from "../fakes/agent.ts";
import {
  createScriptedProvider,
  fails,
  says,
  type Script,
  stalls,
} from "../fakes/provider.ts";
import { createRecordingStore } from "../fakes/store.ts";
import { listen as collect, play } from "../fakes/turn.ts";
import { answer, id, interrupted, makeParts } from "./_parts.ts";

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

Deno.test("answer() tells how long it took although the clock is set back", async () => {
  const parts = makeParts(createScriptedProvider(says("Hi")));
  let clock = Date.now();
  const late = { ...parts, now: () => clock -= 3_600_000 };
  await collect(answer(id, { text: "?" }, late));
  const { firstWordsMs, totalMs } = JSON.parse(parts.lines.at(-1) ?? "{}");
  assert(firstWordsMs >= 0 && totalMs >= firstWordsMs, `${totalMs} ms`);
});

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
  assertEquals(answeredIn(await parts.store.load("conv"), "t1"), undefined);
  await collect(answer(id, { text: "A?" }, parts));
  const { turns } = await parts.store.load("conv");
  assertEquals(turns.length, 1);
  assertEquals(turns[0]?.assistant, "New.");
  assertEquals(turns[0]?.status, "complete");
  assertEquals(provider.requests[1]?.messages, [{ role: "user", text: "A?" }]);
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

Deno.test("answer() fills the date into the prompt, and tells the caller and the session's metadata in a note", async () => {
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
    /^Saturday,? 21 November 2026, 16:05\. \[caller\] is \[metadata\.user\.name\]\. \{\{other\}\}\n/,
  );
  assertEquals(provider.requests[0]?.messages, [{
    role: "user",
    text: '[caller is "+4930". metadata.user.name is "Ada".]\n?',
  }]);
});
