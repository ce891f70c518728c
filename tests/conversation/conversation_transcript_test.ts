/**
 * Turns that a platform tells with all that was said before: what the model is
 * shown of them, and what the record says after.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ActiveTurns } from "../../src/conversation/active_turns.ts";
import {
  type ConversationParts,
  Conversations,
} from "../../src/conversation/conversation.ts";
import type { TranscriptEvent } from "../../src/conversation/placement.ts";
import { createStateless } from "../../src/conversation/stateless.ts";
import type { TurnPart, Utterance } from "../../src/conversation/turn.ts";
import { agent } from "../fakes/agent.ts";
import {
  calls,
  createScriptedProvider,
  says,
  type Script,
  stalls,
} from "../fakes/provider.ts";
import { make, makeParts } from "./_parts.ts";

function setup(
  scripts: Script[],
  changes: Partial<ConversationParts> = {},
) {
  const provider = createScriptedProvider(...scripts);
  const parts: ConversationParts = {
    ...makeParts(provider),
    activeTurns: new ActiveTurns(),
    onData: (data) => data,
    ...changes,
  };
  return { ...parts, provider, conversations: new Conversations(parts) };
}

type Setup = ReturnType<typeof setup>;

/** What was said, of which each text tells who said it: `>` stands before the caller's. The caller's last words come now. */
function told(
  texts: string[],
  more: Partial<TranscriptEvent> = {},
): TranscriptEvent {
  const all = texts.map((text): Utterance =>
    text.startsWith(">")
      ? { by: "caller", text: text.slice(1) }
      : { by: "agent", text }
  );
  const text = all.at(-1)?.by === "caller" ? all.pop()?.text ?? "" : "";
  const call = { conversationId: "conv", metadata: {} };
  return { type: "transcript", ...call, text, transcript: all, ...more };
}

/** Sends an event, and takes the answer. */
function ask(
  { conversations }: Pick<Setup, "conversations">,
  event: TranscriptEvent,
) {
  const caller = new AbortController();
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const parts: TurnPart[] = [];
  const taken = conversations.respond(event, {
    write(part) {
      parts.push(part);
      started.resolve();
      return undefined;
    },
    end: ended.resolve,
  }, caller.signal);
  return {
    started: started.promise,
    leave: () => caller.abort(),
    async words() {
      await Promise.all([taken, ended.promise]);
      return parts.map((part) => part.type === "speech" ? part.text : "")
        .join("");
    },
    async calls() {
      await Promise.all([taken, ended.promise]);
      const last = parts.at(-1);
      return last?.type === "summary" ? last.calls ?? [] : [];
    },
  };
}

/** What the model was shown, without the results of tools. */
function shown({ provider }: Setup, n = -1): string[] {
  return (provider.requests.at(n)?.messages ?? []).map(({ role, text }) =>
    `${role}: ${text}`
  );
}

async function kept({ store }: Setup) {
  const { turns } = await store.load("conv");
  return turns.map((
    { user = "", assistant, heard },
  ) => [user, assistant, ...(heard === undefined ? [] : [heard])]);
}

Deno.test("new Conversations().respond() begins a turn for each sentence of a transcript", async () => {
  const server = setup([says("Hi."), says("Yes.")]);
  assertEquals(await ask(server, told([">Hello"])).words(), "Hi.");
  const second = told([">Hello", "Hi.", ">Open?"]);
  assertEquals(await ask(server, second).words(), "Yes.");
  assertEquals(await kept(server), [["Hello", "Hi."], ["Open?", "Yes."]]);
  assertEquals(shown(server), ["user: Hello", "assistant: Hi.", "user: Open?"]);
});

Deno.test("new Conversations().respond() asks once for a sentence that comes three times at once", async () => {
  const server = setup([says("Hi.")]);
  const all = [1, 2, 3].map(() => ask(server, told([">Hello"])));
  for (const one of all) assertEquals(await one.words(), "Hi.");
  assertEquals(server.provider.requests.length, 1);
});

