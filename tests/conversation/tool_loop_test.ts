import {
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as z from "zod";
import {
  askWithTools,
  type ToolPart,
  type ToolQuestion,
} from "../../src/conversation/tool_loop.ts";
import {
  type Tool,
  tool,
  type ToolContext,
} from "../../src/conversation/tools.ts";
import type {
  Message,
  Provider,
  ToolCall,
} from "../../src/providers/provider.ts";
import { calls, createScriptedProvider, says } from "../fakes/provider.ts";

/** As a leaked timer is what most likely goes wrong here. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn });
}

const never = new AbortController().signal;
const MESSAGES: Message[] = [{ role: "user", text: "Roll a die." }];

/** A question, and the failures that it told of. */
function makeQuestion(
  provider: Provider,
  tools: readonly Tool[],
  { signal = never }: { signal?: AbortSignal } = {},
): ToolQuestion & { failures: unknown[]; remembered: string[] } {
  const failures: unknown[] = [];
  const remembered: string[] = [];
  return {
    provider,
    tools,
    system: "Be brief.",
    messages: MESSAGES,
    maxTokens: 1_024,
    context: {
      conversationId: "conv",
      turnId: "t1",
      metadata: { plan: "gold" },
      fromPhoneNumber: "+49301234",
      toPhoneNumber: "+49305678",
      signal,
      remember: (text) => {
        remembered.push(text);
        return Promise.resolve();
      },
    },
    onFailure: ({ name }, error) => failures.push([name, error]),
    failures,
    remembered,
  };
}

/**
 * The parts of an answer, each as it comes. The loop waits until its last part
 * was taken; when the listener leaves, no more is wanted.
 */
async function* ask(
  question: ToolQuestion,
): AsyncGenerator<ToolPart, void> {
  const queue: { part: ToolPart; taken: (goesOn: boolean) => void }[] = [];
  let wake = Promise.withResolvers<void>();
  let taken = (_goesOn: boolean) => {};
  let isOver = false;
  const done = askWithTools(question, (part) => {
    if (isOver) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    queue.push({ part, taken: resolve });
    wake.resolve();
    return promise;
  }).finally(() => {
    isOver = true;
    wake.resolve();
  });
  done.catch(() => {});
  try {
    while (!isOver || queue.length > 0) {
      const next = queue.shift();
      if (next) {
        taken = next.taken;
        yield next.part;
        taken(true);
        // Where the turn has ended meanwhile, the loop says so.
        await Promise.race([done, wake.promise]);
        continue;
      }
      await wake.promise;
      wake = Promise.withResolvers();
    }
    await done;
  } finally {
    isOver = true;
    taken(false);
    for (const { taken } of queue) taken(false);
    await done.catch(() => {});
  }
}

/** All of an answer's parts. */
function collect(question: ToolQuestion): Promise<ToolPart[]> {
  return Array.fromAsync(ask(question));
}

/** What came of the calls, by call. */
function results(parts: readonly ToolPart[]): Record<string, unknown> {
  return Object.fromEntries(
    parts.filter((part) => part.type === "result")
      .map(({ callId, text }) => [callId, JSON.parse(text)]),
  );
}

function call(name: string, args: unknown = {}, id = "c1"): ToolCall {
  return { id, name, arguments: args };
}

/** A tool without arguments. */
function make(
  name: string,
  run: (context: ToolContext) => unknown,
  timeoutMs?: number,
): Tool {
  return tool({
    name,
    description: name,
    parameters: z.object({}),
    run: (_, context) => run(context),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

const sleep = (ms = 0) => new Promise<void>((go) => setTimeout(go, ms));
const forever = () => new Promise<never>(() => {});

const rollDice = tool({
  name: "roll_dice",
  description: "Rolls a die",
  parameters: z.object({
    sides: z.number().int().min(2).max(100).describe("How many sides it has"),
    colour: z.string().default("white"),
  }),
  run: ({ sides, colour }) => ({ rolled: sides, colour }),
});

test("askWithTools() passes on an answer that needs no tool", async () => {
  const provider = createScriptedProvider(says("Hi ", "there."));
  assertEquals(await collect(makeQuestion(provider, [rollDice])), [
    { type: "text-delta", text: "Hi " },
    { type: "text-delta", text: "there." },
    { type: "finish", usage: { outputTokens: 2 } },
  ]);
  const [request] = provider.requests;
  assertEquals(request?.system, "Be brief.");
  assertEquals(request?.messages, MESSAGES);
  assertEquals(request?.tools, [rollDice.declaration]);
  assertEquals(request?.toolChoice, undefined);
  assertEquals(request?.maxTokens, 1_024);
  assertEquals(request?.signal, never);
});

test("askWithTools() runs a call, and shows the model what came of it", async () => {
  const providerMetadata = {
    provider: "scripted",
    content: ["as", "it", "came"],
  };
  const asked = call("roll_dice", { sides: 6 });
  const provider = createScriptedProvider(
    calls([asked], { text: "Rolling. ", providerMetadata }),
    says("A six."),
  );
  const question = makeQuestion(provider, [rollDice]);
  const text = '{"rolled":6,"colour":"white"}';
  const announced = { tool: "roll_dice", call_id: "c1" };
  assertEquals(await collect(question), [
    { type: "text-delta", text: "Rolling. " },
    { type: "finish", usage: {}, providerMetadata },
    { type: "calls", calls: [asked], providerMetadata },
    { type: "data", content: { ...announced, status: "running" } },
    { type: "result", callId: "c1", name: "roll_dice", text },
    { type: "data", content: { ...announced, status: "done" } },
    { type: "text-delta", text: "A six." },
    { type: "finish", usage: { outputTokens: 1 } },
  ]);
  assertEquals(provider.requests[1]?.messages, [
    ...MESSAGES,
    { role: "assistant", text: "Rolling.", calls: [asked], providerMetadata },
    { role: "tool", callId: "c1", name: "roll_dice", text },
  ]);
  // What was asked is the caller's, and stays as it was.
  assertEquals(question.messages, MESSAGES);
  assertEquals(question.failures, []);
});

test("askWithTools() says nothing of a vendor's own form where there is none", async () => {
  const provider = createScriptedProvider(
    calls([call("roll_dice", { sides: 6 })]),
    says("A six."),
  );
  const parts = await collect(makeQuestion(provider, [rollDice]));
  const made = parts.find(({ type }) => type === "calls");
  assertEquals(made && "providerMetadata" in made, false);
  assertEquals(
    "providerMetadata" in (provider.requests[1]?.messages[1] ?? {}),
    false,
  );
});

test("askWithTools() runs the calls of one step side by side", async () => {
  const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const meet = (me: number) =>
    make(`meet_${me}`, async () => {
      met[me]?.resolve();
      // Returns only while the other one runs, too.
      await met[1 - me]?.promise;
      return me;
    }, 1_000);
  const provider = createScriptedProvider(
    calls([call("meet_0", {}, "a"), call("meet_1", {}, "b")]),
    says("Both."),
  );
  const parts = await collect(makeQuestion(provider, [meet(0), meet(1)]));
  assertEquals(results(parts), { a: 0, b: 1 });
  assertEquals(parts.slice(2, 4).map((part) => part.type), ["data", "data"]);
});

test("askWithTools() tells of each result when it is there, and shows them to the model in the calls' order", async () => {
  const quick = Promise.withResolvers<void>();
  const tools = [
    make("slow", async () => {
      await quick.promise;
      await sleep(1);
    }),
    make("quick", () => quick.resolve()),
  ];
  const provider = createScriptedProvider(
    calls([call("slow", {}, "s"), call("quick", {}, "q")]),
    says("Both."),
  );
  const parts = await collect(makeQuestion(provider, tools));
  assertEquals(Object.keys(results(parts)), ["q", "s"]);
  // Where a vendor knows no ids, the order alone tells which is whose.
  assertEquals(
    provider.requests[1]?.messages.slice(2).map((message) =>
      message.role === "tool" && message.callId
    ),
    ["s", "q"],
  );
});

test("askWithTools() goes on for as many steps as the model needs", async () => {
  const provider = createScriptedProvider(
    calls([call("roll_dice", { sides: 2 }, "a")]),
    calls([call("roll_dice", { sides: 3 }, "b")]),
    says("Two, then three."),
  );
  const parts = await collect(makeQuestion(provider, [rollDice]));
  assertEquals(results(parts), {
    a: { rolled: 2, colour: "white" },
    b: { rolled: 3, colour: "white" },
  });
  assertEquals(provider.requests.length, 3);
  assertEquals(
    provider.requests[2]?.messages.map(({ role }) => role),
    ["user", "assistant", "tool", "assistant", "tool"],
  );
});

test("askWithTools() makes the model answer after five steps", async () => {
  let ran = 0;
  const counted = make("again", () => ++ran);
  const provider = createScriptedProvider(async function* (request) {
    const script = request.toolChoice === "none" ? says("Enough.") : calls([
      call("again"),
    ]);
    yield* script(request);
  });
  const parts = await collect(makeQuestion(provider, [counted]));
  assertEquals(ran, 5);
  assertEquals(
    provider.requests.map(({ toolChoice }) => toolChoice),
    [undefined, undefined, undefined, undefined, undefined, "none"],
  );
  assertEquals(parts.at(-2), { type: "text-delta", text: "Enough." });
});

test("askWithTools() runs no call that comes where none may come", async () => {
  let ran = 0;
  const provider = createScriptedProvider(calls([call("again")]));
  const parts = await collect(
    makeQuestion(provider, [make("again", () => ++ran)]),
  );
  assertEquals(ran, 5);
  assertEquals(provider.requests.length, 6);
  assertEquals(parts.at(-1)?.type, "finish");
});

for (
  const [what, tools, asked, mention] of [
    ["isn't there", [rollDice], call("fly"), "roll_dice"],
    ["isn't there, nor any other", [], call("fly"), "none"],
    ["is called wrongly", [rollDice], call("roll_dice", { sides: 1 }), "sides"],
    [
      "fails",
      [make("fail", () => Promise.reject(new Error("the line is busy")))],
      call("fail"),
      "the line is busy",
    ],
    [
      "throws at once",
      [make("fail", () => {
        throw new Error("the line is busy");
      })],
      call("fail"),
      "the line is busy",
    ],
    [
      "throws what can't be put as text",
      [make("fail", () => Promise.reject(Object.create(null)))],
      call("fail"),
      "null prototype",
    ],
    [
      "throws what is no error",
      [make("fail", () => Promise.reject("just words"))],
      call("fail"),
      "just words",
    ],
    ["takes too long", [make("slow", forever, 5)], call("slow"), "5 ms"],
    [
      "returns what is no JSON",
      [make("circle", () => {
        const circle: unknown[] = [];
        circle.push(circle);
        return circle;
      })],
      call("circle"),
      "circular",
    ],
  ] as const
) {
  test(`askWithTools() tells the model of a tool that ${what}, and the log`, async () => {
    const provider = createScriptedProvider(calls([asked]), says("Oh."));
    const question = makeQuestion(provider, tools);
    const parts = await collect(question);
    const { c1 } = results(parts) as { c1: { error: string } };
    assertEquals(Object.keys(c1), ["error"]);
    assertStringIncludes(c1.error, mention);
    assertEquals(
      parts.findLast((part) => part.type === "data"),
      {
        type: "data",
        content: { tool: asked.name, call_id: "c1", status: "failed" },
      },
    );
    assertEquals(question.failures.length, 1);
    assertEquals(parts.at(-2), { type: "text-delta", text: "Oh." });
  });
}

test("askWithTools() goes on with the other calls when one fails", async () => {
  const provider = createScriptedProvider(
    calls([call("fly", {}, "a"), call("roll_dice", { sides: 6 }, "b")]),
    says("Well."),
  );
  const parts = await collect(makeQuestion(provider, [rollDice]));
  assertEquals(Object.keys(results(parts)).sort(), ["a", "b"]);
});

test("askWithTools() tells a tool that its time is over, and doesn't listen to it any more", async () => {
  let late: ToolContext | undefined;
  const tools = [
    make("late", (context) => {
      late = context;
      return forever();
    }, 5),
    // Keeps the step open, so that there is somebody to listen.
    make("other", async () => {
      while (!late?.signal.aborted) await sleep(1);
      await sleep(1);
      late.say("Too late.");
      late.data("too late");
      await sleep(1);
    }),
  ];
  const provider = createScriptedProvider(
    calls([call("late", {}, "a"), call("other", {}, "b")]),
    says("Well."),
  );
  const parts = await collect(makeQuestion(provider, tools));
  assertStringIncludes(String(late?.signal.reason), "5 ms");
  assertEquals(parts.some((part) => part.type === "say"), false);
  assertEquals(
    parts.some((part) => part.type === "data" && part.content === "too late"),
    false,
  );
});

/** Reads on until there is a part that fits. */
async function until(
  parts: AsyncIterator<ToolPart, void>,
  fits: (part: ToolPart) => boolean,
): Promise<void> {
  while (true) {
    const step = await parts.next();
    if (step.done) throw new Error("There was none");
    if (fits(step.value)) return;
  }
}

const isRunning = (part: ToolPart) => part.type === "data";

test("askWithTools() ends at once when the turn does, even if a tool doesn't", async () => {
  const controller = new AbortController();
  const deaf = Promise.withResolvers<unknown>();
  let seen: AbortSignal | undefined;
  const stubborn = make("stubborn", ({ signal }) => {
    seen = signal;
    return deaf.promise;
  }, 60_000);
  const provider = createScriptedProvider(
    calls([call("stubborn")]),
    says("Never."),
  );
  const question = makeQuestion(provider, [stubborn], {
    signal: controller.signal,
  });
  const parts = ask(question);
  await until(parts, isRunning);
  const next = parts.next();
  const at = performance.now();
  controller.abort(new Error("the caller left"));
  await assertRejects(() => next, Error, "the caller left");
  assertLess(performance.now() - at, 50);
  assertEquals(seen?.reason, controller.signal.reason);
  assertEquals(question.failures, []);
  assertEquals(provider.requests.length, 1);
  // Nobody waits for it any more, and still it must not end the process.
  deaf.reject(new Error("too late"));
  await sleep(1);
});

test("askWithTools() asks no more when the turn ends between two parts", async () => {
  const controller = new AbortController();
  const provider = createScriptedProvider(
    calls([call("stubborn")]),
    says("Never."),
  );
  const tools = [make("stubborn", forever, 60_000)];
  const { signal } = controller;
  const parts = ask(makeQuestion(provider, tools, { signal }));
  await until(parts, isRunning);
  controller.abort(new Error("the caller left"));
  await sleep(1);
  await assertRejects(() => parts.next(), Error, "the caller left");
  assertEquals(provider.requests.length, 1);
});

test("askWithTools() asks nothing in a turn that has ended", async () => {
  const signal = AbortSignal.abort(new Error("the caller left"));
  const provider = createScriptedProvider(says("Never."));
  await assertRejects(
    () => collect(makeQuestion(provider, [], { signal })),
    Error,
    "the caller left",
  );
  assertEquals(provider.requests.length, 0);
});

test("askWithTools() starts no tool in a turn that has ended", async () => {
  const controller = new AbortController();
  let ran = false;
  const tools = [make("book", () => {
    ran = true;
  })];
  const provider = createScriptedProvider(calls([call("book")]));
  const { signal } = controller;
  const parts = ask(makeQuestion(provider, tools, { signal }));
  await until(parts, ({ type }) => type === "calls");
  controller.abort(new Error("the caller left"));
  await assertRejects(() => parts.next(), Error, "the caller left");
  assertEquals(ran, false);
});

test("askWithTools() stops the tools when its reader leaves", async () => {
  let seen: AbortSignal | undefined;
  const tools = [make("slow", ({ signal }) => {
    seen = signal;
    return forever();
  }, 60_000)];
  const provider = createScriptedProvider(calls([call("slow")]));
  const parts = ask(makeQuestion(provider, tools));
  await until(parts, isRunning);
  assertEquals(seen?.aborted, false);
  await parts.return();
  assertEquals(seen?.aborted, true);
});

test("askWithTools() passes on what a tool says and sends, in order, while it works", async () => {
  const heard = Promise.withResolvers<void>();
  const search = make("search", async ({ say, data }) => {
    say("I am looking.");
    data({ found: 0 });
    // Goes on only when that was passed on already.
    await heard.promise;
    data(["anything", null]);
    say("Nearly.");
    return "found";
  });
  const provider = createScriptedProvider(calls([call("search")]), says("."));
  const seen: unknown[] = [];
  for await (const part of ask(makeQuestion(provider, [search]))) {
    if (part.type === "say") seen.push(part.text);
    if (part.type === "data") seen.push(part.content);
    if (part.type === "result") seen.push("result");
    if (seen.length === 3) heard.resolve();
  }
  const announced = { tool: "search", call_id: "c1" };
  assertEquals(seen, [
    { ...announced, status: "running" },
    "I am looking.",
    { found: 0 },
    ["anything", null],
    "Nearly.",
    "result",
    { ...announced, status: "done" },
  ]);
});

test("askWithTools() sends a page what a tool had in hand at that moment", async () => {
  const count = make("count", ({ data }) => {
    const state = { n: 1 };
    data(state);
    state.n = 2;
    data(state);
    data(undefined);
  });
  const provider = createScriptedProvider(calls([call("count")]), says("."));
  const parts = await collect(makeQuestion(provider, [count]));
  assertEquals(
    parts.filter((part) => part.type === "data").slice(1, -1)
      .map(({ content }) => content),
    [{ n: 1 }, { n: 2 }, null],
  );
});

test("askWithTools() tells a tool that what it sends is no JSON, while it works", async () => {
  const send = make("send", ({ data }) => data({ big: 1n }));
  const provider = createScriptedProvider(calls([call("send")]), says("Oh."));
  const parts = await collect(makeQuestion(provider, [send]));
  const { c1 } = results(parts) as { c1: { error: string } };
  assertStringIncludes(c1.error, "BigInt");
});

test("askWithTools() cuts a huge result, between two characters", async () => {
  const huge = make("huge", () => "👩".repeat(20_000));
  const provider = createScriptedProvider(calls([call("huge")]), says("."));
  const parts = await collect(makeQuestion(provider, [huge]));
  const { c1 } = results(parts) as { c1: { cut_off: string } };
  assertEquals(c1.cut_off.slice(0, 3), '"👩');
  assertEquals(c1.cut_off.length, 16_000);
  assertEquals(c1.cut_off.isWellFormed(), true);
});

for (
  const [result, text] of [
    [undefined, "null"],
    [null, "null"],
    [0, "0"],
    ["", '""'],
    [{ a: undefined, b: [1] }, '{"b":[1]}'],
    [() => 1, "null"],
  ] as const
) {
  test(`askWithTools() tells the model ${text} where a tool returns ${result}`, async () => {
    const provider = createScriptedProvider(calls([call("x")]), says("."));
    const parts = await collect(
      makeQuestion(provider, [make("x", () => result)]),
    );
    assertEquals(
      parts.find((part) => part.type === "result")?.text,
      text,
    );
  });
}

test("askWithTools() tells a tool which call it works for, and remembers what it is told to", async () => {
  let seen: ToolContext | undefined;
  const tools = [make("note", async (context) => {
    seen = context;
    await context.remember("Likes tea.");
  })];
  const provider = createScriptedProvider(calls([call("note")]), says("."));
  const question = makeQuestion(provider, tools);
  await collect(question);
  assertEquals(seen?.conversationId, "conv");
  assertEquals(seen?.turnId, "t1");
  assertEquals(seen?.metadata, { plan: "gold" });
  assertEquals(seen?.fromPhoneNumber, "+49301234");
  assertEquals(seen?.toPhoneNumber, "+49305678");
  assertEquals(question.remembered, ["Likes tea."]);
});

test("askWithTools() runs eight of 5,000 calls of one step, stops the model, and tells it of the rest", async () => {
  let ran = 0;
  let listed = 0;
  let isStopped = false;
  const count = tool({
    name: "count",
    description: "Counts",
    parameters: z.object({ n: z.number() }),
    run: () => void ran++,
  });
  const provider = createScriptedProvider(
    async function* () {
      try {
        for (let n = 0; n < 5_000; n++) {
          listed++;
          const call = { id: `c${n}`, name: "count", arguments: { n } };
          yield { type: "tool-call", call };
        }
        yield { type: "finish", usage: {} };
      } finally {
        isStopped = true;
      }
    },
    says("Done."),
  );
  const question = makeQuestion(provider, [count]);
  const parts: ToolPart[] = [];
  await askWithTools(question, (part) => {
    parts.push(part);
    return true;
  });
  assertEquals([ran, listed, isStopped], [8, 33, true]);
  assertEquals(question.failures.length, 24);
  const results = (provider.requests[1]?.messages ?? [])
    .filter(({ role }) => role === "tool");
  assertEquals(results.length, 32);
  assertStringIncludes(results[8]?.text ?? "", "at most 8 calls of one step");
  // A page is told of those that run alone.
  assertEquals(parts.filter(({ type }) => type === "data").length, 16);
});

test("askWithTools() has the model answer once a turn has had twenty calls", async () => {
  const again = { id: "c", name: "roll", arguments: {} };
  const roll = tool({
    name: "roll",
    description: "Rolls",
    parameters: z.object({}),
    run: () => 4,
  });
  const provider = createScriptedProvider(calls(Array(8).fill(again)));
  await askWithTools(makeQuestion(provider, [roll]), () => true);
  assertEquals(provider.requests.length, 4);
  assertEquals(provider.requests.map(({ toolChoice }) => toolChoice), [
    undefined,
    undefined,
    undefined,
    "none",
  ]);
});

test("askWithTools() gives a tool a key that follows from the call", async () => {
  const keys: string[] = [];
  const book = tool({
    name: "book",
    description: "Books",
    parameters: z.object({ room: z.number() }),
    run: (_, { idempotencyKey }) => void keys.push(idempotencyKey),
  });
  for (const id of ["made up", "anew"]) {
    const call = { id, name: "book", arguments: { room: 7 } };
    const provider = createScriptedProvider(calls([call]), says("Booked."));
    await askWithTools(makeQuestion(provider, [book]), () => true);
  }
  assertEquals(keys[0]?.length, 43);
  assertEquals(keys[1], keys[0]);
});

test("askWithTools() runs its own calls, tells which are the platform's, and asks no more", async () => {
  const own = { id: "c1", name: "own", arguments: {} };
  const theirs = { id: "c2", name: "end_call", arguments: { reason: "bye" } };
  const provider = createScriptedProvider(calls([theirs, own]), says("No."));
  const ran: string[] = [];
  const ownTool = tool({
    name: "own",
    description: "Ours",
    parameters: z.object({}),
    run: () => ran.push("own"),
  });
  const parts: ToolPart[] = [];
  const question = makeQuestion(provider, [ownTool]);
  const platformTools = [
    { name: "end_call", description: "Ends the call", parameters: {} },
  ];
  await askWithTools({ ...question, platformTools }, (part) => {
    parts.push(part);
    return true;
  });
  assertEquals(ran, ["own"]);
  assertEquals(provider.requests.length, 1);
  const called = parts.find((part) => part.type === "calls");
  assertEquals(called?.calls, [theirs, own]);
  assertEquals(called?.handedOn, ["c2"]);
  const results = parts.filter((part) => part.type === "result");
  assertEquals(results.map(({ callId }) => callId), ["c1"]);
});
