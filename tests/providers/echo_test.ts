import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createEcho, createStandIn } from "../../src/providers/echo.ts";
import type { Provider } from "../../src/providers/provider.ts";
import { createScriptedProvider, fails, says } from "../fakes/provider.ts";
import { ask, CONVERSATION } from "./_ask.ts";

Deno.test("createEcho() says that it is a stand-in, what it heard and that it remembers", async () => {
  const { text, parts } = await ask(createEcho(), { messages: CONVERSATION });
  assertStringIncludes(text, "stand-in");
  assertStringIncludes(text, "Who am I?");
  assertStringIncludes(text, "message number 2");
  assertEquals(parts.at(-1)?.type, "finish");
});

/** A stand-in under a test's control, and how often it searched. */
function makeStandIn() {
  const stage = {
    time: 0,
    looks: 0,
    there: undefined as Provider | undefined,
    find: (): Promise<Provider | undefined> => Promise.resolve(stage.there),
  };
  const echo = { ...createScriptedProvider(says("Echo.")), name: "echo" };
  const find = () => {
    stage.looks++;
    return stage.find();
  };
  const standIn = createStandIn(echo, find, () => stage.time);
  return { stage, standIn };
}

/** The text of a provider's answer. */
async function hear(provider: Provider): Promise<string> {
  return (await ask(provider)).text;
}

Deno.test("createStandIn() answers itself while no model is found", async () => {
  const { standIn } = makeStandIn();
  assertEquals(await hear(standIn), "Echo.");
  assertEquals([standIn.name, standIn.prepare], ["echo", undefined]);
  await standIn.check(new AbortController().signal);
});

Deno.test("createStandIn() is replaced for good as soon as a model is found", async () => {
  const { stage, standIn } = makeStandIn();
  assertEquals(await hear(standIn), "Echo.");
  stage.time = 1_000;
  stage.there = {
    ...createScriptedProvider(says("Real."), fails(new Error("Out of order"))),
    name: "ollama",
    model: "llama",
    check: () => Promise.reject(new Error("Down")),
  };
  assertEquals(await hear(standIn), "Real.");
  assertEquals([standIn.name, standIn.model], ["ollama", "llama"]);

  // It fails since it is gone, which is better than an echo.
  stage.there = undefined;
  stage.time = 60_000;
  await assertRejects(() => hear(standIn), Error, "Out of order");
  await assertRejects(
    () => standIn.check(new AbortController().signal),
    Error,
    "Down",
  );
  assertEquals(standIn.name, "ollama");
  assertEquals(stage.looks, 2);
});

Deno.test("createStandIn() searches at most once a second", async () => {
  const { stage, standIn } = makeStandIn();
  for (const time of [0, 1, 999, 1_000, 1_001, 2_000]) {
    stage.time = time;
    await hear(standIn);
  }
  assertEquals(stage.looks, 3);
});

Deno.test("createStandIn() searches once for concurrent requests", async () => {
  const { stage, standIn } = makeStandIn();
  const look = Promise.withResolvers<Provider>();
  stage.find = () => look.promise;
  const heard = Promise.all([hear(standIn), hear(standIn), hear(standIn)]);
  // Long after the first search began, it is still running.
  stage.time = 5_000;
  const late = hear(standIn);
  look.resolve({ ...createScriptedProvider(says("Real.")), name: "ollama" });
  assertEquals(await heard, ["Real.", "Real.", "Real."]);
  assertEquals(await late, "Real.");
  assertEquals(stage.looks, 1);
});

Deno.test("createStandIn() answers the next caller after a search that failed", async () => {
  const { stage, standIn } = makeStandIn();
  stage.find = () => Promise.reject(new Error("No network"));
  await assertRejects(() => hear(standIn), Error, "No network");
  stage.find = () => Promise.resolve(undefined);
  stage.time = 1_000;
  assertEquals(await hear(standIn), "Echo.");
});

Deno.test("createStandIn() asks no model for a caller who left during the search", async () => {
  const { stage, standIn } = makeStandIn();
  const real = createScriptedProvider(says("Real."));
  const look = Promise.withResolvers<Provider>();
  stage.find = () => look.promise;
  const leaving = new AbortController();
  const left = ask(standIn, { signal: leaving.signal });
  leaving.abort(new Error("Hung up"));
  look.resolve(real);
  await assertRejects(() => left, Error, "Hung up");
  assertEquals(real.requests.length, 0);
});