Deno.test("new Conversations().respond() replays a sentence of a transcript that comes again later", async () => {
  const server = setup([says("Hi."), says("Yes.")]);
  await ask(server, told([">Hello"])).words();
  await ask(server, told([">Hello", "Hi.", ">Open?"])).words();
  const again = told([">hello", "hi", ">open"]);
  assertEquals(await ask(server, again).words(), "Yes.");
  assertEquals(server.provider.requests.length, 2);
});

Deno.test("new Conversations().respond() answers a longer sentence in its beginning's place", async () => {
  const server = setup([stalls("For "), says("For two, then.")]);
  const short = ask(server, told([">I want a room"]));
  await short.started;
  const long = ask(server, told([">I want a room for two"]));
  assertEquals(await long.words(), "For two, then.");
  assertEquals(await short.words(), "For");
  assertEquals(await kept(server), [[
    "I want a room for two",
    "For two, then.",
  ]]);
  assertEquals(shown(server), ["user: I want a room for two"]);
});

Deno.test("new Conversations().respond() joins the longer sentence where the shorter comes last", async () => {
  const server = setup([says("For two, then.")]);
  const event = (text: string) => told(["Welcome!", `>${text}`]);
  const long = ask(server, event("I want a room for two"));
  const short = ask(server, event("I want a"));
  assertEquals(await long.words(), "For two, then.");
  assertEquals(await short.words(), "For two, then.");
  const late = ask(server, event("I want"));
  assertEquals(await late.words(), "For two, then.");
  assertEquals(server.provider.requests.length, 1);
});

Deno.test("new Conversations().respond() tells a longer sentence from its beginning that came a moment before", async () => {
  const server = setup([says("For two, then.")]);
  const short = ask(server, told([">I want a room"]));
  const long = ask(server, told([">I want a room for two"]));
  assertEquals(await long.words(), "For two, then.");
  await short.words();
  assertEquals(await kept(server), [[
    "I want a room for two",
    "For two, then.",
  ]]);
});

Deno.test("new Conversations().respond() runs a tool once for a sentence and its longer form", async () => {
  const keys: string[] = [];
  const book = make("book", ({ idempotencyKey }) => {
    keys.push(idempotencyKey);
    return "booked";
  });
  const scripts = [calls([book.call]), stalls("Done"), says("For two.")];
  const server = setup(scripts, { tools: [book.tool] });
  const short = ask(server, told([">Book a room"]));
  await short.started;
  while (server.provider.requests.length < 2) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  const long = ask(server, told([">Book a room for two"]));
  assertEquals(await long.words(), "For two.");
  assertEquals(keys.length, 1);
  assertEquals(shown(server), [
    "user: Book a room for two",
    "assistant: ",
    'tool: "booked"',
  ]);
});

Deno.test("new Conversations().respond() goes on from a sentence that was edited, and leaves out what came after it", async () => {
  const server = setup([
    ...[says("A."), says("B."), says("C."), says("D."), says("E.")],
  ]);
  await ask(server, told([">One"])).words();
  await ask(server, told([">One", "A.", ">Two"])).words();
  await ask(server, told([">One", "A.", ">Two", "B.", ">Three"])).words();
  await ask(server, told([">One", "A.", ">Four"])).words();
  await ask(server, told([">One", "A.", ">Four or more"])).words();
  await ask(server, told([">One", "A.", ">Four or more", "E.", ">Five"]))
    .words();
  assertEquals(shown(server), [
    ...["user: One", "assistant: A.", "user: Four or more", "assistant: E."],
    "user: Five",
  ]);
});

Deno.test("new Conversations().respond() shows the model what was heard, in its own spelling", async () => {
  const server = setup([
    says("We open at 9:30, and close at 18:00."),
    says("X."),
  ]);
  await ask(server, told([">When?"])).words();
  await ask(server, told([">when", "we open at nine thirty", ">thanks"]))
    .words();
  assertEquals(shown(server), [
    ...["user: When?", "assistant: We open at 9:30, [interrupted]"],
    "user: thanks",
  ]);
});

Deno.test("new Conversations().respond() takes over what was said before the first request", async () => {
  const server = setup([says("Yes.")]);
  await ask(server, told(["Hotel Parley, good morning.", ">Open?"])).words();
  assertEquals(shown(server), [
    "assistant: Hotel Parley, good morning.",
    "user: Open?",
  ]);
  assertEquals(await kept(server), [
    ["", "Hotel Parley, good morning."],
    ["Open?", "Yes."],
  ]);
});

