import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  MAX_RECORD_BYTES,
  type SessionRecord,
  toLines,
} from "../../src/sessions/record.ts";

const at = "2026-11-21T10:00:00.000Z";

function bytesOf(record: SessionRecord): number {
  return new TextEncoder().encode(JSON.stringify(record)).length;
}

/** Returns the records that one is split into, after a check that each line holds its record. */
function fit(record: SessionRecord): SessionRecord[] {
  return toLines(record).map(({ record, json }) => {
    assertEquals(JSON.stringify(record), json);
    return record;
  });
}

/** Checks that no surrogate pair was cut in two. */
function assertWhole(records: readonly SessionRecord[]): void {
  for (const record of records) {
    assert(bytesOf(record) <= MAX_RECORD_BYTES, `${bytesOf(record)}`);
    assert(!/\\ud[89a-f]/i.test(JSON.stringify(record)));
  }
}

Deno.test("toLines() leaves a record that fits as it is", () => {
  const record: SessionRecord = { type: "user", turnId: "t", text: "Hi", at };
  assertEquals(fit(record), [record]);
});

for (const character of ["a", "é", "日", "👩", '"', "\u0000"]) {
  Deno.test(`toLines() splits a text of ${JSON.stringify(character)} into records that hold it`, () => {
    for (const type of ["user", "assistant"] as const) {
      const text = "x" + character.repeat(100_000);
      const records = fit({ type, turnId: "t", text, at });
      assertWhole(records);
      assertEquals(
        records.map((record) => record.type === type && record.text).join(""),
        text,
      );
      assert(records.length <= 1 + text.length / 8_000, `${records.length}`);
    }
  });
}

Deno.test("toLines() keeps a lone surrogate at the end of a text", () => {
  const text = "x".repeat(90_000) + "\ud83d";
  const records = fit({ type: "user", turnId: "t", text, at });
  assertEquals(
    records.map((record) => record.type === "user" && record.text).join(""),
    text,
  );
});

Deno.test("toLines() keeps the attempt of each part", () => {
  const records = fit({
    type: "assistant",
    turnId: "t",
    text: "x".repeat(100_000),
    attempt: 2,
    at,
  });
  assert(records.length > 1);
  for (const record of records) {
    assert(record.type === "assistant" && record.attempt === 2);
  }
});

Deno.test("toLines() cuts a record that can't be split, and marks the cut", () => {
  const text = "👩".repeat(50_000);
  const records: SessionRecord[] = [
    { type: "heard", turnId: "t", text, at },
    { type: "memory", turnId: "t", text, at },
    { type: "result", turnId: "t", callId: "c", name: "n", text, at },
    { type: "note", name: "n", content: { text }, at },
    { type: "end", turnId: "t", status: "complete", written: text, at },
  ];
  for (const record of records) {
    const fitting = fit(record);
    assertEquals(fitting.length, 1);
    assertWhole(fitting);
    const json = JSON.stringify(fitting);
    assert(json.includes("[cut off]"), record.type);
    assert(json.length > MAX_RECORD_BYTES / 3, record.type);
  }
});

Deno.test("toLines() drops the vendor's metadata of calls first, then the end of their arguments", () => {
  const raw = { provider: "gemini", content: "x".repeat(70_000) };
  const small = { id: "a", name: "find", arguments: { city: "Rome" } };
  const [one] = fit({
    type: "calls",
    turnId: "t",
    calls: [small],
    raw,
    at,
  });
  assertEquals(one, { type: "calls", turnId: "t", calls: [small], at });

  const big = {
    id: "b",
    name: "find",
    arguments: { text: "日".repeat(30_000) },
  };
  const records = fit({
    type: "calls",
    turnId: "t",
    text: "Well.",
    calls: [small, big, { ...big, id: "c" }],
    raw,
    attempt: 1,
    at,
  });
  assertWhole(records);
  const [two] = records;
  assert(two?.type === "calls" && two.attempt === 1 && two.text === "Well.");
  assertEquals(two.calls[0], small);
  assertEquals(two.calls.map(({ id }) => id), ["a", "b", "c"]);
  const cut = two.calls[1]?.arguments as { cut_off: string };
  const [begun] = cut.cut_off.split(" [cut off]");
  assert(begun && JSON.stringify(big.arguments).startsWith(begun));
  assert(bytesOf(two) > MAX_RECORD_BYTES / 2);
});

Deno.test("toLines() stores no reply to a page that is too long", () => {
  const reply = "x".repeat(70_000);
  assertEquals(
    fit({ type: "data", turnId: "t", key: "k", reply, at }),
    [],
  );
});

Deno.test("toLines() throws if the ids alone are too long", () => {
  const turnId = "t".repeat(70_000);
  for (
    const record of [
      { type: "user", turnId, text: "x", at },
      { type: "again", turnId, at },
      { type: "memory", turnId, text: "x", at },
      { type: "calls", turnId, calls: [], at },
    ] satisfies SessionRecord[]
  ) {
    assertThrows(() => fit(record), Error, "use shorter ones");
  }
});

Deno.test("toLines() cuts a note that is too long beside any text", () => {
  for (const text of ["Hi", "x".repeat(100_000)]) {
    const note = "é".repeat(70_000);
    const records = fit({ type: "user", turnId: "t", text, note, at });
    assertWhole(records);
    const texts = records.map((record) =>
      record.type === "user" && record.text
    );
    assertEquals(texts.join(""), text);
  }
});
