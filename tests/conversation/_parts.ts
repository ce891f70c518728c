/**
 * What the tests of a turn share: its parts, and what becomes of them.
 *
 * @module
 */
import * as z from "zod";
import { answer as createAnswer } from "../../src/conversation/answer.ts";
import {
  type Tool,
  tool,
  type ToolContext,
} from "../../src/conversation/tools.ts";
import type {
  CallContext,
  RunTurn,
  Said,
  TurnPart,
  TurnParts,
} from "../../src/conversation/turn.ts";
import { createLog } from "../../src/server/log.ts";
import type { Provider } from "../../src/providers/provider.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { agent } from "../fakes/agent.ts";
import { play } from "../fakes/turn.ts";

/** The call that most turns belong to. */
export const id: CallContext = {
  conversationId: "conv",
  turnId: "t1",
  metadata: {},
};

/** The parts of a turn, and what it logs. */
export function makeParts(
  provider: Provider,
  store: SessionStore = createMemoryStore(),
): TurnParts & { lines: string[] } {
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  return { store, provider, tools: [], agent, log, now: Date.now, lines };
}

/** What a caller says, apart from the call that it is said in. */
export type Input = Omit<Said, keyof CallContext>;

/** The turn that answers what is said in a call. */
export function answer(
  call: CallContext,
  input: Input,
  parts: TurnParts,
): RunTurn {
  return createAnswer({ ...call, ...input }, parts);
}

/** A turn that is cut off after its first piece. */
export async function interrupted(
  turnId: string,
  question: Input,
  parts: TurnParts,
): Promise<void> {
  const controller = new AbortController();
  const turn = play(answer({ ...id, turnId }, question, parts), {
    signal: controller.signal,
  });
  await turn.next();
  controller.abort();
  await turn.return();
}

/** Makes a tool without arguments, and one call of it. */
export function make(
  name: string,
  run: (context: ToolContext) => unknown,
): { tool: Tool; call: { id: string; name: string; arguments: unknown } } {
  return {
    tool: tool({
      name,
      description: name,
      parameters: z.object({}),
      run: (_, context) => run(context),
    }),
    call: { id: `call_${name}`, name, arguments: {} },
  };
}

/** Everything that a turn gives out: words as they are, data as an object. */
export async function collectAll(
  parts: AsyncIterable<TurnPart>,
): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const part of parts) {
    if (part.type === "speech") all.push(part.text);
    else if (part.type === "data") all.push(part.content);
  }
  return all;
}

/** Waits. */
export function sleep(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
