import { assertEquals, assertMatch } from "@std/assert";
import { toSvg } from "./_chart.ts";
import { compare, percentile } from "./_table.ts";

Deno.test("percentile() returns the value that this share of the samples is below", () => {
  const samples = Array.from({ length: 100 }, (_, n) => 100 - n);
  assertEquals(percentile(samples, 0.5), 50);
  assertEquals(percentile(samples, 0.99), 99);
  assertEquals(percentile([7], 0.5), 7);
});

Deno.test("compare() compares medians, and distinguishes a clear miss from another", () => {
  const judge = (value: number) => {
    const pair = { value: [1, value, 90], other: [2, 1, 3] };
    const { holds, isClearMiss } = compare("CPU", pair, { ratio: 1.5 });
    return [holds, isClearMiss];
  };
  assertEquals(judge(3), [true, false]);
  assertEquals(judge(3.8), [false, false]);
  assertEquals(judge(6), [false, true]);
});

Deno.test("compare() accepts a difference within the limit", () => {
  const judge = (value: number) =>
    compare("First word", { value: [value], other: [150] }, { added: 2 }).holds;
  assertEquals(judge(152), true);
  assertEquals(judge(153), false);
});

Deno.test("toSvg() draws only the rows that compare with the relay", () => {
  const pair = { value: [3], other: [2] };
  const svg = toSvg([
    {
      ...compare("CPU a turn, Ollama", pair, { ratio: 2 }),
      isBesideRelay: true,
    },
    compare("CPU a turn, late", pair, { ratio: 2 }),
  ], "Measured today.");
  assertMatch(svg, />Ollama</);
  assertMatch(svg, />1\.50</);
  assertEquals(svg.includes("late"), false);
});
