import { assertEquals } from "@std/assert";
import { createProgress } from "../../../src/cli/doctor/progress.ts";

/** What is written of a pull of 1 GB that comes percent by percent. */
function draw(isTerminal: boolean): string {
  let text = "";
  const show = createProgress({
    isTerminal,
    write: (more) => text += more,
  });
  const total = 1_000_000_000;
  show({ status: "pulling manifest", completed: 0, total: 0 });
  for (let percent = 0; percent <= 100; percent += 0.5) {
    show({ status: "pulling a80c", completed: percent * total / 100, total });
  }
  show({ status: "success", completed: total, total });
  return text;
}

Deno.test("createProgress() draws one line again with each percent on a terminal", () => {
  const lines = draw(true).split("\r\x1b[K");
  // Nothing before the first, the manifest, 0 to 100, the end.
  assertEquals(lines.length, 1 + 1 + 101 + 1);
  assertEquals(lines[52], "50 % of 1.0 GB");
  assertEquals(lines.at(-1), "success");
});

Deno.test("createProgress() writes a line every tenth where nobody watches", () => {
  const lines = draw(false).trimEnd().split("\n");
  assertEquals(lines.length, 1 + 11 + 1);
  assertEquals(lines[0], "pulling manifest");
  assertEquals(lines[2], "10 % of 1.0 GB");
  assertEquals(lines.at(-1), "success");
});
