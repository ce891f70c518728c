import { assertEquals } from "@std/assert";
import { welcome } from "../../src/conversation/welcome.ts";
import { agent } from "../fakes/agent.ts";
import { createScriptedProvider, says } from "../fakes/provider.ts";
import { listen as collect } from "../fakes/turn.ts";
import { answer, id, makeParts } from "./_parts.ts";

Deno.test("welcome() is stored once when it comes twice at once", async () => {
  const parts = makeParts(createScriptedProvider());
  const said = await Promise.all(
    [1, 2].map(() => collect(welcome(id, parts))),
  );
  assertEquals(said, [["Welcome!"], ["Welcome!"]]);
  const { turns } = await parts.store.load("conv");
  assertEquals(turns.map(({ assistant }) => assistant), ["Welcome!"]);
});

Deno.test("welcome() speaks and stores the welcome", async () => {
  const parts = makeParts(createScriptedProvider());
  assertEquals(await collect(welcome(id, parts)), ["Welcome!"]);
  const turn = (await parts.store.load("conv")).turn("t1");
  assertEquals(turn?.assistant, "Welcome!");
  assertEquals(turn?.user, undefined);
});

Deno.test("welcome() is silent when the message is empty", async () => {
  const parts = makeParts(createScriptedProvider());
  const quiet = { ...parts, agent: { ...agent, welcomeMessage: "" } };
  assertEquals(await collect(welcome(id, quiet)), []);
  // A silent start is no history: the caller isn't welcomed back after it.
  const again = { ...id, turnId: "t2" };
  assertEquals(await collect(welcome(again, parts)), [
    "Welcome!",
  ]);
});

Deno.test("welcome() welcomes a caller back, or is silent, and keeps the history", async () => {
  const parts = makeParts(createScriptedProvider(says("Hi.")));
  await collect(answer(id, { text: "Hello" }, parts));
  const back = { ...id, turnId: "t2" };
  assertEquals(await collect(welcome(back, parts)), [
    "Welcome back!",
  ]);
  const quiet = { ...parts, agent: { ...agent, welcomeBackMessage: "" } };
  const again = { ...id, turnId: "t3" };
  assertEquals(await collect(welcome(again, quiet)), []);
  const { turns } = await parts.store.load("conv");
  assertEquals(turns.map(({ user }) => user), ["Hello", undefined, undefined]);
});
