/**
 * Shows that the soak finds a turn that isn't stored as it was heard, or that has
 * no end.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createMemoryStore } from "../fakes/memory_store.ts";
import { assistant, end, user } from "../sessions/contract.ts";
import { findLost, type Turn } from "./_turns.ts";

function turn(id: string, heard: string): Turn {
  return {
    id,
    conversation: "a",
    said: `said in ${id}`,
    heard,
    fault: undefined,
    overheadMs: 1,
  };
}

Deno.test("findLost() finds turns that aren't stored as they were heard", async () => {
  const store = createMemoryStore();
  await store.update("a", () => [
    user("whole", "said in whole"),
    assistant("whole", "Yes, there is."),
    end("whole"),
    user("less", "said in less"),
    assistant("less", "Yes"),
    end("less"),
    user("other", "something else"),
    end("other"),
    user("endless", "said in endless"),
    assistant("endless", "Yes, there is."),
  ]);
  const turns = ["whole", "less", "other", "endless", "unknown"]
    .map((id) => turn(id, "Yes, there is."));
  const lost = await findLost(turns, store);
  assertEquals(lost.length, 4);
  for (const [n, id] of ["less", "other", "endless", "unknown"].entries()) {
    assertStringIncludes(lost[n] ?? "", id);
  }
});
