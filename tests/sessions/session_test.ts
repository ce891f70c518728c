import { assert, assertEquals } from "@std/assert";
import {
  parseRecord,
  type SessionRecord,
  toDataKey,
} from "../../src/sessions/record.ts";
import { Session } from "../../src/sessions/session.ts";

const at = "2026-11-21T10:00:00.000Z";
const later = "2026-11-21T10:00:09.000Z";

function session(...records: SessionRecord[]): Session {
  const made = new Session("conv");
  for (const record of records) made.apply(record);
  return made;
}

function user(turnId: string, text: string): SessionRecord {
  return { type: "user", turnId, text, at };
}

function says(turnId: string, text: string): SessionRecord {
  return { type: "assistant", turnId, text, at };
}

function calls(turnId: string, ...ids: string[]): SessionRecord {
  const calls = ids.map((id) => ({ id, name: "find", arguments: { id } }));
  return { type: "calls", turnId, calls, at };
}

function result(turnId: string, callId: string): SessionRecord {
  return { type: "result", turnId, callId, name: "find", text: "1", at };
}

Deno.test("Session.apply() joins what is said in a turn", () => {
  const { turns } = session(
    user("t1", "Hello"),
    says("t1", "Hi "),
    says("t1", "there."),
    { type: "end", turnId: "t1", status: "complete", model: "m", at: later },
    { type: "heard", turnId: "t1", text: "Hi", at: later },
  );
  assertEquals(turns, [{
    id: "t1",
    at,
    user: "Hello",
    assistant: "Hi there.",
    steps: [],
    memories: [],
    heard: "Hi",
    status: "complete",
    details: { model: "m" },
  }]);
});

Deno.test("Session.apply() splits what is said at the calls", () => {
  const turn = session(
    user("t1", "?"),
    says("t1", "One. "),
    says("t1", "Two."),
    calls("t1", "a"),
    result("t1", "a"),
    calls("t1", "b"),
    says("t1", " Three."),
    calls("t1", "c"),
    says("t1", " Four."),
  ).turn("t1");
  assertEquals(turn?.steps.map(({ text }) => text), [
    "One. Two.",
    "",
    " Three.",
  ]);
  assertEquals(turn?.assistant, "One. Two. Three. Four.");
});

Deno.test("Session.apply() adds results to the step of their calls", () => {
  const turn = session(
    user("t1", "?"),
    calls("t1", "a", "b"),
    result("t1", "b"),
    result("t1", "a"),
    calls("t1", "c"),
    result("t1", "c"),
  ).turn("t1");
  assertEquals(
    turn?.steps.map(({ results }) => results.map(({ callId }) => callId)),
    [["b", "a"], ["c"]],
  );
});

Deno.test("Session.apply() keeps a vendor's metadata, and no field if there is none", () => {
  const raw = { provider: "gemini", content: [{ thoughtSignature: "s" }] };
  const turn = session(
    { type: "calls", turnId: "t1", calls: [], raw, at },
    calls("t1", "a"),
  ).turn("t1");
  assertEquals(turn?.steps[0]?.raw, raw);
  assertEquals("raw" in (turn?.steps[1] ?? {}), false);
});

Deno.test("Session.apply() ignores a result without a call", () => {
  assertEquals(session(result("t1", "a")).turn("t1")?.steps, []);
});

Deno.test("Session.apply() remembers across turns", () => {
  const { memories, turns } = session(
    user("t1", "?"),
    { type: "memory", turnId: "t1", text: "Likes tea.", at },
    user("t2", "?"),
    { type: "memory", turnId: "t2", text: "Hates tea.", at },
  );
  assertEquals(memories, ["Likes tea.", "Hates tea."]);
  assertEquals(turns.length, 2);
});

Deno.test("Session.apply() forgets what was said, called and heard when a turn is answered again, but not what was remembered", () => {
  const again = session(
    user("t1", "?"),
    says("t1", "Old. "),
    calls("t1", "a"),
    result("t1", "a"),
    { type: "memory", turnId: "t1", text: "Likes tea.", at },
    { type: "end", turnId: "t1", status: "interrupted", at },
    { type: "heard", turnId: "t1", text: "O", at },
    { type: "again", turnId: "t1", at: later },
    says("t1", "New."),
    calls("t1", "b"),
  );
  assertEquals(again.turns.length, 1);
  const [turn] = again.turns;
  assertEquals(turn?.user, "?");
  assertEquals(turn?.at, at);
  assertEquals(turn?.assistant, "New.");
  assertEquals(turn?.steps.map(({ text }) => text), ["New."]);
  assertEquals(turn?.status, undefined);
  assertEquals(turn?.heard, undefined);
  assertEquals(again.memories, ["Likes tea."]);
});

