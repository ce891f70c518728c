/**
 * The loop that lets a model call tools: it is asked, its calls are run in
 * `tool_calls.ts`, and it is asked again with what came of them.
 *
 * @module
 */
import type {
  ProviderMetadata,
  ProviderPart,
  ToolCall,
  ToolDeclaration,
} from "../providers/provider.ts";
import type { Question } from "./question.ts";
import { CallLimits, MAX_CALLS_LISTED, runCalls } from "./tool_calls.ts";
import type { ToolContext } from "./tools.ts";
import type { TurnParts } from "./turn.ts";

/** What happens while a model answers with the help of tools. */
export type ToolPart =
  | Exclude<ProviderPart, { type: "tool-call" }>
  /** The model has called tools; the platform runs those with the ids of `handedOn`. */
  | {
    type: "calls";
    calls: ToolCall[];
    handedOn?: string[];
    providerMetadata?: ProviderMetadata;
  }
  /** A tool has returned. */
  | { type: "result"; callId: string; name: string; text: string }
  /** A tool says something, or it takes long. */
  | { type: "say"; text: string; isFiller?: boolean }
  /** Something for the page: what a tool sends, or how a call stands. */
  | { type: "data"; content: unknown };

/** A question whose answer may need tools, and who is asked. */
export type ToolQuestion = Question & Pick<TurnParts, "provider"> & {
  /** What the model may call besides, for the platform to run; a call of it ends the answer. Absent: nothing. */
  platformTools?: readonly ToolDeclaration[] | undefined;
  /** Where each answer is to end, in tokens. */
  maxTokens: number;
  /** What the tools are told; the rest of it is added for each call. */
  context: Omit<ToolContext, "say" | "data" | "idempotencyKey">;
  /** The turn's calls that were run before it came again; their results are in the messages. Absent: none. */
  earlierCalls?: readonly ToolCall[];
  /** Said when tools take longer than this, where nothing else was said. */
  filler: { text: string; afterMs: number };
  /** Told of every call that failed. */
  onFailure: (call: ToolCall, error: unknown) => void;
};

/**
 * Takes what happens, in order.
 *
 * @returns whether the answer is to go on
 */
export type TakePart = (part: ToolPart) => boolean | Promise<boolean>;

/** How often a model may call tools before it has to answer. */
const MAX_STEPS = 5;

/**
 * Asks, runs what is called, and asks again, until there is an answer or no
 * more is wanted.
 */
export async function askWithTools(
  question: ToolQuestion,
  take: TakePart,
): Promise<void> {
  const { provider, system, maxTokens, filler, context } = question;
  const { signal } = context;
  const ours = question.tools.map(({ declaration }) => declaration);
  const others = (question.platformTools ?? [])
    .filter(({ name }) => ours.every((tool) => tool.name !== name));
  const tools = [...ours, ...others];
  const messages = [...question.messages];
  const limits = new CallLimits(context, question.earlierCalls ?? []);
  for (let step = 0;; step++) {
    signal.throwIfAborted();
    const isLast = step >= MAX_STEPS || limits.isSpent;
    const toolChoice = isLast ? { toolChoice: "none" } as const : {};
    const request = {
      system,
      messages,
      tools,
      ...toolChoice,
      maxTokens,
      signal,
    };
    const answer = await read(provider.stream(request), signal, take);
    if (answer === undefined || answer.calls.length === 0 || isLast) return;
    const { calls, text, ...metadata } = answer;
    const ids = calls.filter((call) =>
      others.some(({ name }) => name === call.name)
    ).map(({ id }) => id);
    const handedOn = ids.length > 0 ? { handedOn: ids } : {};
    if (!await take({ type: "calls", calls, ...handedOn, ...metadata })) return;
    messages.push({ role: "assistant", text, calls, ...metadata });
    const own = calls.filter(({ id }) => !ids.includes(id));
    const fillAfterMs = text === "" ? filler.afterMs : 0;
    const results = await runCalls(own, limits, question, fillAfterMs, take);
    if (results === undefined || ids.length > 0) return;
    messages.push(...results);
  }
}

/** What a model answered in one step. */
interface StepAnswer {
  text: string;
  calls: ToolCall[];
  providerMetadata?: ProviderMetadata;
}

/** Passes an answer on, and gives what the next question needs of it; nothing where no more is wanted. */
async function read(
  answer: AsyncIterable<ProviderPart>,
  signal: AbortSignal,
  take: TakePart,
): Promise<StepAnswer | undefined> {
  const calls: ToolCall[] = [];
  let text = "";
  let metadata: Pick<StepAnswer, "providerMetadata"> = {};
  for await (const part of answer) {
    if (part.type === "tool-call") {
      // A model that calls on and on is not listened to any longer.
      if (calls.length >= MAX_CALLS_LISTED) break;
      calls.push(part.call);
      continue;
    }
    if (part.type === "text-delta") text += part.text;
    if (part.type === "finish" && part.providerMetadata) {
      metadata = { providerMetadata: part.providerMetadata };
    }
    const isWanted = take(part);
    // Every word comes by: none waits where there is nothing to wait for.
    if (!(isWanted === true || await isWanted)) return undefined;
    signal.throwIfAborted();
  }
  return { text: text.trim(), calls, ...metadata };
}
