/**
 * What the real server takes on, and what it does with a turn that comes again
 * after the process was killed while a tool's result was all it had.
 *
 * @module
 */
import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "./fakes/layercode.ts";
import { startFakeOllama } from "./fakes/ollama.ts";
import { nextQuestion } from "./fakes/_wire.ts";
import { startServer } from "./fakes/server.ts";

/** Settings for a server that asks this model. */
function toEnv(model: { url: string }): Record<string, string> {
  return {
    LAYERCODE_WEBHOOK_SECRET: SECRET,
    HOST: "127.0.0.1",
    LLM_PROVIDER: "ollama",
    OLLAMA_HOST: model.url,
    OLLAMA_MODEL: "llama3.2:3b",
  };
}

Deno.test("main.ts takes as many turns as MAX_TURNS says, whole, and refuses the others at once", async () => {
  const chunks = Array.from({ length: 20 }, (_, n) => `word${n} `);
  await using model = startFakeOllama(() => ({
    kind: "text",
    chunks,
    delayMs: 100,
  }));
  await using server = await startServer({
    env: { ...toEnv(model), MAX_TURNS: "10" },
  });
  const options = { url: `${server.url}/agent`, secret: SECRET };
  const startedAt = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      const event = message("Hello", { conversation_id: `conv_${n}` });
      const response = await sendEvent(event, options);
      const { status, headers } = response;
      if (status === 200) {
        const words = spoken(await readEvents(response));
        return { words, endMs: performance.now() - startedAt };
      }
      const { error } = await response.json();
      const refusal = [status, headers.get("retry-after"), error.code];
      return { refusal, endMs: performance.now() - startedAt };
    }),
  );
  const taken = answers.filter(({ words }) => words !== undefined);
  const refused = answers.filter(({ refusal }) => refusal !== undefined);
  assertEquals([taken.length, refused.length], [10, 40]);
  for (const { words } of taken) assertEquals(words, chunks.join(""));
  const firstEndMs = Math.min(...taken.map(({ endMs }) => endMs));
  for (const { refusal, endMs } of refused) {
    assertEquals(refusal, [503, "2", "too_many_turns"]);
    assertLess(endMs, firstEndMs);
  }
  const again = await sendEvent(message("Hello"), options);
  assertEquals(spoken(await readEvents(again)), chunks.join(""));
});

Deno.test("main.ts goes on from a tool's result when a turn comes again after SIGKILL, and the tool isn't run twice", async () => {
  const call = { name: "remember_note", arguments: { note: "Likes tea." } };
  await using model = startFakeOllama([
    { kind: "tool-calls", calls: [call] },
    { kind: "stall" },
    { kind: "text", chunks: ["I will remember it."] },
  ]);
  const folder = await Deno.makeTempDir();
  const env = { ...toEnv(model), ADMIN_TOKEN: "a token for tests only" };
  try {
    {
      await using server = await startServer({ env, folder });
      const options = { url: `${server.url}/agent`, secret: SECRET };
      const response = await sendEvent(message("I like tea."), options);
      for (const _ of [1, 2]) await nextQuestion(model);
      await server.stop("SIGKILL");
      await response.body?.cancel().catch(() => {});
    }
    await using server = await startServer({ env, folder });
    const options = { url: `${server.url}/agent`, secret: SECRET };
    const again = await sendEvent(message("I like tea."), options);
    assertEquals(spoken(await readEvents(again)), "I will remember it.");
    const { body } = await nextQuestion(model);
    const { messages } = body as { messages: { role: string }[] };
    const roles = messages.map(({ role }) => role);
    assertEquals(roles, ["system", "user", "assistant", "tool"]);
    const kept = await fetch(`${server.url}/sessions/conv_1`, {
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
    });
    assertEquals((await kept.json()).memories, ["Likes tea."]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("main.ts ends a turn after MAX_TURN_SECONDS at a sentence, and stops the model", async () => {
  const chunks = Array.from({ length: 1_000 }, (_, n) => `${n} is a number. `);
  await using model = startFakeOllama(() => ({
    kind: "text",
    chunks,
    delayMs: 50,
  }));
  await using server = await startServer({
    env: { ...toEnv(model), MAX_TURN_SECONDS: "1" },
  });
  const options = {
    url: `${server.url}/agent`,
    secret: SECRET,
    withDetails: true,
  };
  const answer = await sendEvent(message("Count."), options);
  const events = await readEvents(answer);
  assertMatch(spoken(events), /^0 is a number\. .*is a number\.$/s);
  const summary = events.find(({ type }) => type === "parley.turn");
  assertEquals([summary?.status, summary?.ended], ["complete", "max-seconds"]);
  assertEquals(await (await nextQuestion(model)).ended, "cancelled");
});

Deno.test("main.ts runs eight of 5,000 calls that a model makes at once, and answers", async () => {
  const calls = Array.from({ length: 5_000 }, (_, n) => ({
    name: "remember_note",
    arguments: { note: `Note ${n}` },
  }));
  await using model = startFakeOllama([
    { kind: "tool-calls", calls },
    { kind: "text", chunks: ["That was much."] },
  ]);
  await using server = await startServer({ env: toEnv(model) });
  const options = { url: `${server.url}/agent`, secret: SECRET };
  const answer = await sendEvent(message("Remember all."), options);
  assertEquals(spoken(await readEvents(answer)), "That was much.");
  await nextQuestion(model);
  const { body } = await nextQuestion(model);
  const { messages } = body as {
    messages: { role: string; content: string }[];
  };
  const results = messages.filter(({ role }) => role === "tool")
    .map(({ content }) => content);
  assertEquals(results.length, 32);
  assertEquals(results.filter((text) => /Remembered/.test(text)).length, 8);
  assertEquals(results.filter((text) => /Not run/.test(text)).length, 24);
});

Deno.test("main.ts sends a turn that comes again all of it, though the first connection is hung up", async () => {
  const chunks = Array.from({ length: 10 }, (_, n) => `word${n} `);
  await using model = startFakeOllama(() => ({
    kind: "text",
    chunks,
    delayMs: 100,
  }));
  await using server = await startServer({ env: toEnv(model) });
  const options = { url: `${server.url}/agent`, secret: SECRET };
  const leaving = new AbortController();
  const first = await sendEvent(message("Hello"), options, leaving.signal);
  await first.body?.getReader().read();
  const second = await sendEvent(message("Hello"), options);
  leaving.abort();
  assertEquals(spoken(await readEvents(second)), chunks.join(""));
  assertEquals(await (await nextQuestion(model)).ended, "finished");
  const ends = server.lines.filter(({ event }) => event === "turn.end");
  assertEquals(ends.map(({ status }) => status), ["complete"]);
});