Deno.test("new Conversations().respond() keeps to the record where the platform sends no past", async () => {
  const server = setup([says("A."), says("B."), says("C.")]);
  for (const text of [">One", ">Two", ">One"]) {
    await ask(server, told([text])).words();
  }
  assertEquals(shown(server), [
    ...["user: One", "assistant: A.", "user: Two", "assistant: B."],
    "user: One",
  ]);
});

Deno.test("new Conversations().respond() takes the platform's own id of a turn", async () => {
  const server = setup([says("A."), says("B.")]);
  const event = (turnId: string) => told([">Yes"], { turnId });
  assertEquals(await ask(server, event("r1")).words(), "A.");
  assertEquals(await ask(server, event("r1")).words(), "A.");
  assertEquals(await ask(server, event("r2")).words(), "B.");
});

Deno.test("new Conversations().respond() answers anew what was cut off before, and goes on where two listen", async () => {
  const server = setup([stalls("One "), says("Two.")]);
  const first = ask(server, told([">Hello"]));
  const second = ask(server, told([">Hello"]));
  await second.started;
  first.leave();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(server.activeTurns.size, 1);
  second.leave();
  await second.words();
  assertEquals(server.activeTurns.size, 0);
  assertEquals(await ask(server, told([">Hello"])).words(), "Two.");
});

const HANG_UP = {
  name: "end_call",
  description: "Ends the call",
  parameters: { type: "object", properties: {} },
};
const hangUp = { id: "call_1", name: "end_call", arguments: { reason: "bye" } };

Deno.test("new Conversations().respond() hands on calls of the platform's tools, also when they come again", async () => {
  const note = make("note", () => "noted");
  const both = calls([note.call, hangUp], { text: "Goodbye." });
  const server = setup([both], { tools: [note.tool] });
  const event = told([">Bye"], { platformTools: [HANG_UP] });
  for (const _ of [1, 2]) {
    const answer = ask(server, event);
    assertEquals(await answer.words(), "Goodbye.");
    assertEquals(await answer.calls(), [hangUp]);
  }
  assertEquals(server.provider.requests.length, 1);
  const offered = server.provider.requests[0]?.tools?.map(({ name }) => name);
  assertEquals(offered, ["note", "end_call"]);
});

Deno.test("new Conversations().respond() goes on with what the platform's tool returned", async () => {
  const server = setup([calls([hangUp]), says("It is done."), says("Yes.")]);
  const platformTools = [HANG_UP];
  await ask(server, told([">Bye"], { platformTools })).words();
  const results = [{ callId: "call_1", text: "ended" }];
  const resumes = ["call_1"];
  const event = told([">Bye"], { platformTools, results, resumes });
  const resumed = {
    ...event,
    text: "",
    transcript: told([">Bye", ""]).transcript,
  };
  for (const _ of [1, 2]) {
    assertEquals(await ask(server, resumed).words(), "It is done.");
  }
  assertEquals(shown(server), ["user: Bye", "assistant: ", "tool: ended"]);
  const next = told([">Bye", "It is done.", ">Really?"], { results });
  await ask(server, next).words();
  assertEquals(shown(server).slice(3), [
    "assistant: It is done.",
    "user: Really?",
  ]);
  const [turn] = (await server.store.load("conv")).turns;
  assertEquals(turn?.steps[0]?.results.length, 1);
});

Deno.test("new Conversations().respond() tells calls of one id apart by their turns", async () => {
  const server = setup([
    calls([hangUp]),
    says("Once."),
    calls([hangUp]),
    says("Twice."),
  ]);
  const platformTools = [HANG_UP];
  const first = { callId: "call_1", text: "one" };
  const resume = (said: string[], results: typeof first[]) =>
    ask(server, {
      ...told([">", ...said], { platformTools, results, resumes: ["call_1"] }),
      text: "",
      transcript: told([...said, ""]).transcript,
    }).words();
  await ask(server, told([">Bye"], { platformTools })).words();
  assertEquals(await resume([">Bye"], [first]), "Once.");
  const all = [">Bye", "Once.", ">Again"];
  const again = told(all, { platformTools, results: [first] });
  await ask(server, again).words();
  const results = [first, { callId: "call_1", text: "two" }];
  assertEquals(await resume(all, results), "Twice.");
  assertEquals(shown(server).at(-1), "tool: two");
});

