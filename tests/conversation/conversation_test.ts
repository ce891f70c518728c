/**
 * The door that platforms use, tried as two of them would: one that asks for
 * each turn by itself, and one that carries many turns on one connection.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  ActiveTurns,
  TooManyTurnsError,
} from "../../src/conversation/active_turns.ts";
import {
  type ConversationParts,
  Conversations,
  type MessageEvent,
} from "../../src/conversation/conversation.ts";
import {
  calls,
  createScriptedProvider,
  says,
  stalls,
} from "../fakes/provider.ts";
import { make, makeParts } from "./_parts.ts";

function setup(
  provider = createScriptedProvider(says("Hi ", "there.")),
  changes: Partial<ConversationParts> = {},
) {
  const parts = makeParts(provider);
  const activeTurns = new ActiveTurns({ max: 2 });
  const conversations = new Conversations({
    ...parts,
    activeTurns,
    onData: (data) => data,
    ...changes,
  });
  return { ...parts, activeTurns, conversations };
}

function message(turnId: string, text = "Hello"): MessageEvent {
  const call = { conversationId: "conv", metadata: {} };
  return { type: "message", ...call, turnId, text };
}

/** Takes an answer whole. */
function createOutput() {
  const ended = Promise.withResolvers<void>();
  const taken = { words: "", ends: 0 };
  const started = Promise.withResolvers<void>();
  return {
    taken,
    started: started.promise,
    ended: ended.promise,
    write(part: { type: string; text?: string }) {
      if (part.type === "speech") taken.words += part.text;
      if (part.type === "speech") started.resolve();
      return undefined;
    },
    end() {
      taken.ends++;
      ended.resolve();
    },
  };
}

const never = new AbortController().signal;

Deno.test("new Conversations().respond() resolves once the caller's words are kept, and ends the answer once", async () => {
  const { conversations, store } = setup();
  const out = createOutput();
  assertEquals(await conversations.respond(message("t1"), out, never), true);
  assertEquals((await store.load("conv")).turns[0]?.user, "Hello");
  await out.ended;
  assertEquals(out.taken, { words: "Hi there.", ends: 1 });
});

Deno.test("new Conversations().respond() lets a newer turn supersede the one before on the same connection", async () => {
  const provider = createScriptedProvider(stalls("One moment"), says("Two."));
  const { conversations, store } = setup(provider);
  const [first, second] = [createOutput(), createOutput()];
  await conversations.respond(message("t1"), first, never);
  await first.started;
  await conversations.respond(message("t2"), second, never);
  await Promise.all([first.ended, second.ended]);
  assertEquals(second.taken, { words: "Two.", ends: 1 });
  const { turns } = await store.load("conv");
  assertEquals(turns.map(({ status }) => status), ["interrupted", "complete"]);
});

Deno.test("new Conversations().respond() stops the model when the signal is aborted", async () => {
  const { conversations, store, activeTurns } = setup(
    createScriptedProvider(stalls("One moment")),
  );
  const caller = new AbortController();
  const out = createOutput();
  await conversations.respond(message("t1"), out, caller.signal);
  await out.started;
  caller.abort();
  await out.ended;
  assertEquals(activeTurns.size, 0);
  const [turn] = (await store.load("conv")).turns;
  assertEquals(turn?.status, "interrupted");
});

Deno.test("new Conversations().respond() keeps the words of a caller who is gone already, and asks no model", async () => {
  const provider = createScriptedProvider(says("Nobody hears this."));
  const { conversations, store } = setup(provider);
  const out = createOutput();
  await conversations.respond(message("t1"), out, AbortSignal.abort());
  await out.ended;
  assertEquals(out.taken.words, "");
  assertEquals((await store.load("conv")).turns[0]?.user, "Hello");
});

Deno.test("new Conversations().respond() replays a turn that comes again", async () => {
  const { conversations, lines } = setup();
  for (const _ of [1, 2]) {
    const out = createOutput();
    await conversations.respond(message("t1"), out, never);
    await out.ended;
    assertEquals(out.taken, { words: "Hi there.", ends: 1 });
  }
  assertEquals(lines.filter((line) => /turn\.replayed/.test(line)).length, 1);
});

Deno.test("new Conversations().respond() takes no new turn once the process is about to end, but replays", async () => {
  let isEnding = false;
  const { conversations } = setup(undefined, { isDraining: () => isEnding });
  const first = createOutput();
  await conversations.respond(message("t1"), first, never);
  await first.ended;
  isEnding = true;
  const again = createOutput();
  assertEquals(await conversations.respond(message("t1"), again, never), true);
  assertEquals(again.taken, { words: "Hi there.", ends: 1 });
  const late = createOutput();
  assertEquals(await conversations.respond(message("t2"), late, never), false);
  assertEquals(late.taken, { words: "", ends: 0 });
});

