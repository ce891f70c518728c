import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  listChecks,
  type Look,
  readSettings,
  runChecks,
} from "../../../src/cli/doctor/mod.ts";
import { readConfig } from "../../../src/settings/config.ts";
import type { Finding } from "../../../src/settings/finding.ts";
import { toLines } from "../../fakes/findings.ts";

function ok(detail: string): Finding {
  return { status: "ok", title: "a", detail };
}

async function run(checks: Record<string, Look>): Promise<string[]> {
  const found = await Array.fromAsync(runChecks(checks, 50));
  return toLines(found.flat());
}

Deno.test("runChecks() makes all at once, and tells in order", async () => {
  const second = Promise.withResolvers<Finding[]>();
  const lines = await run({
    async first() {
      await second.promise;
      return [ok("1")];
    },
    second() {
      second.resolve([ok("2")]);
      return second.promise;
    },
  });
  assertEquals(lines, ["ok a: 1", "ok a: 2"]);
});

Deno.test("runChecks() ends a check whose time is up, and outlives one that fails", async () => {
  const lines = await run({
    slow: (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    faulty: () => Promise.reject(new Error("Out of order")),
    good: () => Promise.resolve([ok("3")]),
  });
  // Deno's versions word it differently.
  assertMatch(lines[0] ?? "", /^fail slow: can't be looked at: .*time/);
  assertEquals(lines.slice(1), [
    "fail faulty: can't be looked at: Out of order",
    "ok a: 3",
  ]);
});

Deno.test("listChecks() tells of every part, in one order", () => {
  assertEquals(Object.keys(listChecks(readConfig({}))), [
    "session store",
    "port",
    "language model",
    "layercode",
    "chat completions",
    "public URL",
  ]);
});

Deno.test("readSettings() tells each problem, with how to fix it", () => {
  const { findings, config } = readSettings({
    env: { PORT: "http", LLM_PROVIDER: "gemini,gpt", LOG_LEVEL: "loud" },
    problems: ["layercode.config.json: is not valid JSON"],
    unknown: [],
  });
  const text = toLines(findings).join("\n");
  assertEquals(
    findings.map(({ status }) => status),
    ["fail", "fail", "fail", "fail", "fail", "skipped"],
  );
  assertStringIncludes(text, 'PORT="http": must be a whole number');
  assertStringIncludes(text, '"gpt" is not one of');
  assertStringIncludes(text, "→ get a key at https://aistudio.google.com");
  assertStringIncludes(text, 'LOG_LEVEL="loud"');
  assertStringIncludes(text, "layercode.config.json: is not valid JSON");
  assertEquals(config, undefined);
});

Deno.test("readSettings() has nothing against no settings at all", () => {
  const { findings, config } = readSettings({
    env: {},
    problems: [],
    unknown: [],
  });
  assertEquals(toLines(findings), ["ok settings: can be used"]);
  assertEquals(config?.port, 3000);
});
