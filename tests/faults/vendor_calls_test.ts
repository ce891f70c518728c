/**
 * A model calls tools, or writes, as none should. The conversation goes on, in
 * this turn or the next, with this model or another.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import { type OpenAiAnswer, startFakeOpenAi } from "../fakes/openai.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { startServer } from "../fakes/server.ts";
import { ask, assertUnharmed, ENV } from "./_ask.ts";

/** The settings that have a stand-in of OpenAI asked. */
function toEnv(url: string): Record<string, string> {
  return {
    ...ENV,
    LLM_PROVIDER: "openai",
    OPENAI_API_KEY: "test-key",
    OPENAI_BASE_URL: `${url}/v1`,
    OPENAI_MODEL: "gpt-6-luna",
  };
}

/** Objects as events of an answer. */
function raw(...events: object[]): OpenAiAnswer {
  const text = events.map((it) => `data: ${JSON.stringify(it)}\n\n`).join("");
  return { kind: "raw", bytes: [new TextEncoder().encode(text)] };
}

const CALLED = { choices: [{ delta: {}, finish_reason: "tool_calls" }] };

Deno.test("main.ts goes on in a conversation in which a model called tools in no way that can be", async () => {
  const call = (id: unknown, name: unknown) => [{
    index: 0,
    id,
    function: { name, arguments: "{}" },
  }];
  const cases: Record<string, object[]> = {
    "an id that is a number": call(5, "current_time"),
    "two of one id": [
      ...call("a", "current_time"),
      { ...call("a", "current_time")[0], index: 1 },
    ],
    "a name with a dot": call("a", "multi_tool_use.parallel"),
    "no name": call("a", null),
    "a name that is an object": call("a", { toString: 1 }),
  };
  let next: object[] | undefined;
  await using fake = startFakeOpenAi(() => {
    const tool_calls = next;
    next = undefined;
    const chunk = { choices: [{ delta: { tool_calls } }] };
    return tool_calls === undefined
      ? { kind: "text", chunks: ["All is well."] }
      : raw(chunk, CALLED);
  });
  await using server = await startServer({
    env: toEnv(fake.url),
  });
  for (const [what, calls] of Object.entries(cases)) {
    next = calls;
    for (const turn of ["turn_1", "turn_2"]) {
      const said = await ask(server, what, turn);
      assertEquals([what, turn, said], [what, turn, "All is well."]);
    }
  }
  await assertUnharmed(server);
});

Deno.test("main.ts answers a model that calls 200,000 tools at once", async () => {
  const pieces = Array.from({ length: 2_000 }, (_, n) => {
    const calls = Array.from({ length: 100 }, (_, m) => {
      const index = n * 100 + m;
      return { index, function: { name: "current_time", arguments: "{}" } };
    });
    return { choices: [{ delta: { tool_calls: calls } }] };
  });
  let isFirst = true;
  await using fake = startFakeOpenAi(() => {
    if (!isFirst) return { kind: "text", chunks: ["All is well."] };
    isFirst = false;
    return raw(...pieces, CALLED);
  });
  await using server = await startServer({
    env: {
      ...toEnv(fake.url),
      FILLER_AFTER_MS: "0",
      TOOL_FILLER_AFTER_MS: "0",
    },
  });
  assertEquals(await ask(server, "a"), "All is well.");
});

Deno.test("main.ts has another model go on where one wrote no arguments that can be read", async () => {
  const calls = [{ name: "current_time", arguments: '{"time_zone":' }];
  await using first = startFakeOpenAi([{ kind: "tool-calls", calls }]);
  await using second = startFakeOllama(() => ({
    kind: "text",
    chunks: ["All is well."],
  }));
  await using server = await startServer({
    env: {
      ...toEnv(first.url),
      LLM_PROVIDER: "openai,ollama",
      OLLAMA_HOST: second.url,
      OLLAMA_MODEL: "llama3.2:3b",
    },
  });
  for (const turn of ["turn_1", "turn_2"]) {
    assertEquals(await ask(server, "a", turn), "All is well.");
  }
});

Deno.test("main.ts sends a model no half of a character, whoever said it", async () => {
  await using fake = startFakeOpenAi(() => ({
    kind: "text",
    chunks: ["Yes \ud83d, all is well."],
  }));
  await using server = await startServer({
    env: toEnv(fake.url),
  });
  for (const turn of ["turn_1", "turn_2"]) {
    const event = { ...message("Hi \ud83d"), conversation_id: "a" };
    const line = { url: `${server.url}/agent`, secret: SECRET };
    const response = await sendEvent({ ...event, turn_id: turn }, line);
    assertStringIncludes(spoken(await readEvents(response)), "all is well");
  }
});