Deno.test("new Conversations() welcomes, answers data and keeps a note once", async () => {
  const { conversations, store } = setup();
  const call = { conversationId: "conv", metadata: {} };
  const out = createOutput();
  const start = { ...call, type: "start", turnId: "t0" } as const;
  await conversations.respond(start, out, never);
  await out.ended;
  assertEquals(out.taken, { words: "Welcome!", ends: 1 });
  const data = { ...call, type: "data", turnId: "t1", data: [1] } as const;
  assertEquals(await conversations.answerData(data), [1]);
  const note = { ...call, type: "note", name: "ended", content: {} } as const;
  for (const _ of [1, 2]) await conversations.keepNote(note);
  assertEquals((await store.load("conv")).notes.length, 1);
});

/** A conversation whose turn has called a tool that waits for its test. */
async function setupBooking() {
  const isAsked = Promise.withResolvers<void>();
  const booked = Promise.withResolvers<string>();
  const seen = { bookings: 0 };
  const book = make("book", () => {
    seen.bookings++;
    isAsked.resolve();
    return booked.promise;
  });
  const provider = createScriptedProvider(
    calls([book.call], { text: "I book it. " }),
    says("Booked."),
  );
  const all = setup(provider, { tools: [book.tool] });
  const first = createOutput();
  const caller = new AbortController();
  await all.conversations.respond(message("t1"), first, caller.signal);
  await isAsked.promise;
  return { ...all, seen, first, caller, booked };
}

Deno.test("new Conversations().respond() joins a turn that comes again in mid-turn, and runs its tools once", async () => {
  const { conversations, store, seen, first, booked } = await setupBooking();
  const again = createOutput();
  await conversations.respond(message("t1"), again, never);
  booked.resolve("room 7");
  await Promise.all([first.ended, again.ended]);
  const whole = { words: "I book it. Booked.", ends: 1 };
  assertEquals([first.taken, again.taken], [whole, whole]);
  assertEquals(seen.bookings, 1);
  const { turns } = await store.load("conv");
  assertEquals(turns.map(({ status, attempt }) => [status, attempt]), [
    ["complete", undefined],
  ]);
});

Deno.test("new Conversations().respond() goes on for the second listener when the first hangs up", async () => {
  const { conversations, store, caller, booked } = await setupBooking();
  const again = createOutput();
  await conversations.respond(message("t1"), again, never);
  caller.abort();
  booked.resolve("room 7");
  await again.ended;
  assertEquals(again.taken.words, "I book it. Booked.");
  assertEquals((await store.load("conv")).turn("t1")?.status, "complete");
});

Deno.test("new Conversations().respond() answers a turn anew that comes again when its only listener has left", async () => {
  const { conversations, first, caller, seen, booked } = await setupBooking();
  caller.abort();
  const again = createOutput();
  await conversations.respond(message("t1"), again, never);
  booked.resolve("too late");
  await Promise.all([first.ended, again.ended]);
  assertEquals(again.taken.words, "Booked.");
  assertEquals(seen.bookings, 1);
});

Deno.test("new Conversations().respond() doesn't let an old turn that comes again end the newer one", async () => {
  const provider = createScriptedProvider(stalls("One "), says("Two."));
  const { conversations } = setup(provider);
  const [first, second, again] = [
    createOutput(),
    createOutput(),
    createOutput(),
  ];
  await conversations.respond(message("t1"), first, never);
  await first.started;
  const next = conversations.respond(message("t2"), second, never);
  await conversations.respond(message("t1"), again, never);
  await next;
  await Promise.all([first.ended, second.ended, again.ended]);
  assertEquals(second.taken, { words: "Two.", ends: 1 });
  assertEquals(again.taken.words.trim(), "One");
});

Deno.test("new Conversations().respond() refuses a turn too many before anything is stored, and tells the log at a bounded rate", async () => {
  const { conversations, store, lines, activeTurns } = setup(
    createScriptedProvider(stalls("One ")),
  );
  const within = (conversationId: string) => ({
    ...message("t1"),
    conversationId,
  });
  for (const id of ["a", "b"]) {
    await conversations.respond(within(id), createOutput(), never);
  }
  const late = createOutput();
  for (let n = 0; n < 50; n++) {
    await assertRejects(
      () => conversations.respond(within("c"), late, never),
      TooManyTurnsError,
    );
  }
  assertEquals(late.taken, { words: "", ends: 0 });
  assertEquals((await store.load("c")).isEmpty, true);
  assertEquals(lines.filter((line) => /turns\.refused/.test(line)).length, 1);
  // Who only asks again for what is under way is no turn too many.
  const again = createOutput();
  assertEquals(await conversations.respond(within("a"), again, never), true);
  await again.started;
  await activeTurns.endAll();
});
