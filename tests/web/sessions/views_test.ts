import { assertEquals } from "@std/assert";
import { toTurn } from "../../../src/web/sessions/views.js";

const TURN = {
  turn_id: "t1",
  at: "2026-11-21T10:00:00.000Z",
  user: "Is there a room?",
  assistant: "Two are left.",
  status: "complete",
};

Deno.test("toTurn() shows what was heard of a turn that was cut off", () => {
  const { state, heard, remark } = toTurn({
    ...TURN,
    status: "interrupted",
    heard: "Two are",
  });
  assertEquals([state, heard, remark], ["interrupted", 7, "interrupted"]);
});

Deno.test("toTurn() shows what was heard before the answer if they differ", () => {
  const { parts, heard } = toTurn({ ...TURN, heard: "2 are" });
  assertEquals(parts, [{ type: "words", text: "2 are Two are left." }]);
  assertEquals(heard, 5);
});

Deno.test("toTurn() shows the arguments and results of tool calls", () => {
  const calls = [
    { name: "find_rooms", arguments: { nights: 1 }, result: { free: 2 } },
    { name: "find_rooms", arguments: {} },
  ];
  const { parts } = toTurn({ ...TURN, assistant: "", tool_calls: calls });
  assertEquals(parts, [
    {
      type: "tool",
      name: 'find_rooms({"nights":1})',
      status: "done",
      detail: '→ {"free":2}',
    },
    { type: "tool", name: "find_rooms({})", status: "stopped" },
  ]);
});

Deno.test("toTurn() says why an answer ended, and how the turn ended", () => {
  const remarkOf = (more: object) => toTurn({ ...TURN, ...more }).remark;
  assertEquals(remarkOf({}), "");
  assertEquals(remarkOf({ status: "unfinished" }), "unfinished");
  assertEquals(remarkOf({ ended: "max-tokens" }), "ended at MAX_ANSWER_TOKENS");
});
