/**
 * Turns that take too long, and notes without end.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { agent } from "../fakes/agent.ts";
import {
  calls,
  createScriptedProvider,
  says,
  type Script,
  stalls,
} from "../fakes/provider.ts";
import { listen } from "../fakes/turn.ts";
import { answer, id, make, makeParts, sleep } from "./_parts.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn });
}

/** What becomes of a turn that may take a twentieth of a second. */
async function runShort(script: Script, tools: ReturnType<typeof make>[] = []) {
  const parts = {
    ...makeParts(createScriptedProvider(script, says("Too late."))),
    tools: tools.map(({ tool }) => tool),
    agent: { ...agent, maxTurnSeconds: 0.05 },
  };
  const said = (await listen(answer(id, { text: "?" }, parts))).join("");
  const turn = (await parts.store.load("conv")).turn("t1");
  const [end = "{}"] = parts.lines.filter((line) => /turn\.end/.test(line));
  return {
    said,
    kept: turn?.assistant,
    ending: [turn?.status, turn?.details?.ended],
    logged: [JSON.parse(end).status, JSON.parse(end).ended],
    lines: parts.lines.join("\n"),
  };
}

test("answer() ends a turn whose time is up with the sentence under way, and records why", async () => {
  const { said, kept, ending, logged } = await runShort(async function* () {
    yield { type: "text-delta", text: "One sentence. And another" };
    await sleep(100);
    yield { type: "text-delta", text: " that goes on. A third one" };
    await sleep(1);
    yield { type: "text-delta", text: " nobody hears." };
  });
  assertEquals(said, "One sentence. And another that goes on.");
  assertEquals(kept, said);
  assertEquals(ending, ["complete", "max-seconds"]);
  assertEquals(logged, ending);
});

test("answer() ends at once where the time is up between two sentences", async () => {
  const { said, ending } = await runShort(stalls("One sentence."));
  assertEquals(said, "One sentence.");
  assertEquals(ending, ["complete", "max-seconds"]);
});

test("answer() apologises where the time is up before the model has a word", async () => {
  const { said, ending, lines } = await runShort(stalls());
  assertEquals(said, "Sorry.");
  assertEquals(ending, ["failed", "max-seconds"]);
  assertMatch(lines, /took longer than 0\.05 seconds/);
});

test("answer() apologises where a tool works when the time is up, and stops the tool", async () => {
  let isStopped = false;
  const slow = make(
    "slow",
    ({ signal }) =>
      new Promise(() =>
        signal.addEventListener("abort", () => isStopped = true)
      ),
  );
  const { said, ending } = await runShort(
    calls([slow.call], { text: "I look." }),
    [slow],
  );
  assertEquals(said, "I look. Sorry.");
  assertEquals(ending, ["failed", "max-seconds"]);
  assertEquals(isStopped, true);
});

test("answer() takes no notice of the time where the answer was whole before", async () => {
  const { said, ending } = await runShort(says("Here you are."));
  assertEquals(said, "Here you are.");
  assertEquals(ending, ["complete", undefined]);
});

test("answer() tells a tool that remembers on and on when there is no more room", async () => {
  const hoard = make("hoard", async ({ remember }) => {
    for (let n = 0; n < 50; n++) await remember("x".repeat(2_000));
  });
  const provider = createScriptedProvider(calls([hoard.call]), says("Done."));
  const parts = { ...makeParts(provider), tools: [hoard.tool] };
  await listen(answer(id, { text: "?" }, parts));
  const told = provider.requests[1]?.messages.at(-1)?.text ?? "";
  assertMatch(told, /Nothing more is remembered/);
  const { memories } = await parts.store.load("conv");
  assertEquals(memories.map(({ length }) => length), Array(16).fill(500));
});