Deno.test("new Conversations().respond() runs its own tool where the platform's has the same name", async () => {
  const own = make("end_call", () => "kept on");
  const server = setup([calls([own.call]), says("No.")], { tools: [own.tool] });
  const answer = ask(server, told([">Bye"], { platformTools: [HANG_UP] }));
  assertEquals(await answer.words(), "No.");
  assertEquals(await answer.calls(), []);
  assertEquals(server.provider.requests[0]?.tools?.length, 1);
});

Deno.test("new Conversations().respond() puts the platform's instructions after the owner's, or in their place", async () => {
  const server = setup([says("A.")]);
  const instructions = "Speak like a pirate.";
  await ask(server, told([">One"], { instructions })).words();
  const system = server.provider.requests[0]?.system ?? "";
  assertEquals(system.startsWith("Be brief."), true);
  assertStringIncludes(system, instructions);
  const replaced = { instructions, replacesPrompt: true, conversationId: "b" };
  await ask(server, told([">One"], replaced)).words();
  const other = server.provider.requests[1]?.system ?? "";
  assertEquals(other.startsWith(instructions), true);
  assertEquals(other.includes("Be brief."), false);
});

Deno.test("new Conversations().respond() welcomes where nothing was said, once", async () => {
  const server = setup([says("Yes.")]);
  for (const _ of [1, 2]) {
    assertEquals(await ask(server, told([])).words(), "Welcome!");
  }
  await ask(server, told(["Welcome!", ">Open?"])).words();
  assertEquals(await kept(server), [["", "Welcome!"], ["Open?", "Yes."]]);
});

Deno.test("new Conversations().respond() has the model speak first where there is no welcome", async () => {
  const silent = { ...agent, welcomeMessage: "" };
  const server = setup([says("Good morning.")], { agent: silent });
  assertEquals(await ask(server, told([])).words(), "Good morning.");
  assertStringIncludes(shown(server)[0] ?? "", "[The caller has joined");
});

Deno.test("new Conversations().respond() tells the model that the caller says nothing", async () => {
  const server = setup([says("Hi."), says("Still there?"), says("Good.")]);
  await ask(server, told([">Hello"])).words();
  const silence = told([">Hello", "Hi."]);
  for (const _ of [1, 2]) {
    assertEquals(await ask(server, silence).words(), "Still there?");
  }
  assertEquals(shown(server).at(-1), "user: [The caller says nothing.]");
  await ask(server, told([">Hello", "Hi.", "Still there?", ">Yes"])).words();
  assertEquals(shown(server).slice(2), [
    "user: [The caller says nothing.]",
    "assistant: Still there?",
    "user: Yes",
  ]);
});

Deno.test("createStateless() keeps nothing, and shows the model what the platform tells", async () => {
  const server = setup([says("Yes.")]);
  const { calls: conversations } = createStateless(server);
  const event = told([">Hello", "Hi.", ">Open?"]);
  assertEquals(await ask({ conversations }, event).words(), "Yes.");
  assertEquals(shown(server), ["user: Hello", "assistant: Hi.", "user: Open?"]);
  assertEquals(await kept(server), []);
});

Deno.test("createStateless().tasks asks the bare model, and leaves its words as they are", async () => {
  const { tool } = make("book", () => "booked");
  const server = setup([says('**{"title": "Rooms"}**')], { tools: [tool] });
  const { tasks: conversations } = createStateless(server);
  const event = told([">Find a title"], {
    instructions: "Answer in JSON.",
    replacesPrompt: true,
  });
  const words = await ask({ conversations }, event).words();
  assertEquals(words, '**{"title": "Rooms"}**');
  const [request] = server.provider.requests;
  assertEquals(request?.tools, []);
  assertEquals(request?.system.includes("Be brief."), false);
});
