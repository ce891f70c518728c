import { assertEquals } from "@std/assert";
import {
  describe,
  formatMs,
  median,
  toScale,
} from "../../../src/web/playground/chart.js";

Deno.test("formatMs() keeps to what can be told apart", () => {
  const times = [0.3, 1, 212.4, 994.4, 996, 1_249, 9_940, 9_960, 61_000];
  assertEquals(times.map(formatMs), [
    "under 1 ms",
    "1 ms",
    "212 ms",
    "994 ms",
    "1.0 s",
    "1.2 s",
    "9.9 s",
    "10 s",
    "61 s",
  ]);
});

Deno.test("toScale() ends at a round number that holds every turn", () => {
  const ends = [0, 100, 101, 450, 900, 1_000, 1_600, 7_000, 61_000];
  assertEquals(
    ends.map((totalMs) => toScale([{ totalMs }])),
    [100, 100, 200, 500, 1_000, 1_000, 2_000, 10_000, 100_000],
  );
  assertEquals(toScale([]), 100);
});

Deno.test("median() is the middle, or the middle of the middle two", () => {
  assertEquals(median([]), undefined);
  assertEquals(median([5]), 5);
  assertEquals(median([9, 1]), 5);
  assertEquals(median([9, 1, 3]), 3);
});

Deno.test("describe() says only what is known", () => {
  assertEquals(
    describe({ firstMs: 200, totalMs: 1_500 }),
    "200 ms to the first word, 1.5 s in all",
  );
  assertEquals(describe({ totalMs: 3 }), "3 ms in all");
  assertEquals(describe({}), "");
});
