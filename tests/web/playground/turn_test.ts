import { assertEquals } from "@std/assert";
import {
  createTurn,
  cutOff,
  isOpen,
  takeEvent,
} from "../../../src/web/playground/turn.js";

function turnAt(now: number, isSpoken = false) {
  const request = { type: "message", turn_id: "turn_1", text: "Hello" };
  return createTurn(request, { number: 2, isSpoken, now });
}

Deno.test("createTurn() knows a turn that is answered from the record", () => {
  const first = turnAt(0);
  const again = () =>
    createTurn(first.request, {
      number: 3,
      isSpoken: false,
      now: 0,
      before: first,
    });
  assertEquals(again().isRepeat, true);
  assertEquals(again().isReplay, false);
  takeEvent(first, { type: "response.end" }, 10);
  assertEquals(again().isReplay, true);
});

Deno.test("takeEvent() puts words together, and takes the times", () => {
  const turn = turnAt(100);
  assertEquals(isOpen(turn), true);
  takeEvent(turn, { type: "response.tts", content: "Good " }, 150);
  takeEvent(turn, { type: "response.tts", content: "morning." }, 180);
  assertEquals(turn.state, "answering");
  takeEvent(turn, { type: "response.end" }, 200);
  assertEquals(turn.text, "Good morning.");
  assertEquals(turn.heard, turn.text.length);
  assertEquals(turn.parts, [{ type: "words", end: 13 }]);
  assertEquals([turn.firstMs, turn.totalMs], [50, 100]);
  assertEquals(turn.state, "complete");
  assertEquals(isOpen(turn), false);
});

Deno.test("takeEvent() leaves what is spoken unheard until the voice tells", () => {
  const turn = turnAt(0, true);
  takeEvent(turn, { type: "response.tts", content: "Good morning." }, 1);
  takeEvent(turn, { type: "response.end" }, 2);
  assertEquals(turn.heard, 0);
  assertEquals(isOpen(turn), true, "it still speaks");
});

Deno.test("takeEvent() shows tools and data between the words", () => {
  const turn = turnAt(0);
  const tool = { tool: "current_time", call_id: "c1" };
  for (
    const [content, now] of [
      [{ ...tool, status: "running" }, 10],
      [{ ...tool, status: "done" }, 25],
      [{ cart: ["tea"] }, 30],
      ["text", 31],
      [null, 32],
    ] as const
  ) takeEvent(turn, { type: "response.data", content }, now);
  assertEquals(turn.parts, [
    {
      type: "tool",
      id: "c1",
      name: "current_time",
      status: "done",
      startedAt: 10,
      ms: 15,
    },
    { type: "data", content: { cart: ["tea"] } },
    { type: "data", content: "text" },
    { type: "data", content: null },
  ]);
});

Deno.test("takeEvent() believes the server that a turn failed", () => {
  const turn = turnAt(0);
  takeEvent(turn, { type: "something.new" }, 1);
  // What the server adds to Layercode's events.
  takeEvent(turn, { type: "parley.turn", status: "failed" } as never, 1);
  takeEvent(turn, { type: "response.end" }, 2);
  assertEquals(turn.state, "failed");
});

Deno.test("cutOff() stops what was at work", () => {
  const turn = turnAt(0, true);
  takeEvent(turn, { type: "response.tts", content: "Good morning." }, 1);
  const content = { tool: "look", call_id: "c1", status: "running" };
  takeEvent(turn, { type: "response.data", content }, 2);
  cutOff(turn, 5, 30);
  assertEquals(isOpen(turn), false);
  assertEquals([turn.state, turn.heard, turn.totalMs], ["interrupted", 5, 30]);
  const [, tool] = turn.parts;
  assertEquals(tool?.type === "tool" && tool.status, "stopped");
});
