/**
 * Turns that come again after their process died, as their tools see it, and the
 * turns that interruptions are about.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as z from "zod";
import { findInterrupted } from "../../src/conversation/opening.ts";
import { tool } from "../../src/conversation/tools.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import type { Session } from "../../src/sessions/session.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";
import { calls, createScriptedProvider, says } from "../fakes/provider.ts";
import { listen } from "../fakes/turn.ts";
import { answer, id, makeParts } from "./_parts.ts";
import { at, session, turn } from "./_records.ts";

const ofTurn = { turnId: "t1", at };
const raw = { provider: "scripted", content: [] };
const book = (callId: string, room: number) => ({
  id: callId,
  name: "book",
  arguments: { room },
});

/** What is kept of a turn whose process died while its second tool ran. */
const CRASHED: SessionRecord[] = [
  { type: "user", ...ofTurn, text: "Book rooms 7 and 8." },
  { type: "assistant", ...ofTurn, text: "One moment. " },
  { type: "calls", ...ofTurn, calls: [book("a", 7), book("b", 8)], raw },
  { type: "result", ...ofTurn, callId: "a", name: "book", text: '"key 7"' },
];

/** Answers the turn that crashed, with a tool that notes its calls. */
async function retry(records = CRASHED) {
  const store = createMemoryStore();
  await store.update("conv", () => records);
  const booked: { room: number; key: string }[] = [];
  const tools = [tool({
    name: "book",
    description: "Books",
    parameters: z.object({ room: z.number() }),
    run({ room }, { idempotencyKey: key }) {
      booked.push({ room, key });
      return `key ${room}`;
    },
  })];
  const provider = createScriptedProvider(
    calls([book("c", 8)]),
    says("Both are booked."),
  );
  const parts = { ...makeParts(provider, store), tools };
  const said = await listen(answer(id, { text: "?" }, parts));
  return { said, booked, provider, store };
}

Deno.test("answer() goes on from the results that were recorded before a crash, and runs none of these tools again", async () => {
  const { said, booked, provider, store } = await retry();
  assertEquals(provider.requests[0]?.messages.slice(0, 3), [
    { role: "user", text: "Book rooms 7 and 8." },
    { role: "assistant", text: "One moment.", calls: [book("a", 7)] },
    { role: "tool", callId: "a", name: "book", text: '"key 7"' },
  ]);
  assertEquals(said, ["Both are booked."]);
  assertEquals(booked.map(({ room }) => room), [8]);
  const turn = (await store.load("conv")).turn("t1");
  assertEquals(turn?.steps.map(({ calls }) => calls.map(({ id }) => id)), [
    ["a"],
    ["c"],
  ]);
  assertEquals([turn?.assistant, turn?.status], [
    "Both are booked.",
    "complete",
  ]);
});

Deno.test("answer() gives a tool that left no result before a crash the same key again", async () => {
  const { booked } = await retry();
  const { booked: first } = await retry(CRASHED.slice(0, 1));
  assertEquals(booked, first);
});

/** The turn that crashed, as it is begun again. */
const AGAIN: SessionRecord[] = [
  ...CRASHED,
  { type: "again", ...ofTurn, attempt: 1, keepsCalls: true },
];

/** The same in a record of an older version, which repeats the calls that have results. */
const OLD_AGAIN: SessionRecord[] = [
  ...CRASHED,
  { type: "again", ...ofTurn, attempt: 1 },
  {
    type: "calls",
    calls: [book("a", 7)],
    text: "One moment.",
    ...ofTurn,
    attempt: 1,
  },
  {
    type: "result",
    ...ofTurn,
    callId: "a",
    name: "book",
    text: '"key 7"',
    attempt: 1,
  },
];

for (const [name, records] of Object.entries({ AGAIN, OLD_AGAIN })) {
  Deno.test(`answer() keeps the results through a second crash (${name})`, async () => {
    const { booked, provider } = await retry(records);
    assertEquals(booked.map(({ room }) => room), [8]);
    assertEquals(provider.requests[0]?.messages.slice(0, 3), [
      { role: "user", text: "Book rooms 7 and 8." },
      { role: "assistant", text: "One moment.", calls: [book("a", 7)] },
      { role: "tool", callId: "a", name: "book", text: '"key 7"' },
    ]);
  });
}

Deno.test("answer() keeps the vendor's own form of calls that all have results, and leaves out steps without any", async () => {
  const { booked, provider } = await retry([
    ...CRASHED,
    { type: "result", ...ofTurn, callId: "b", name: "book", text: '"key 8"' },
    { type: "calls", ...ofTurn, calls: [book("c", 9)], raw, text: "Now 9." },
  ]);
  assertEquals(provider.requests[0]?.messages.slice(0, 5), [
    { role: "user", text: "Book rooms 7 and 8." },
    {
      role: "assistant",
      text: "One moment.",
      calls: [book("a", 7), book("b", 8)],
      providerMetadata: raw,
    },
    { role: "tool", callId: "a", name: "book", text: '"key 7"' },
    { role: "tool", callId: "b", name: "book", text: '"key 8"' },
    { role: "assistant", text: "", calls: [book("c", 8)] },
  ]);
  assertEquals(booked.map(({ room }) => room), [8]);
});

Deno.test("findInterrupted() takes the turn that is named, else the one just before", () => {
  const two = session(
    ...turn("t1", "a", "One two.", "complete"),
    ...turn("t2", "b", "Three four.", "complete"),
  );
  const find = (of: Session, turnId: string | undefined, textHeard: string) =>
    findInterrupted(of, { ...(turnId ? { turnId } : {}), textHeard })?.id;
  assertEquals(find(two, undefined, "whatever"), "t2");
  assertEquals(find(two, "t1", "One"), "t1");
  // An id of the platform's own for the agent's turn.
  assertEquals(find(two, "turn_agent_9", "three, FOUR"), "t2");
  assertEquals(find(two, "turn_agent_9", ""), "t2");
  assertEquals(find(two, "turn_agent_9", "..."), "t2");
  assertEquals(find(two, "turn_agent_9", "something else"), undefined);
  assertEquals(find(session(), undefined, ""), undefined);
});

Deno.test("findInterrupted() passes over a turn that said nothing when something was heard", () => {
  const cut = session(
    ...turn("t1", "a", "One two.", "interrupted"),
    { type: "user", turnId: "t2", text: "b", at },
    { type: "end", turnId: "t2", status: "interrupted", at },
  );
  assertEquals(findInterrupted(cut, { textHeard: "One" })?.id, "t1");
  assertEquals(findInterrupted(cut, { textHeard: "" })?.id, "t2");
});
