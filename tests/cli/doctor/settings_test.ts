import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readSettings } from "../../../src/cli/doctor/settings.ts";
import { toLines } from "./_patient.ts";

Deno.test("readSettings() tells each problem, and keeps what is right", () => {
  const { results, config, broken } = readSettings({
    env: {
      PORT: "http",
      LLM_PROVIDER: "gemini,gpt",
      DATA_DIR: "./elsewhere",
      LOG_LEVEL: "loud",
    },
    problems: ["layercode.config.json: is not valid JSON"],
  });
  const text = toLines(results).join("\n");
  assertEquals(results.every(({ status }) => status === "fail"), true);
  assertEquals(results.length, 5);
  assertStringIncludes(text, 'PORT="http": must be a whole number');
  assertStringIncludes(text, '"gpt" is not one of');
  assertStringIncludes(text, "→ get a key at https://aistudio.google.com");
  assertStringIncludes(text, 'LOG_LEVEL="loud"');
  assertStringIncludes(text, "layercode.config.json: is not valid JSON");
  assert(broken.has("PORT") && broken.has("LLM_PROVIDER"));
  assertEquals(config?.dataDir, "./elsewhere");
  assertEquals(config?.port, 3000);
});

Deno.test("readSettings() has nothing against no settings at all", () => {
  const { results, broken } = readSettings({ env: {}, problems: [] });
  assertEquals(toLines(results), ["ok settings: can be used"]);
  assertEquals(broken.size, 0);
});
