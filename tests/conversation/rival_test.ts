import { assertEquals } from "@std/assert";
import { answer } from "../../src/conversation/answer.ts";
import { yieldToRivals } from "../../src/conversation/rival.ts";
import type { TurnPart } from "../../src/conversation/turn.ts";
import { createFileStore } from "../../src/sessions/file.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import { agent } from "../fakes/agent.ts";
import { createScriptedProvider, says, stalls } from "../fakes/provider.ts";
import { assistant, end, user } from "../sessions/contract.ts";

const call = { conversationId: "conv", turnId: "t1", metadata: {} };
const never = new AbortController().signal;

function test(
  name: string,
  fn: (here: Instance, there: Instance) => Promise<void>,
): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        await fn(createInstance(folder), createInstance(folder));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

type Instance = ReturnType<typeof createInstance>;

/** One of several instances that share their conversations. */
function createInstance(folder: string) {
  const store = createFileStore({ folder });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  function run(script = stalls("Once upon"), signal = never) {
    const provider = createScriptedProvider(script);
    const parts = { store, provider, tools: [], agent, log, now: Date.now };
    const turn = answer(call, { text: "?" }, parts);
    return yieldToRivals(turn, call, store)(signal, () => {});
  }
  const add = (...records: SessionRecord[]) =>
    store.update("conv", () => records);
  return { store, run, add };
}

async function drain(parts: AsyncIterable<TurnPart>): Promise<string> {
  let text = "";
  for await (const part of parts) {
    if (part.type === "speech") text += part.text;
  }
  return text;
}

test(
  "yieldToRivals() ends a turn within a second of a newer one elsewhere",
  async (here, there) => {
    const turn = here.run();
    await turn.next();
    const startedAt = performance.now();
    const rest = drain(turn);
    await there.add(user("t2", "Wait!"));
    assertEquals(await rest, "");
    assertEquals(performance.now() - startedAt < 1_000, true);
    const { turns } = await there.store.load("conv");
    assertEquals(turns.map(({ id, status }) => [id, status]), [
      ["t1", "interrupted"],
      ["t2", undefined],
    ]);
  },
);

test(
  "yieldToRivals() ends a turn that is answered anew elsewhere, and mixes no words",
  async (here, there) => {
    const turn = here.run();
    await turn.next();
    const rest = drain(turn);
    const again: SessionRecord = {
      type: "again",
      turnId: "t1",
      at: new Date().toISOString(),
    };
    await there.add(again, assistant("t1", "Anew."), end("t1"));
    await rest;
    const { turns } = await there.store.load("conv");
    assertEquals(turns.map(({ assistant, status }) => [assistant, status]), [
      ["Anew.", "complete"],
    ]);
  },
);

test(
  "yieldToRivals() keeps one answer of a turn that two instances begin before either has a word",
  async (here, there) => {
    const begun = Promise.withResolvers<void>();
    const together = async function* () {
      await begun.promise;
      for (const text of ["One, ", "two, ", "three."]) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        yield { type: "text-delta" as const, text };
      }
      yield { type: "finish" as const, usage: {} };
    };
    const turns = [here.run(together), there.run(together)];
    const firsts = turns.map((turn) => turn.next());
    // Until both have begun.
    for (let n = 0; n < 100; n++) {
      if ((await here.store.load("conv")).turn("t1")?.again) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    begun.resolve();
    await Promise.all(firsts);
    await Promise.all(turns.map(drain));
    const session = await here.store.load("conv");
    assertEquals(
      session.turns.map(({ assistant, status }) => [assistant, status]),
      [["One, two, three.", "complete"]],
    );
  },
);

test(
  "yieldToRivals() lets a turn without rivals say all it has",
  async (here, there) => {
    await there.add(user("t0", "Earlier"), end("t0"));
    const slowly = async function* () {
      for (const text of ["One, ", "two, ", "three."]) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        yield { type: "text-delta" as const, text };
      }
      yield { type: "finish" as const, usage: {} };
    };
    assertEquals(await drain(here.run(slowly)), "One, two, three.");
    // And says it again when the turn comes again.
    assertEquals(await drain(here.run(says("Again."))), "One, two, three.");
    assertEquals((await here.store.load("conv")).turn("t1")?.again, undefined);
  },
);

/** Says a word each time it is told to. */
function onDemand() {
  let told = Promise.withResolvers<void>();
  return {
    say: () => told.resolve(),
    script: async function* () {
      for (let n = 0;; n++) {
        yield { type: "text-delta" as const, text: `word${n} ` };
        await told.promise;
        told = Promise.withResolvers();
      }
    },
  };
}

test(
  "yieldToRivals() lets no word out once a newer turn has begun elsewhere",
  async (here, there) => {
    const model = onDemand();
    const turn = here.run(model.script);
    await turn.next();
    await there.add(user("t2", "Wait!"));
    const startedAt = performance.now();
    model.say();
    assertEquals(await drain(turn), "");
    // The word itself tells, not a look that comes later.
    assertEquals(performance.now() - startedAt < 300, true);
    const first = (await there.store.load("conv")).turn("t1");
    assertEquals([first?.assistant, first?.status], ["word0", "interrupted"]);
  },
);

test(
  "yieldToRivals() ends a turn whose conversation was deleted, and brings nothing of it back",
  async (here, there) => {
    for (const isSpeaking of [true, false]) {
      const model = onDemand();
      const turn = here.run(isSpeaking ? model.script : stalls("Once upon"));
      await turn.next();
      await there.store.delete("conv");
      model.say();
      assertEquals(await drain(turn), "");
      assertEquals((await there.store.load("conv")).isEmpty, true);
    }
  },
);

test("yieldToRivals() looks only while nothing is said, and one look at a time", async (here) => {
  let looks = 0;
  const answered = Promise.withResolvers<void>();
  const { store } = here;
  const load = store.load;
  store.load = async (id) => {
    looks++;
    await answered.promise;
    return await load(id);
  };
  const model = onDemand();
  const turn = here.run(model.script);
  const pause = (ms: number) =>
    new Promise((resolve) => setTimeout(resolve, ms));
  for (let n = 0; n < 5; n++) {
    await turn.next();
    await pause(150);
    model.say();
  }
  assertEquals(looks, 0);
  await turn.next();
  await pause(500);
  for (let n = 0; n < 3; n++) {
    model.say();
    await turn.next();
    await pause(420);
  }
  assertEquals(looks, 1);
  answered.resolve();
  await turn.return();
  await pause(0);
});

test("yieldToRivals() passes the end of its own signal on", async (here) => {
  const controller = new AbortController();
  const turn = here.run(stalls("Once upon"), controller.signal);
  await turn.next();
  const rest = turn.next();
  controller.abort();
  assertEquals((await rest).done, true);
  const early = new AbortController();
  early.abort();
  await drain(here.run(stalls("Once upon"), early.signal));
});
