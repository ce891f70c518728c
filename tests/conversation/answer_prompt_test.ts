/**
 * What a model is shown from turn to turn: its own words as it wrote them, and
 * always the same beginning, which an engine then needn't read again.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import type { CallContext } from "../../src/conversation/turn.ts";
import { welcome } from "../../src/conversation/welcome.ts";
import { estimateTokens } from "../../src/conversation/question.ts";
import type { Message, ProviderRequest } from "../../src/providers/provider.ts";
import { agent } from "../fakes/agent.ts";
import {
  calls,
  createScriptedProvider,
  says,
  type Script,
} from "../fakes/provider.ts";
import { listen, play } from "../fakes/turn.ts";
import { answer, id, type Input, make, makeParts, sleep } from "./_parts.ts";

const next: CallContext = { ...id, turnId: "t2" };

/** What the model is shown of a first answer in the second turn. */
async function showAgain(
  script: Script,
  { heard, options = {}, tools = [] }: {
    heard?: string;
    options?: Partial<typeof agent>;
    tools?: ReturnType<typeof make>["tool"][];
  } = {},
): Promise<{ messages: readonly Message[]; said: string }> {
  const provider = createScriptedProvider(script, says("Hm."));
  const parts = {
    ...makeParts(provider),
    tools,
    agent: { ...agent, ...options },
  };
  const said = (await listen(answer(id, { text: "?" }, parts))).join("");
  const interruption = heard === undefined
    ? {}
    : { interruption: { textHeard: heard } };
  await listen(answer(next, { text: "And?", ...interruption }, parts));
  return {
    messages: provider.requests.at(-1)?.messages.slice(1, -1) ?? [],
    said,
  };
}

Deno.test("answer() shows the model its markdown as it wrote it, which wasn't said", async () => {
  const written = "**Yes.** See [the list](https://example.com/list).";
  const { messages, said } = await showAgain(says("\n", written, "\n"));
  assertEquals(said.includes("*"), false);
  assertEquals(messages, [{ role: "assistant", text: written }]);
});

Deno.test("answer() keeps what the model wrote only where that isn't what was said", async () => {
  const parts = makeParts(
    createScriptedProvider(says("Plain."), says("*Not* plain.")),
  );
  await listen(answer(id, { text: "?" }, parts));
  await listen(answer(next, { text: "?" }, parts));
  const { turns } = await parts.store.load("conv");
  assertEquals(turns.map(({ written }) => written), [
    undefined,
    "*Not* plain.",
  ]);
});

Deno.test("answer() shows the model no fillers, which it didn't write", async () => {
  const slow: Script = async function* (request) {
    await sleep(30);
    yield* says("Here.")(request);
  };
  const { messages, said } = await showAgain(slow, {
    options: { fillerAfterMs: 10 },
  });
  assertEquals(said, "One moment. Here.");
  assertEquals(messages, [{ role: "assistant", text: "Here." }]);
});

Deno.test("answer() shows the model what it wrote before it called tools, and nothing that tools said", async () => {
  const weather = make("weather", ({ say }) => say("I am looking."));
  const provider = createScriptedProvider(
    calls([weather.call], { text: "*Let* me see." }),
    calls([weather.call]),
    says("It is **blue**."),
    says("Hm."),
  );
  const parts = { ...makeParts(provider), tools: [weather.tool] };
  await listen(answer(id, { text: "?" }, parts));
  await listen(answer(next, { text: "And?" }, parts));
  assertEquals(
    provider.requests.at(-1)?.messages.filter(({ role }) => role !== "tool")
      .map(({ text }) => text),
    ["?", "*Let* me see.", "", "It is **blue**.", "And?"],
  );
});

Deno.test("answer() shows the model what was heard of it, not what it wrote, after an interruption", async () => {
  const { messages } = await showAgain(says("**Yes.** ", "And more."), {
    heard: "Yes.",
  });
  assertEquals(messages, [{ role: "assistant", text: "Yes. [interrupted]" }]);
});

Deno.test("answer() shows the model no reasoning that it wrote into its answer, however short", async () => {
  const long = "I wonder what this is about. ".repeat(40);
  for (const thought of ["Hm.", long]) {
    const { messages, said } = await showAgain(
      says(`<think>${thought}</think>`, "**Yes.**"),
    );
    assertEquals(said.trim(), "Yes.");
    assertEquals(messages, [{ role: "assistant", text: "Yes." }]);
  }
});

