import { assertEquals, assertRejects } from "@std/assert";
import { createDataAnswer } from "../../src/conversation/data.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";
import { createRecordingStore } from "../fakes/store.ts";

const context = { conversationId: "conv", turnId: "t1", metadata: {} };

Deno.test("createDataAnswer() hands each piece of data to the owner once", async () => {
  const calls: unknown[] = [];
  const store = createMemoryStore();
  const onData = async (data: unknown) => {
    await Promise.resolve();
    calls.push(data);
    return { got: data };
  };
  const make = () => createDataAnswer({ store, onData, now: Date.now });
  const answer = make();
  // At once, later, and after a restart.
  const replies = await Promise.all([
    answer({ a: 1 }, context),
    answer({ a: 1 }, context),
  ]);
  replies.push(await answer({ a: 1 }, context));
  replies.push(await make()({ a: 1 }, context));
  for (const reply of replies) assertEquals(reply, { got: { a: 1 } });
  assertEquals(calls, [{ a: 1 }]);

  // Other data, or another turn, is something else.
  await answer({ a: 2 }, context);
  await answer({ a: 1 }, { ...context, turnId: "t2" });
  assertEquals(calls.length, 3);
});

Deno.test("createDataAnswer() tells a page one thing when two instances are asked at once", async () => {
  let calls = 0;
  const store = createMemoryStore();
  const make = () =>
    createDataAnswer({ store, onData: () => ++calls, now: Date.now });
  const [here, there] = [make(), make()];
  const replies = await Promise.all([
    here("click", context),
    there("click", context),
  ]);
  assertEquals(replies, [replies[0], replies[0]]);
});

Deno.test("createDataAnswer() asks again after the owner's handler failed", async () => {
  let calls = 0;
  const onData = () => {
    if (++calls === 1) throw new RangeError("no");
    return "fine";
  };
  const store = createMemoryStore();
  const answer = createDataAnswer({ store, onData, now: Date.now });
  await assertRejects(async () => await answer({}, context), RangeError);
  assertEquals(await answer({}, context), "fine");
});

Deno.test("createDataAnswer() keeps nothing of data without an answer, and hands it over once all the same", async () => {
  const { store, records } = createRecordingStore();
  let calls = 0;
  const onData = () => void calls++;
  const answer = createDataAnswer({ store, onData, now: Date.now });
  for (const _ of [1, 2, 3]) {
    assertEquals(await answer({ a: 1 }, context), undefined);
  }
  await answer({ a: 1 }, { ...context, conversationId: "other" });
  assertEquals(calls, 2);
  assertEquals(records, []);
});