Deno.test("Session.apply() ignores the records of another attempt", () => {
  const { memories, turns: [turn] } = session(
    user("t1", "?"),
    says("t1", "Old. "),
    { type: "again", turnId: "t1", attempt: 1, at },
    says("t1", "Old. "),
    { ...calls("t1", "a"), attempt: 1 } as SessionRecord,
    calls("t1", "old"),
    result("t1", "old"),
    { ...result("t1", "a"), attempt: 1 } as SessionRecord,
    { type: "again", turnId: "t1", attempt: 2, at },
    { ...says("t1", "Second. "), attempt: 1 } as SessionRecord,
    { ...says("t1", "Third."), attempt: 2 } as SessionRecord,
    { type: "memory", turnId: "t1", text: "Old", attempt: 1, at },
    { type: "memory", turnId: "t1", text: "New", attempt: 2, at },
    { type: "end", turnId: "t1", status: "failed", attempt: 1, at },
  );
  assertEquals(memories, ["New"]);
  assertEquals(turn, {
    id: "t1",
    at,
    user: "?",
    assistant: "Third.",
    steps: [],
    memories: ["New"],
    attempt: 2,
  });
});

Deno.test("Session.apply() keeps what the model wrote if something else was said", () => {
  const { turns: [turn] } = session(
    user("t1", "?"),
    says("t1", "One."),
    { ...calls("t1", "a"), text: "**One.**" } as SessionRecord,
    says("t1", "Two."),
    {
      type: "end",
      turnId: "t1",
      status: "complete",
      written: "# Two.",
      ended: "max-tokens",
      promptMs: 3,
      cachedTokens: 4,
      at,
    },
  );
  assertEquals(turn?.steps.map(({ text, written }) => [text, written]), [
    ["One.", "**One.**"],
  ]);
  assertEquals(turn?.assistant, "One.Two.");
  assertEquals(turn?.written, "# Two.");
  assertEquals(turn?.details, {
    ended: "max-tokens",
    promptMs: 3,
    cachedTokens: 4,
  });
});

Deno.test("Session.memories has those of all turns, and each turn has its own", () => {
  const memory = (turnId: string, text: string): SessionRecord => ({
    type: "memory",
    turnId,
    text,
    at,
  });
  const { memories, turns } = session(
    memory("t1", "Likes tea."),
    memory("t2", "Has a dog."),
  );
  assertEquals(memories, ["Likes tea.", "Has a dog."]);
  assertEquals(turns.map(({ memories }) => memories), [["Likes tea."], [
    "Has a dog.",
  ]]);
});

Deno.test("Session.hasNote() compares the name and the whole content of a note", () => {
  const content = { log: "é", at: [1] };
  const made = session(
    { type: "note", name: "end", content, at },
    { type: "note", name: "begin", at },
  );
  assert(made.hasNote("end", { log: "é", at: [1] }));
  assert(!made.hasNote("end", { log: "é", at: [2] }));
  assert(!made.hasNote("start", content));
  assert(made.hasNote("begin", undefined));
});

Deno.test("Session.replyTo() finds a reply by the hash of the data and the turn", () => {
  const data = { click: 1 };
  const made = session({
    type: "data",
    turnId: "t1",
    key: toDataKey("t1", data),
    reply: null,
    at,
  });
  assertEquals(made.replyTo("t1", { click: 1 }), { reply: null });
  assertEquals(made.replyTo("t1", { click: 2 }), undefined);
  assertEquals(made.replyTo("t2", data), undefined);
});

Deno.test("Session.toDeleted() has hashes instead of ids, and at most 500", () => {
  const made = session(
    ...Array.from({ length: 600 }, (_, n) => user(`turn_${n}`, "Secret")),
  );
  const deleted = made.toDeleted(at);
  assertEquals(/turn_|Secret/.test(JSON.stringify(deleted)), false);
  assertEquals(deleted.type === "deleted" && deleted.turns.length, 500);
  const left = session(deleted);
  assertEquals([left.isEmpty, left.turns], [true, []]);
  assertEquals(left.turn("turn_599")?.status, "complete");
  assertEquals([left.turn("turn_99"), left.turn("new")], [
    undefined,
    undefined,
  ]);
  // A second deletion still has them.
  assertEquals(left.toDeleted(at), deleted);
});

Deno.test("Session.bytes is about the memory in use, and counts nothing extra for each word", () => {
  const made = session(user("t1", "Hello"));
  const before = made.bytes;
  for (let n = 0; n < 1_000; n++) made.apply(says("t1", "0123456789"));
  assertEquals(made.bytes - before, 10_000);
  made.apply(says("t1", "日本"));
  assertEquals(made.bytes - before, 10_004);
});

