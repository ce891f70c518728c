import { assertEquals } from "@std/assert";
import { createBoundedLog } from "../../src/server/bounded_log.ts";
import { createLog } from "../../src/server/log.ts";

Deno.test("createBoundedLog() writes ten lines of each event in a minute", () => {
  const lines: string[] = [];
  let at = 0;
  const log = createBoundedLog(
    createLog({
      level: "info",
      format: "json",
      write: (_, line) => lines.push(line),
    }),
    () => at,
  );
  for (let i = 0; i < 30; i++) log.warn("a.flood", { i });
  log.info("a.drop", { of: "water" });
  assertEquals(lines.length, 11);
  const { level, event, of } = JSON.parse(lines[10] ?? "");
  assertEquals([level, event, of], ["info", "a.drop", "water"]);
  at += 60_000;
  log.warn("a.flood");
  assertEquals(lines.length, 12);
});
