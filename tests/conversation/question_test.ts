import { assertEquals, assertStringIncludes } from "@std/assert";
import { NOTES_NOTE } from "../../src/conversation/prompt.ts";
import {
  readAhead,
  toCommonBeginning,
  toQuestion,
} from "../../src/conversation/question.ts";
import type { Tool } from "../../src/conversation/tools.ts";
import { welcome } from "../../src/conversation/turn.ts";
import type {
  PromptBeginning,
  Provider,
} from "../../src/providers/provider.ts";
import { Session } from "../../src/sessions/session.ts";
import { agent } from "../fakes/agent.ts";
import { createScriptedProvider, says } from "../fakes/provider.ts";
import { listen } from "../fakes/turn.ts";
import { answer } from "../../src/conversation/answer.ts";
import { id, make, makeParts } from "./_parts.ts";

const at = "2026-11-21T10:00:00.000Z";

/** A provider that can be prepared, and what it was given to read. */
function createPreparable(fails = false) {
  const beginnings: PromptBeginning[] = [];
  const scripted = createScriptedProvider(says("Hi."));
  const provider: Provider = {
    ...scripted,
    prepare(_signal, beginning) {
      beginnings.push(beginning);
      return fails ? Promise.reject(new Error("busy")) : Promise.resolve();
    },
  };
  return { provider, beginnings, requests: scripted.requests };
}

function say(session: Session, n: number, text: string): void {
  session.apply({ type: "user", turnId: `t${n}`, text, at });
  session.apply({ type: "assistant", turnId: `t${n}`, text: "Hm.", at });
  session.apply({ type: "end", turnId: `t${n}`, status: "complete", at });
}

Deno.test("toQuestion() puts together the prompt, the conversation and the tools", async () => {
  const { tool } = make("weather", () => "blue");
  const parts = { ...makeParts(createScriptedProvider()), tools: [tool] };
  const session = new Session("conv");
  say(session, 0, "Hello?");
  assertEquals(await toQuestion(session, parts), {
    system: `Be brief.\n${NOTES_NOTE}`,
    messages: [
      { role: "user", text: "Hello?" },
      { role: "assistant", text: "Hm." },
    ],
    tools: [tool],
  });
});

Deno.test("toQuestion() waits for tools that are still loading", async () => {
  const { tool } = make("weather", () => "blue");
  const loading = Promise.withResolvers<readonly Tool[]>();
  const parts = {
    ...makeParts(createScriptedProvider()),
    tools: loading.promise,
  };
  const question = toQuestion(new Session("conv"), parts);
  loading.resolve([tool]);
  assertEquals((await question).tools, [tool]);
});

Deno.test("toQuestion() leaves a quarter of the window to the answer, and counts the prompt in", async () => {
  const parts = makeParts(createScriptedProvider());
  const systemPrompt = "x".repeat(3_000);
  const shown = async (contextTokens: number) => {
    const session = new Session("conv");
    for (let n = 0; n < 40; n++) say(session, n, "y".repeat(291));
    const { messages } = await toQuestion(session, {
      ...parts,
      agent: { ...agent, systemPrompt, contextTokens },
    });
    return messages.length / 2;
  };
  // A turn takes 97 + 1 tokens, and 8 for each message: 114.
  const system = 1_000 + Math.ceil((NOTES_NOTE.length + 1) / 3);
  const whole = Math.ceil((system + 40 * 114) / 0.75) + 2;
  assertEquals(await shown(whole), 40);
  assertEquals(await shown(whole - 10), 19);
  // The newest is shown in any case.
  assertEquals(await shown(1), 1);
});

Deno.test("toCommonBeginning() is how every prompt that tells no time begins", async () => {
  const { tool } = make("weather", () => "blue");
  const provider = createScriptedProvider(says("Hi."));
  const parts = { ...makeParts(provider), tools: [tool] };
  const beginning = await toCommonBeginning(parts);
  await listen(answer(id, { text: "Hello" }, parts));
  const [request] = provider.requests;
  assertEquals(beginning, {
    system: request?.system ?? "",
    messages: [],
    tools: request?.tools ?? [],
  });
});

Deno.test("readAhead() has the model read what the first question begins with", async () => {
  const { provider, beginnings, requests } = createPreparable();
  const parts = {
    ...makeParts(provider),
    agent: {
      ...agent,
      systemPrompt: "You talk to {{metadata.name}} at {{time}}.",
    },
  };
  const call = { ...id, metadata: { name: "Ada" } };
  await listen(welcome({ ...call, turnId: "t0" }, parts));
  await listen(answer(call, { text: "Hello" }, parts));
  assertEquals(beginnings.length, 1);
  assertEquals(beginnings[0]?.system, requests[0]?.system);
  assertStringIncludes(beginnings[0]?.system ?? "", "to [metadata.name] at");
  assertEquals(requests[0]?.messages.at(-1), {
    role: "user",
    text: '[metadata.name is "Ada".]\nHello',
  });
  assertEquals(beginnings[0]?.messages, requests[0]?.messages.slice(0, -1));
  assertEquals(beginnings[0]?.tools, requests[0]?.tools);
});

Deno.test("readAhead() asks nothing of a provider that has nothing to prepare, and survives one that fails", async () => {
  const session = new Session("conv");
  await readAhead(session, id, makeParts(createScriptedProvider()));
  const parts = makeParts(createPreparable(true).provider);
  await readAhead(session, id, parts);
  assertStringIncludes(parts.lines.join("\n"), "provider.not_prepared");
  const tools = Promise.reject(new Error("no such tool"));
  tools.catch(() => {});
  await readAhead(session, id, { ...parts, tools });
  assertStringIncludes(parts.lines.join("\n"), "no such tool");
});