Deno.test("Session.bytes is close to what V8 takes, which is far less than a kilobyte a turn", () => {
  const { gc } = globalThis as { gc?: () => void };
  // deno-lint-ignore no-console -- for whoever runs the tests
  if (!gc) return console.log("skipped: V8 runs without --expose-gc");
  const heap = () => {
    gc();
    return Deno.memoryUsage().heapUsed;
  };
  const before = heap();
  const made = Array.from({ length: 50 }, () => new Session("conv"));
  for (const session of made) {
    for (let n = 0; n < 100; n++) {
      const turnId = `turn_${n}`;
      session.apply(user(turnId, `What is the weather in town ${n}?`));
      for (let word = 0; word < 20; word++) {
        session.apply(says(turnId, `word${word} `));
      }
      session.apply({
        type: "end",
        turnId,
        status: "complete",
        model: `model ${n}`,
        totalMs: n,
        at: `at ${n}`,
      });
    }
  }
  const takes = (heap() - before) / made.length;
  const told = made[0]?.bytes ?? 0;
  assert(takes / told > 0.6 && takes / told < 1.4, `${takes}, not ${told}`);
});

const RECORDS: SessionRecord[] = [
  { type: "session", version: 1, id: "conv" },
  user("t1", "Hello"),
  says("t1", "Hi"),
  calls("t1", "a", "b"),
  {
    type: "calls",
    turnId: "t1",
    calls: [
      { id: "a", name: "find", arguments: null },
      { id: "b", name: "find", arguments: ["as", { the: "model" }, "made it"] },
    ],
    raw: { provider: "gemini", content: [{ text: "", thoughtSignature: "s" }] },
    at,
  },
  result("t1", "a"),
  { type: "memory", turnId: "t1", text: "Likes tea.", at },
  { type: "again", turnId: "t1", at },
  { type: "again", turnId: "t1", attempt: 3, keepsCalls: true, at },
  { type: "heard", turnId: "t1", text: "", at },
  { type: "end", turnId: "t1", status: "failed", at },
  {
    type: "end",
    turnId: "t1",
    status: "complete",
    provider: "p",
    model: "m",
    at,
  },
  { type: "data", turnId: "t1", key: "k", reply: null, at },
  { type: "note", name: "end", content: { duration: 3 }, at },
  { type: "deleted", turns: ["hash"], at },
];

for (const [n, record] of RECORDS.entries()) {
  Deno.test(`parseRecord() reads back what was written (${record.type}, ${n})`, () => {
    assertEquals(parseRecord(JSON.stringify(record)), record);
  });
}

for (
  const line of [
    "",
    "{",
    "null",
    "[]",
    "{}",
    '{"type":"unknown","turnId":"t","at":"x"}',
    '{"type":"user","turnId":"t","at":"x"}',
    '{"type":"calls","turnId":"t","at":"x"}',
    '{"type":"calls","turnId":"t","at":"x","calls":{}}',
    '{"type":"calls","turnId":"t","at":"x","calls":[{"id":"a"}]}',
    '{"type":"result","turnId":"t","at":"x","callId":"a","name":"n"}',
    '{"type":"result","turnId":"t","at":"x","callId":1,"name":"n","text":""}',
    '{"type":"memory","turnId":"t","at":"x"}',
    '{"type":"again","at":"x"}',
    '{"type":"end","turnId":"t","at":"x"}',
    '{"type":"deleted","at":"x"}',
    '{"type":"toString","turnId":"t","at":"x"}',
  ]
) {
  Deno.test(`parseRecord() finds no record in ${line || "an empty line"}`, () => {
    assertEquals(parseRecord(line), undefined);
  });
}

Deno.test("Session.apply() replaces the caller's words when a turn is answered again with others", () => {
  const { turns } = session(
    user("t1", "I want "),
    says("t1", "What?"),
    { type: "again", turnId: "t1", attempt: 1, isReworded: true, at: later },
    user("t1", "I want "),
    user("t1", "a room."),
  );
  const [turn] = turns;
  assertEquals([turn?.user, turn?.assistant], ["I want a room.", ""]);
});

Deno.test("Session.apply() keeps which calls the platform runs, and accepts their results after the end", () => {
  const { turns } = session(
    { ...calls("t1", "a", "b"), handedOn: ["b"] } as SessionRecord,
    result("t1", "a"),
    { type: "end", turnId: "t1", status: "complete", at: later },
    result("t1", "b"),
  );
  const step = turns[0]?.steps[0];
  assertEquals(step?.handedOn, ["b"]);
  assertEquals(step?.results.map(({ callId }) => callId), ["a", "b"]);
});
