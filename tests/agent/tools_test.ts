/**
 * The tools that come along: what they do, and what a model is told that calls
 * them wrongly.
 *
 * @module
 */
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { tools } from "../../src/agent/mod.ts";
import { currentTime } from "../../src/agent/tools/current_time.ts";
import { rememberNote } from "../../src/agent/tools/remember_note.ts";
import { askWithTools } from "../../src/conversation/tool_loop.ts";
import type { Tool, ToolContext } from "../../src/conversation/tools.ts";
import { calls, createScriptedProvider, says } from "../fakes/provider.ts";

/** Where a tool runs; what it remembers is kept in `remembered`. */
function makeContext(): ToolContext & { remembered: string[] } {
  const remembered: string[] = [];
  return {
    conversationId: "conv",
    turnId: "t1",
    idempotencyKey: "key",
    metadata: {},
    signal: new AbortController().signal,
    say: () => {},
    data: () => {},
    remember: (text) => {
      remembered.push(text);
      return Promise.resolve();
    },
    remembered,
  };
}

/** What a model is told that calls a tool with these arguments. */
async function tell(tool: Tool, args: unknown): Promise<unknown> {
  const { name } = tool.declaration;
  const provider = createScriptedProvider(
    calls([{ id: "c1", name, arguments: args }]),
    says("."),
  );
  const { signal, remember } = makeContext();
  const told: unknown[] = [];
  await askWithTools({
    provider,
    tools: [tool],
    system: "",
    messages: [],
    maxTokens: 1_024,
    context: {
      conversationId: "conv",
      turnId: "t1",
      metadata: {},
      signal,
      remember,
    },
    onFailure: () => {},
  }, (part) => {
    if (part.type === "result") told.push(JSON.parse(part.text));
    return Promise.resolve(true);
  });
  assertEquals(told.length, 1);
  return told[0];
}

Deno.test("tools all have names, descriptions and described arguments", () => {
  assertEquals(tools.length > 0, true);
  for (const { declaration } of tools) {
    assertMatch(declaration.name, /^[a-z0-9_]+$/);
    assertMatch(declaration.description, /\w+ \w+/);
    for (
      const argument of Object.values(declaration.parameters.properties ?? {})
    ) {
      assertMatch(argument.description, /\w/, declaration.name);
    }
  }
  const names = tools.map(({ declaration }) => declaration.name);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("currentTime tells the date and the time somewhere", async () => {
  for (const time_zone of ["Europe/Berlin", "Asia/Tokyo", "UTC"]) {
    const now = () =>
      new Date().toLocaleTimeString("en-GB", {
        timeStyle: "short",
        timeZone: time_zone,
      });
    const before = now();
    const told = String(await currentTime.run({ time_zone }, makeContext()));
    assertMatch(told, /^\w+day,? \d+ \w+ \d{4},? (at )?\d\d:\d\d$/);
    // The minute may have gone by meanwhile.
    assertEquals([before, now()].includes(told.slice(-5)), true);
  }
});

Deno.test("currentTime tells the model that a time zone doesn't exist", async () => {
  const told = await tell(currentTime, { time_zone: "Mars/Olympus" });
  assertStringIncludes((told as { error: string }).error, "Mars/Olympus");
  const missing = await tell(currentTime, {});
  assertStringIncludes((missing as { error: string }).error, "time_zone");
});

Deno.test("rememberNote remembers a note", async () => {
  const context = makeContext();
  assertEquals(
    await rememberNote.run({ note: "Likes tea." }, context),
    "Remembered",
  );
  assertEquals(context.remembered, ["Likes tea."]);
});

Deno.test("rememberNote refuses a note that is empty or too long", async () => {
  const context = makeContext();
  for (const note of ["", "x".repeat(501), 7, undefined]) {
    const error = await assertRejects(
      () => rememberNote.run({ note }, context),
      TypeError,
    );
    assertStringIncludes(error.message, "note: ");
  }
  assertEquals(context.remembered, []);
});

Deno.test("rememberNote fails when the note can't be stored", async () => {
  const context = {
    ...makeContext(),
    remember: () => Promise.reject(new Error("disk full")),
  };
  await assertRejects(
    () => rememberNote.run({ note: "Likes tea." }, context),
    Error,
    "disk full",
  );
});
