import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { findSecretValues } from "../../../src/cli/doctor/redact.ts";
import { readConfig } from "../../../src/settings/config.ts";
import { SettingError } from "../../../src/settings/setting.ts";

Deno.test("openaiSettings has no keys, so no routes, unless the owner sets some", () => {
  assertEquals(readConfig({}).openai, { platformPrompt: "append" });
  const API_KEYS = "a-key-of-sixteen, another-key-of-mine";
  const PLATFORM_PROMPT = "replace";
  assertEquals(readConfig({ API_KEYS, PLATFORM_PROMPT }).openai, {
    keys: ["a-key-of-sixteen", "another-key-of-mine"],
    platformPrompt: "replace",
  });
});

for (
  const [API_KEYS, fault] of [
    ["short", "API_KEYS: key 1 is not 16 or more characters"],
    ["a-key-of-sixteen,short", "API_KEYS: key 2 is not 16 or more characters"],
    ["a-key-of-sixteen,", "API_KEYS: key 2 is not 16 or more characters"],
    ["a key with some blanks", "API_KEYS: key 1 is not 16 or more characters"],
    ["ein-schlüssel-mit-umlaut", "API_KEYS: key 1 is not 16 or more"],
  ] as const
) {
  Deno.test(`openaiSettings says what is wrong with API_KEYS=${API_KEYS}`, () => {
    const error = assertThrows(() => readConfig({ API_KEYS }), SettingError);
    assertStringIncludes(error.message, fault);
    assertEquals(error.message.includes("umlaut"), false);
  });
}

Deno.test("openaiSettings keeps each key out of what doctor prints", () => {
  const API_KEYS = "a-key-of-sixteen,another-key-of-mine";
  const values = findSecretValues({ API_KEYS });
  for (const key of API_KEYS.split(",")) {
    assertEquals(values.includes(key), true);
  }
});
