import { assertEquals } from "@std/assert";
import {
  answeredIn,
  findInterrupted,
  toParts,
  welcome,
} from "../../src/conversation/turn.ts";
import type { Session, Turn } from "../../src/sessions/session.ts";
import { agent } from "../fakes/agent.ts";
import { createScriptedProvider, says } from "../fakes/provider.ts";
import { listen as collect } from "../fakes/turn.ts";
import { answer, id, interrupted, makeParts } from "./_parts.ts";
import { at, session, turn } from "./_records.ts";

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

Deno.test("answeredIn() finds what is finished, and what the conversation has left behind", async () => {
  const parts = makeParts(createScriptedProvider(says("a ", "b")));
  const { store } = parts;
  const find = async (turnId: string) =>
    answeredIn(await store.load("conv"), turnId)?.assistant;
  await interrupted("t1", { text: "A?" }, parts);
  assertEquals(await find("t1"), undefined);
  await collect(
    answer({ ...id, turnId: "t2" }, { text: "B?" }, parts),
  );
  assertEquals(await find("t1"), "a");
  assertEquals(await find("t2"), "a b");
  assertEquals(await find("t3"), undefined);
});

Deno.test("toParts() says what is recorded, and nothing where nothing was said", () => {
  const turn: Turn = {
    id: "t",
    at: "",
    assistant: "Hi there.",
    steps: [],
    memories: [],
  };
  assertEquals(toParts(turn), [{ type: "speech", text: "Hi there." }]);
  assertEquals(toParts({ ...turn, assistant: "" }), []);
});

Deno.test("findInterrupted() takes the turn that is named, else the one just before", () => {
  const two = session(
    ...turn("t1", "a", "One two.", "complete"),
    ...turn("t2", "b", "Three four.", "complete"),
  );
  const find = (of: Session, turnId: string | undefined, textHeard: string) =>
    findInterrupted(of, { ...(turnId ? { turnId } : {}), textHeard })?.id;
  assertEquals(find(two, undefined, "whatever"), "t2");
  assertEquals(find(two, "t1", "One"), "t1");
  // An id of the platform's own for the agent's turn.
  assertEquals(find(two, "turn_agent_9", "three, FOUR"), "t2");
  assertEquals(find(two, "turn_agent_9", ""), "t2");
  assertEquals(find(two, "turn_agent_9", "..."), "t2");
  assertEquals(find(two, "turn_agent_9", "something else"), undefined);
  assertEquals(find(session(), undefined, ""), undefined);
});

Deno.test("findInterrupted() passes over a turn that said nothing when something was heard", () => {
  const cut = session(
    ...turn("t1", "a", "One two.", "interrupted"),
    { type: "user", turnId: "t2", text: "b", at },
    { type: "end", turnId: "t2", status: "interrupted", at },
  );
  assertEquals(findInterrupted(cut, { textHeard: "One" })?.id, "t1");
  assertEquals(findInterrupted(cut, { textHeard: "" })?.id, "t2");
});
