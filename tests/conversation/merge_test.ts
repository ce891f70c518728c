import { assert, assertEquals, assertRejects } from "@std/assert";
import { answer } from "../../src/conversation/answer.ts";
import { mergeText } from "../../src/conversation/merge.ts";
import type { ToolPart } from "../../src/conversation/tool_loop.ts";
import { createMemoryStore } from "../../src/sessions/memory.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { agent } from "../fakes/agent.ts";
import { createScriptedProvider } from "../fakes/provider.ts";

const FINISH: ToolPart = { type: "finish", usage: {} };

function text(text: string): ToolPart {
  return { type: "text-delta", text };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("mergeText() makes one piece of what is there, in order, and of nothing else", async () => {
  const say: ToolPart = { type: "say", text: "One moment." };
  async function* parts() {
    yield text("a");
    yield text("b");
    yield say;
    yield text("c");
    await sleep(20);
    yield text("d");
    yield FINISH;
  }
  assertEquals(await Array.fromAsync(mergeText(parts(), () => true)), [
    text("ab"),
    say,
    text("c"),
    text("d"),
    FINISH,
  ]);
  assertEquals(
    await Array.fromAsync(mergeText(parts(), () => false)),
    [text("a"), text("b"), say, text("c"), text("d"), FINISH],
  );
});

Deno.test("mergeText() passes a failure on after the words before it", async () => {
  async function* parts() {
    yield text("a");
    yield text("b");
    await sleep(1);
    throw new RangeError("gone");
  }
  const said: ToolPart[] = [];
  await assertRejects(async () => {
    for await (const part of mergeText(parts(), () => true)) said.push(part);
  }, RangeError);
  assertEquals(said, [text("ab")]);
});

Deno.test({
  name: "mergeText() ends what it reads when it is left",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    let ended = false;
    async function* parts() {
      try {
        yield text("a");
        await sleep(10);
        yield text("b");
      } finally {
        ended = true;
      }
    }
    for await (const part of mergeText(parts(), () => true)) {
      assertEquals(part, text("a"));
      break;
    }
    assertEquals(ended, true);
  },
});

Deno.test("answer() is not as slow as one round trip a word where the store is far away", async () => {
  const near = createMemoryStore();
  let writes = 0;
  const far: SessionStore = {
    ...near,
    async update(id, change) {
      writes++;
      await sleep(30);
      return await near.update(id, change);
    },
  };
  const words = Array.from({ length: 40 }, (_, n) => `word${n} `);
  // As from a socket: it comes whether or not somebody reads.
  const provider = createScriptedProvider(async function* () {
    const startedAt = performance.now();
    for (const [n, text] of words.entries()) {
      const inMs = startedAt + 2 * n - performance.now();
      if (inMs > 0) await sleep(inMs);
      yield { type: "text-delta", text };
    }
    yield { type: "finish", usage: {} };
  });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const turn = answer(
    { conversationId: "c", turnId: "t", metadata: {} },
    { text: "?" },
    { store: far, provider, tools: [], agent, log, now: Date.now },
  )(new AbortController().signal, () => {});
  let said = "";
  for await (const part of turn) {
    if (part.type === "speech") said += part.text;
  }
  assertEquals(said.trim(), words.join("").trim());
  assertEquals((await near.load("c")).turn("t")?.assistant, said);
  assert(writes < words.length / 2, `${writes} writes`);
});
