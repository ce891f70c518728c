import { assert, assertEquals, assertLess } from "@std/assert";
import {
  estimateTokens,
  findInterrupted,
  toHistory,
} from "../../src/conversation/history.ts";
import { Session, type SessionRecord } from "../../src/sessions/session.ts";

const at = "2026-11-21T10:00:00.000Z";

function session(...records: SessionRecord[]): Session {
  const made = new Session("conv");
  for (const record of records) made.apply(record);
  return made;
}

function turn(
  turnId: string,
  user: string,
  assistant: string,
  status?: "complete" | "interrupted",
): SessionRecord[] {
  return [
    { type: "user", turnId, text: user, at },
    { type: "assistant", turnId, text: assistant, at },
    ...(status ? [{ type: "end" as const, turnId, status, at }] : []),
  ];
}

const texts = (of: Session, budget = 10_000) =>
  toHistory(of, budget).messages.map(({ text }) => text);

Deno.test("toHistory() drops whole turns, oldest first, and keeps the newest whatever it takes", () => {
  const word = "x".repeat(300);
  const long = session(
    ...turn("t1", word, "one", "complete"),
    ...turn("t2", word, "two", "complete"),
    ...turn("t3", word, "three", "complete"),
    { type: "user", turnId: "t4", text: word, at },
  );
  assertEquals(texts(long).length, 7);
  // 108 tokens a question, 9 or 10 an answer.
  assertEquals(texts(long, 230), [word, "three", word]);
  assertEquals(texts(long, 225), [word]);
  assertEquals(texts(long, 0), [word]);
});

Deno.test("toHistory() looks at no more of the past than it shows", () => {
  const long = session(
    ...Array.from({ length: 1_000 }, (_, n) => turn(`t${n}`, "a", "b")).flat(),
  );
  let looked = 0;
  const watched = new Proxy(long.turns, {
    get(turns, key, receiver) {
      if (/^\d+$/.test(String(key))) looked++;
      return Reflect.get(turns, key, receiver);
    },
  });
  toHistory({ ...long, turns: watched } as unknown as Session, 200);
  assert(looked > 0);
  assertLess(looked, 30);
});

Deno.test("toHistory() marks what was cut off, and only that", () => {
  const cut = session(
    ...turn("t1", "a", "Whole.", "complete"),
    ...turn("t2", "b", "Half", "interrupted"),
    ...turn("t3", "c", "Died here"),
    ...turn("t4", "d", "All of it", "complete"),
    { type: "heard", turnId: "t4", text: "All", at },
    { type: "user", turnId: "t5", text: "e", at },
  );
  const { messages, marked } = toHistory(cut, 10_000);
  assertEquals(messages.map(({ text }) => text), [
    "a",
    "Whole.",
    "b",
    "Half [interrupted]",
    "c",
    "Died here [interrupted]",
    "d",
    "All [interrupted]",
    "e",
  ]);
  assertEquals(marked, true);
  assertEquals(toHistory(session(...turn("t", "a", "b")), 99).marked, false);
});

Deno.test("estimateTokens() counts other scripts by their bytes", () => {
  assertEquals(estimateTokens(""), 0);
  assertEquals(estimateTokens("日本語"), 3);
  // "Hello there, how are you today?" has about 8 tokens.
  const english = estimateTokens("Hello there, how are you today?");
  assert(english >= 8 && english <= 12);
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
