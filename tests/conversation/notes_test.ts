import { assertEquals, assertThrows } from "@std/assert";
import { fitNote } from "../../src/conversation/notes.ts";
import { Session } from "../../src/sessions/session.ts";

Deno.test("fitNote() keeps the first 500 characters of a note, and no half of one", () => {
  const session = new Session("a");
  assertEquals(fitNote(session, "Likes tea."), "Likes tea.");
  assertEquals(fitNote(session, "x".repeat(10_000)).length, 500);
  assertEquals(fitNote(session, "x".repeat(499) + "😀").isWellFormed(), true);
});

Deno.test("fitNote() refuses what a conversation has no room for, and says so", () => {
  const session = new Session("a");
  const at = new Date().toISOString();
  const text = "x".repeat(500);
  for (let n = 0; n < 16; n++) {
    assertEquals(fitNote(session, text), text);
    session.apply({ type: "memory", turnId: `t${n}`, text, at });
  }
  assertThrows(() => fitNote(session, "y"), RangeError, "8000 of 8000");
});