/** The same numbers in each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One conversation of many kinds of turns, and what the model was asked in each. */
async function converse(turns: number, seed: number, contextTokens: number) {
  const random = createRandom(seed);
  const pick = <T>(...of: T[]): T => of[Math.floor(random() * of.length)] as T;
  const weather = make("weather", ({ say }) => {
    if (random() < 0.5) say("I am looking.");
    return { sky: "blue" };
  });
  const note = make("note", async ({ remember }) => {
    await remember('Likes "tea".\n[And more]');
  });
  const asked: ProviderRequest[][] = [];
  let script: Script[] = [];
  const provider = createScriptedProvider(function (request) {
    asked.at(-1)?.push(
      structuredClone({
        ...request,
        signal: null,
        timers: null,
      }) as unknown as ProviderRequest,
    );
    return (script.shift() ?? says("Well."))(request);
  });
  let now = Date.parse("2026-11-21T10:00:00Z");
  const parts = {
    ...makeParts(provider),
    tools: [weather.tool, note.tool],
    now: () => now,
    agent: {
      ...agent,
      contextTokens,
      systemPrompt:
        "It is {{time}}. You talk to {{metadata.name}}, {{caller}}.",
    },
  };
  const kinds: string[] = [];
  let interruption: Input["interruption"];
  const call = (n: number): CallContext => ({
    ...id,
    turnId: `t${n}`,
    metadata: { name: n < turns / 2 ? "Ada" : "Grace" },
  });
  await listen(welcome({ ...call(0), turnId: "welcome" }, parts));
  for (let n = 1; n <= turns; n++) {
    now += 25_000;
    asked.push([]);
    const kind = pick("plain", "markdown", "weather", "note", "both", "cut");
    kinds.push(kind);
    const text = `Answer ${n}: ${
      "so it is, ".repeat(Math.floor(random() * 9))
    }`;
    const last = says(text, "and that is all.");
    script = {
      plain: [last],
      cut: [last],
      markdown: [says(`**Answer ${n}**\n\n- one\n- two`)],
      weather: [
        calls([{ ...weather.call, id: `w${n}` }], { text: "Let me see. " }),
        last,
      ],
      note: [calls([{ ...note.call, id: `n${n}` }]), last],
      both: [
        calls([{ ...weather.call, id: `w${n}` }, {
          ...note.call,
          id: `n${n}`,
        }]),
        calls([{ ...weather.call, id: `v${n}` }], { text: "*Again.*" }),
        last,
      ],
    }[kind];
    const said: Input = { text: `Question ${n}?`, interruption };
    interruption = undefined;
    if (kind === "cut") {
      const controller = new AbortController();
      const turn = play(answer(call(n), said, parts), {
        signal: controller.signal,
      });
      await turn.next();
      controller.abort();
      await turn.return();
      interruption = pick(undefined, { textHeard: `Answer ${n}` });
    } else {
      await listen(answer(call(n), said, parts));
    }
  }
  return { asked, kinds };
}

const json = (value: unknown) => JSON.stringify(value);

/** Whether a list begins with another one, byte by byte. */
function beginsWith(
  messages: readonly Message[],
  beginning: readonly Message[],
): boolean {
  return beginning.every((message, n) => json(messages[n]) === json(message));
}

for (const seed of [1, 2, 3, 4, 5]) {
  Deno.test(`answer() shows the model the same beginning from turn to turn, whatever happens in them (${seed})`, async () => {
    const { asked, kinds } = await converse(30, seed, 100_000);
    for (const [n, requests] of asked.entries()) {
      for (const { system, tools } of requests) {
        assertEquals(system, asked[0]?.[0]?.system);
        assertEquals(json(tools), json(asked[0]?.[0]?.tools));
      }
      const before = asked[n - 1];
      const [first] = requests;
      if (before === undefined || first === undefined) continue;
      // Of a turn that was cut off, only what came before it stays.
      const wasCut = kinds[n - 1] === "cut";
      const beginning = (wasCut ? before[0] : before.at(-1))?.messages ?? [];
      const isSame = beginsWith(first.messages, beginning);
      assert(
        isSame,
        `Turn ${n + 1}, after ${kinds[n - 1]}: ${json(first.messages)}`,
      );
    }
  });

  Deno.test(`answer() cuts a full window to half, and lets it stand still for many turns (${seed})`, async () => {
    const contextTokens = 2_400;
    const { asked } = await converse(120, seed, contextTokens);
    let moves = 0;
    let before = asked[0]?.[0]?.messages ?? [];
    for (const [first] of asked.slice(1)) {
      assert(first);
      const tokens = first.messages.reduce(
        (sum, message) => sum + estimateTokens(json(message)),
        0,
      );
      // The question takes three quarters at most; JSON adds to it.
      assertLess(tokens, contextTokens);
      // Told once, in the first turn, and still told when that is no longer shown.
      assert(first.messages.some(({ text }) => /caller is unknown/.test(text)));
      if (json(first.messages[0]) !== json(before[0])) moves++;
      before = first.messages;
    }
    assert(moves >= 2, `${moves} moves`);
    // 120 turns of about 100 tokens; half a window are 9 of them or more.
    assertLess(moves, 120 / 7);
  });
}
