import { assertEquals, assertStringIncludes } from "@std/assert";
import { createProgress } from "../../../src/cli/doctor/progress.ts";

/** What is written of a pull in which a step takes a second. */
function draw(isTerminal: boolean, columns = 80): string {
  let text = "";
  let now = 0;
  const { draw, end } = createProgress({
    isTerminal,
    columns,
    write: (more) => text += more,
    now: () => now,
  });
  const total = 1_000_000_000;
  draw({ status: "pulling manifest", completed: 0, total: 0 });
  for (let percent = 0; percent <= 100; percent++) {
    now += 1_000;
    draw({ status: "pulling a80c", completed: percent * total / 100, total });
  }
  draw({ status: "success", completed: total, total });
  end();
  return text;
}

Deno.test("createProgress() draws one line on a terminal, again and again", () => {
  const lines = draw(true).split("\r\x1b[K");
  assertEquals(lines.length, 104);
  assertEquals(
    lines[52],
    "██████████░░░░░░░░░░  50 %, 500 of 1000 MB, 9.8 MB/s",
  );
  assertStringIncludes(lines.at(-1) ?? "", "100 %, 1000 of 1000 MB");
  assertEquals(lines.at(-1)?.endsWith("\n"), true);
  const narrow = draw(true, 20).split("\r\x1b[K");
  assertEquals(narrow.every((line) => line.trimEnd().length < 20), true);
});

Deno.test("createProgress() writes a line every tenth where nobody watches", () => {
  const lines = draw(false).trimEnd().split("\n");
  // The manifest, the beginning, ten tenths, the end.
  assertEquals(lines.length, 13);
  assertEquals(lines[0], "pulling manifest");
  assertStringIncludes(lines[2] ?? "", "10 %, 100 of 1000 MB");
  assertStringIncludes(lines.at(-1) ?? "", "success");
});
