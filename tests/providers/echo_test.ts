import { assertEquals, assertStringIncludes } from "@std/assert";
import { createEcho } from "../../src/providers/echo.ts";
import { ask, CONVERSATION } from "./_ask.ts";

Deno.test("createEcho() says that it is a stand-in, what it heard and that it remembers", async () => {
  const { text, parts } = await ask(createEcho(), { messages: CONVERSATION });
  assertStringIncludes(text, "stand-in");
  assertStringIncludes(text, "Who am I?");
  assertStringIncludes(text, "message number 2");
  assertEquals(parts.at(-1)?.type, "finish");
});
