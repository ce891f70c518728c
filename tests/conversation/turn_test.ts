import { assertEquals } from "@std/assert";
import {
  answeredIn,
  replay,
  type TurnPart,
} from "../../src/conversation/turn.ts";
import { toLog } from "../../src/server/log.ts";
import type { Turn } from "../../src/sessions/session.ts";
import { createScriptedProvider, says } from "../fakes/provider.ts";
import { listen as collect } from "../fakes/turn.ts";
import { answer, id, interrupted, makeParts } from "./_parts.ts";

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

Deno.test("replay() says what is recorded, and nothing where nothing was said", () => {
  const turn: Turn = {
    id: "t",
    at: "",
    assistant: "Hi there.",
    steps: [],
    memories: [],
  };
  const told: (TurnPart | string)[] = [];
  const log = toLog((_, event) => told.push(event));
  replay(turn, id, log, (part) => told.push(part));
  assertEquals(told, [
    "turn.replayed",
    { type: "speech", text: "Hi there." },
  ]);
  replay({ ...turn, assistant: "" }, id, log, (part) => told.push(part));
  assertEquals(told.slice(2), ["turn.replayed"]);
});
