/**
 * Turns of one conversation on several instances, which know each other by the
 * store alone: a newer turn ends the one before, wherever it is under way.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { answer } from "../../src/conversation/answer.ts";
import type { TurnPart } from "../../src/conversation/turn.ts";
import { createFileStore } from "../../src/sessions/file.ts";
import type { ProviderRequest } from "../../src/providers/provider.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { agent } from "../fakes/agent.ts";
import { createScriptedProvider, says, stalls } from "../fakes/provider.ts";
import { createSharedStores } from "../fakes/shared_store.ts";
import { play } from "../fakes/turn.ts";
import { assistant, end, user } from "../sessions/contract.ts";
import { id, make, makeParts, sleep } from "./_parts.ts";

/** Stores that two instances share. */
interface Shared extends AsyncDisposable {
  stores: SessionStore[];
}

function share(): Promise<Shared> {
  return Promise.resolve({
    stores: createSharedStores(2),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

async function shareFolder(): Promise<Shared> {
  const folder = await Deno.makeTempDir();
  const stores = [createFileStore({ folder }), createFileStore({ folder })];
  return {
    stores,
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const KINDS = { "a shared store": share, "a folder of files": shareFolder };

function test(
  name: string,
  fn: (here: Instance, there: Instance) => Promise<void>,
): void {
  for (const [kind, make] of Object.entries(KINDS)) {
    Deno.test({
      name: `answer() on ${kind} ${name}`,
      sanitizeOps: true,
      sanitizeResources: true,
      async fn() {
        await using shared = await make();
        const [here, there] = shared.stores.map(createInstance);
        assert(here && there);
        await fn(here, there);
      },
    });
  }
}

type Instance = ReturnType<typeof createInstance>;

/** One of several instances that share their conversations. */
function createInstance(store: SessionStore) {
  function run(script = stalls("Once upon"), signal?: AbortSignal) {
    const parts = makeParts(createScriptedProvider(script), store);
    const options = signal ? { signal } : {};
    return play(answer(id, { text: "?" }, parts), options);
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
  "ends within a second of a newer turn elsewhere",
  async (here, there) => {
    const turn = here.run();
    await turn.next();
    const startedAt = performance.now();
    const rest = drain(turn);
    await there.add(user("t2", "Wait!"));
    assertEquals(await rest, "");
    assertLess(performance.now() - startedAt, 1_000);
    const { turns } = await there.store.load("conv");
    assertEquals(turns.map(({ id, status }) => [id, status]), [
      ["t1", "interrupted"],
      ["t2", undefined],
    ]);
  },
);

test(
  "ends when it is answered anew elsewhere, and mixes no words",
  async (here, there) => {
    const turn = here.run();
    await turn.next();
    const rest = drain(turn);
    const again: SessionRecord = {
      type: "again",
      turnId: "t1",
      attempt: 1,
      at: new Date().toISOString(),
    };
    await there.add(
      again,
      { ...assistant("t1", "Anew."), attempt: 1 } as SessionRecord,
      { ...end("t1"), attempt: 1 } as SessionRecord,
    );
    await rest;
    const { turns } = await there.store.load("conv");
    assertEquals(turns.map(({ assistant, status }) => [assistant, status]), [
      ["Anew.", "complete"],
    ]);
  },
);

test(
  "keeps one answer of a turn that two instances begin before either has a word",
  async (here, there) => {
    const begun = Promise.withResolvers<void>();
    const together = async function* () {
      await begun.promise;
      for (const text of ["One, ", "two, ", "three."]) {
        await sleep(20);
        yield { type: "text-delta" as const, text };
      }
      yield { type: "finish" as const, usage: {} };
    };
    const turns = [here.run(together), there.run(together)];
    const firsts = turns.map((turn) => turn.next());
    // Until both have begun.
    while (!(await here.store.load("conv")).turn("t1")?.attempt) await sleep(5);
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

test("says all it has where no newer turn is", async (here, there) => {
  await there.add(user("t0", "Earlier"), end("t0"));
  const slowly = async function* () {
    for (const text of ["One, ", "two, ", "three."]) {
      await sleep(300);
      yield { type: "text-delta" as const, text };
    }
    yield { type: "finish" as const, usage: {} };
  };
  assertEquals(await drain(here.run(slowly)), "One, two, three.");
  // And says it again when the turn comes again.
  assertEquals(await drain(here.run(says("Again."))), "One, two, three.");
  assertEquals((await here.store.load("conv")).turn("t1")?.attempt, undefined);
});

/** Says a word each time it is told to. */
function onDemand() {
  let told = Promise.withResolvers<void>();
  return {
    say: () => told.resolve(),
    script: async function* ({ signal }: ProviderRequest) {
      const aborted = Promise.withResolvers<never>();
      aborted.promise.catch(() => {});
      signal.addEventListener("abort", () => aborted.reject(signal.reason));
      for (let n = 0;; n++) {
        yield { type: "text-delta" as const, text: `word${n} ` };
        await Promise.race([told.promise, aborted.promise]);
        told = Promise.withResolvers();
      }
    },
  };
}

test(
  "falls silent within half a second of a newer turn that has begun elsewhere",
  async (here, there) => {
    const model = onDemand();
    const turn = here.run(model.script);
    await turn.next();
    await there.add(user("t2", "Wait!"));
    const startedAt = performance.now();
    model.say();
    // Words don't wait for the store: the one that tells may be heard.
    assertEquals(["", " word1"].includes(await drain(turn)), true);
    // The next look at the store tells, or the write of the word itself.
    assertLess(performance.now() - startedAt, 550);
    const first = (await there.store.load("conv")).turn("t1");
    assertEquals(first?.status, "interrupted");
  },
);

test(
  "ends when its conversation is deleted, and brings nothing of it back",
  async (here, there) => {
    for (const isSpeaking of [true, false]) {
      const model = onDemand();
      const turn = here.run(isSpeaking ? model.script : stalls("Once upon"));
      await turn.next();
      await there.store.delete("conv");
      model.say();
      const rest = await drain(turn);
      assertEquals(["", " word1"].includes(rest), true);
      assertEquals((await there.store.load("conv")).isEmpty, true);
    }
  },
);

test("ends with its own signal, also where that was aborted before", async (here) => {
  const controller = new AbortController();
  const turn = here.run(stalls("Once upon"), controller.signal);
  await turn.next();
  const rest = turn.next();
  controller.abort();
  assertEquals((await rest).done, true);
  const early = AbortSignal.abort();
  assertEquals(await drain(here.run(stalls("Once upon"), early)), "");
});

/** A store whose looks a test counts, and answers. */
function createLookedAt() {
  const [shared] = createSharedStores(1);
  assert(shared);
  const state = { looks: 0, answered: Promise.resolve() };
  const store: SessionStore = {
    ...shared,
    async open(id, change, options) {
      const writer = await shared.open(id, change, options);
      return {
        ...writer,
        session: writer.session,
        async look() {
          state.looks++;
          await state.answered;
          await writer.look();
        },
      };
    },
  };
  return { store, state };
}

Deno.test({
  name: "answer() looks for a newer turn now and then, one look at a time",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const { store, state } = createLookedAt();
    const answered = Promise.withResolvers<void>();
    state.answered = answered.promise;
    const model = onDemand();
    const turn = createInstance(store).run(model.script);
    for (let n = 0; n < 7; n++) {
      await turn.next();
      await sleep(150);
      model.say();
    }
    // Whether it speaks or not; and the first look isn't answered yet.
    assertEquals(state.looks, 1);
    answered.resolve();
    await sleep(600);
    assertGreater(state.looks, 1);
    await turn.return();
  },
});

Deno.test({
  name:
    "answer() ends with its apology where a look fails, and the process goes on",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const { store, state } = createLookedAt();
    state.answered = Promise.reject(new Error("Cannot look"));
    state.answered.catch(() => {});
    const turn = createInstance(store).run(stalls("Once upon"));
    assertEquals(await drain(turn), "Once upon Sorry.");
    assertEquals((await store.load("conv")).turn("t1")?.status, "failed");
  },
});

Deno.test({
  name:
    "answer() sends a superseded listener no summary, and no apology while the process ends",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const [here, there] = createSharedStores(2);
    assert(here && there);
    const parts = makeParts(createScriptedProvider(stalls()), here);
    const draining = { ...parts, isDraining: () => true };
    const all = Array.fromAsync(play(answer(id, { text: "?" }, draining)));
    await sleep(1);
    await there.update("conv", () => [user("t2", "Wait!")]);
    assertEquals(await all, []);
    const turn = (await there.load("conv")).turn("t1");
    assertEquals([turn?.assistant, turn?.status], ["", "interrupted"]);
  },
});

Deno.test({
  name: "answer() stops the tools of a turn that is superseded elsewhere",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const [here, there] = createSharedStores(2);
    assert(here && there);
    const started = Promise.withResolvers<AbortSignal>();
    const slow = make("slow", ({ signal }) => {
      started.resolve(signal);
      return new Promise(() => {});
    });
    const provider = createScriptedProvider(async function* () {
      yield { type: "tool-call", call: slow.call };
      yield { type: "finish", usage: {} };
    });
    const parts = {
      ...makeParts(provider, here),
      tools: [slow.tool],
      agent: { ...agent, fillerAfterMs: 60_000, toolFillerAfterMs: 60_000 },
    };
    const all = Array.fromAsync(play(answer(id, { text: "?" }, parts)));
    const signal = await started.promise;
    await there.update("conv", () => [user("t2", "Wait!")]);
    await all;
    assertEquals(signal.aborted, true);
  },
});
