import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ToolContext } from "../../src/conversation/tools.ts";
import { agent } from "../fakes/agent.ts";
import {
  calls,
  createScriptedProvider,
  says,
  type Script,
} from "../fakes/provider.ts";
import { createRecordingStore } from "../fakes/store.ts";
import { listen as collect, play } from "../fakes/turn.ts";
import {
  answer,
  collectAll,
  id,
  interrupted,
  make,
  makeParts,
  sleep,
} from "./_parts.ts";

Deno.test("answer() runs what the model calls, and speaks, sends and stores all of it in order", async () => {
  const weather = make("weather", ({ say, data }) => {
    say("I am looking.");
    data({ found: 1 });
    return { sky: "blue" };
  });
  const raw = { provider: "scripted", content: [{ sign: "s" }] };
  const provider = createScriptedProvider(
    calls([weather.call], { text: "Let me see.", providerMetadata: raw }),
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
      " The sky is blue.",
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
      ["assistant", " The sky is blue."],
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
    calls([weather.call], { text: "Let me see.", providerMetadata: raw }),
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
    {
      role: "assistant",
      text: "Let me see.",
      calls: [weather.call],
      providerMetadata: raw,
    },
    {
      role: "tool",
      callId: "call_weather",
      name: "weather",
      text: '"blue"',
    },
    { role: "assistant", text: "Blue." },
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
      providerMetadata: { provider: "scripted", content: [] },
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

Deno.test("answer() logs which setting lets a tool reach its host", async () => {
  const refused = make("refused", () => {
    throw new Deno.errors.NotCapable("Requires net access");
  });
  const provider = createScriptedProvider(calls([refused.call]), says("No."));
  const parts = { ...makeParts(provider), tools: [refused.tool] };
  await collect(answer(id, { text: "?" }, parts));
  assertStringIncludes(parts.lines.join("\n"), "TOOL_HOSTS");
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

/** The fillers that are said while a tool works. */
async function fill(
  afterMs: number,
  run: (context: ToolContext) => unknown,
  { text = "", filler = "One moment.", second = says(".") } = {},
): Promise<string[]> {
  const slow = make("slow", run);
  const provider = createScriptedProvider(calls([slow.call], { text }), second);
  const parts = {
    ...makeParts(provider),
    tools: [slow.tool],
    agent: { ...agent, toolFillerMessage: filler, toolFillerAfterMs: afterMs },
  };
  const all = await Array.fromAsync(play(answer(id, { text: "?" }, parts)));
  return all.filter((part) => part.type === "speech" && part.isFiller)
    .map((part) => part.type === "speech" ? part.text.trim() : "");
}

Deno.test("answer() fills the silence of a slow tool, once", async () => {
  assertEquals(await fill(5, () => sleep(60)), ["One moment."]);
});

Deno.test("answer() fills no silence that is none", async () => {
  const slowly: Script = async function* (request) {
    await sleep(60);
    yield* says(".")(request);
  };
  assertEquals(
    await fill(30, () => sleep(1), { second: slowly }),
    [],
    "a quick tool",
  );
  assertEquals(await fill(0, () => sleep(60)), [], "switched off");
  assertEquals(await fill(5, () => sleep(60), { filler: "" }), [], "no words");
  assertEquals(
    await fill(5, () => sleep(60), { text: "Let me look." }),
    [],
    "the model has said something",
  );
  assertEquals(
    await fill(5, async ({ say, data }) => {
      say("I am looking.");
      data("a picture");
      await sleep(60);
    }),
    [],
    "the tool has said something",
  );
});

Deno.test("answer() fills silence although the model said white space", async () => {
  const spoken = await fill(5, () => sleep(200), { text: " \n" });
  assertEquals(spoken, ["One moment."]);
});
