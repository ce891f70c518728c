import { assertEquals } from "@std/assert";
import { Turn } from "../../../src/web/playground/turn.js";

function turnAt(now: number, isSpoken = false) {
  const request = { type: "message", turn_id: "turn_1", text: "Hello" };
  return new Turn(request, { isSpoken, now });
}

Deno.test("Turn.add() puts words together, and takes the times", () => {
  const turn = turnAt(100);
  assertEquals(turn.isOpen, true);
  turn.add({ type: "response.tts", content: "Good " }, 150);
  turn.add({ type: "response.tts", content: "morning." }, 180);
  assertEquals(turn.state, "answering");
  turn.add({ type: "response.end" }, 200);
  assertEquals(turn.text, "Good morning.");
  assertEquals(turn.heard, turn.text.length);
  assertEquals(turn.parts, [{ type: "words", text: "Good morning." }]);
  assertEquals([turn.summary.first_words_ms, turn.summary.total_ms], [50, 100]);
  assertEquals(turn.state, "complete");
  assertEquals(turn.isOpen, false);
});

Deno.test("Turn.add() leaves what is spoken unheard until the voice tells", () => {
  const turn = turnAt(0, true);
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.heard, 0);
  assertEquals(turn.isOpen, true, "it still speaks");
});

Deno.test("Turn.add() shows tools and data between the words", () => {
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
  ) turn.add({ type: "response.data", content }, now);
  assertEquals(turn.parts, [
    {
      type: "tool",
      id: "c1",
      name: "current_time",
      status: "done",
    },
    { type: "data", content: { cart: ["tea"] } },
    { type: "data", content: "text" },
    { type: "data", content: null },
  ]);
});

Deno.test("Turn.add() believes the server that a turn failed", () => {
  const turn = turnAt(0);
  turn.add({ type: "something.new" }, 1);
  // What the server adds to Layercode's events.
  turn.add({ type: "parley.turn", status: "failed" } as never, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.state, "failed");
});

Deno.test("Turn.cutOff() stops what was at work", () => {
  const turn = turnAt(0, true);
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  const content = { tool: "look", call_id: "c1", status: "running" };
  turn.add({ type: "response.data", content }, 2);
  turn.cutOff(5, 30);
  assertEquals(turn.isOpen, false);
  const { state, heard, summary } = turn;
  assertEquals([state, heard, summary.total_ms], ["interrupted", 5, 30]);
  const [, tool] = turn.parts;
  assertEquals(tool?.type === "tool" && tool.status, "stopped");
});

Deno.test("Turn.figures has the times of the caller, and the rest from the server", () => {
  const turn = turnAt(100);
  const server = { provider: "gemini", first_words_ms: 1, input_tokens: 2_690 };
  turn.add({ type: "response.tts", content: "Good." }, 150);
  turn.add(
    { type: "parley.turn", status: "complete", ...server } as never,
    160,
  );
  turn.add({ type: "response.end" }, 200);
  const { caller, figures, events } = turn;
  assertEquals(caller, "Hello");
  assertEquals(figures, [
    "50 ms first word",
    "100 ms total",
    "gemini",
    "tokens: 2,690 in",
  ]);
  assertEquals(events.map(({ atMs }) => atMs), [0, 50, 60, 100]);
  assertEquals(events[0]?.content, turn.request);
});

Deno.test("Turn.hear() ends a turn of which all is spoken", () => {
  const turn = turnAt(0, true);
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.state, "answering");
  turn.hear(12);
  assertEquals(turn.state, "answering");
  turn.hear(13);
  assertEquals(turn.state, "complete");
});

Deno.test("Turn.remark says what ended an answer for the model", () => {
  for (
    const [ended, says] of [
      [undefined, ""],
      ["max-tokens", "ended at MAX_ANSWER_TOKENS"],
      ["repetition", "ended for repeating itself"],
    ]
  ) {
    const turn = turnAt(0);
    const summary = { type: "parley.turn", status: "complete", ended };
    turn.add({ type: "response.tts", content: "And so on." }, 1);
    turn.add(summary, 2);
    turn.add({ type: "response.end" }, 3);
    assertEquals(turn.remark, says);
  }
});
