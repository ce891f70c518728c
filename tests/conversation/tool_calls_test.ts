import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { CallLimits } from "../../src/conversation/tool_calls.ts";
import type { ToolCall } from "../../src/providers/provider.ts";

const id = { conversationId: "conv", turnId: "t1" };

function call(args: unknown, name = "book"): ToolCall {
  return { id: crypto.randomUUID(), name, arguments: args };
}

/** The key of a turn's only call. */
function keyOf(only: ToolCall, turn = id): string {
  return new CallLimits(turn, []).admit(only, 0);
}

Deno.test("CallLimits gives a call the same key on every attempt, in whatever order its arguments come", () => {
  const key = keyOf(call({ room: 7, guest: { name: "Ada", nights: 2 } }));
  const same = call({ guest: { nights: 2, name: "Ada" }, room: 7 });
  assertEquals(keyOf(same), key);
  assertEquals(key.length, 43);
});

Deno.test("CallLimits gives another key for another conversation, turn, tool or argument", () => {
  const one = call({ room: 7 });
  const keys = [
    keyOf(one),
    keyOf(one, { ...id, conversationId: "other" }),
    keyOf(one, { ...id, turnId: "t2" }),
    keyOf(call({ room: 7 }, "cancel")),
    keyOf(call({ room: 8 })),
    keyOf(call([{ room: 7 }])),
  ];
  assertEquals(new Set(keys).size, keys.length);
});

Deno.test("CallLimits tells two calls alike apart, whatever else is called between them", () => {
  const limits = new CallLimits(id, []);
  const [one, , two] = [1, 2, 1].map((n, nth) => limits.admit(call(n), nth));
  assertNotEquals(one, two);
  // The second time, also where the first was made before a crash.
  assertEquals(new CallLimits(id, [call(1)]).admit(call(1), 0), two);
});

Deno.test("CallLimits runs eight calls of a step and twenty of a turn, and says so of the rest", () => {
  const limits = new CallLimits(id, [call("earlier")]);
  const runOne = (n: number) => {
    try {
      limits.admit(call(n), n);
      return "run";
    } catch (error) {
      assert(error instanceof RangeError);
      return /one (step|turn)/.exec(error.message)?.[1];
    }
  };
  const run = () => Array.from({ length: 12 }, (_, n) => runOne(n));
  const many = (what: string, times: number) => Array(times).fill(what);
  assertEquals(run(), [...many("run", 8), ...many("step", 4)]);
  assertEquals(run(), [...many("run", 8), ...many("step", 4)]);
  assertEquals(limits.isSpent, false);
  assertEquals(run(), [...many("run", 3), ...many("turn", 9)]);
  assertEquals(limits.isSpent, true);
});
