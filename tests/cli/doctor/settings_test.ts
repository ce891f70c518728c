import { assertEquals, assertStringIncludes } from "@std/assert";
import { readSettings } from "../../../src/cli/doctor/settings.ts";
import { toLines } from "../../fakes/findings.ts";

Deno.test("readSettings() tells each problem, with how to fix it", () => {
  const { findings, config } = readSettings({
    env: { PORT: "http", LLM_PROVIDER: "gemini,gpt", LOG_LEVEL: "loud" },
    problems: ["layercode.config.json: is not valid JSON"],
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
  const { findings, config } = readSettings({ env: {}, problems: [] });
  assertEquals(toLines(findings), ["ok settings: can be used"]);
  assertEquals(config?.port, 3000);
});
