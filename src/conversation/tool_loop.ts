/**
 * The loop that lets a model call tools: the model is asked, its calls are run by
 * `tool_calls.ts`, and it is asked again with their results.
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

/** A part of an answer for which tools may be called. */
export type ToolPart =
  | Exclude<ProviderPart, { type: "tool-call" }>
  /** The model has called tools; those with an id in `handedOn` are run by the platform. */
  | {
    type: "calls";
    calls: ToolCall[];
    handedOn?: string[];
    providerMetadata?: ProviderMetadata;
  }
  /** A tool has returned. */
  | { type: "result"; callId: string; name: string; text: string }
  /** A tool says something. */
  | { type: "say"; text: string }
  /** Data for the page: what a tool sends, or the state of a call. */
  | { type: "data"; content: unknown };

/** A question whose answer may need tools. */
export type ToolQuestion = Question & Pick<TurnParts, "provider"> & {
  /** The platform's own tools; a call of one ends the answer, and the platform runs it. Absent: none. */
  platformTools?: readonly ToolDeclaration[] | undefined;
  /** The most tokens of each answer. */
  maxTokens: number;
  /** The context of the tools, without what is added for each call. */
  context: Omit<ToolContext, "say" | "data" | "idempotencyKey">;
  /** Calls that earlier attempts at this turn have run; their results are in the messages. Absent: none. */
  earlierCalls?: readonly ToolCall[];
  /** Told of every call that failed. */
  onFailure: (call: ToolCall, error: unknown) => void;
};

/** Takes the next part of an answer. Returns whether the answer should go on. */
export type TakePart = (part: ToolPart) => boolean | Promise<boolean>;

/** How many times the model may call tools before it has to answer. */
const MAX_STEPS = 5;

/** Asks, runs the tools that are called, and asks again, until the answer is complete or not wanted any more. */
export async function askWithTools(
  question: ToolQuestion,
  take: TakePart,
): Promise<void> {
  const { provider, system, maxTokens, context } = question;
  const { signal } = context;
  const ours = question.tools.map(({ declaration }) => declaration);
  const others = (question.platformTools ?? [])
    .filter(({ name }) => ours.every((tool) => tool.name !== name));
  const tools = [...ours, ...others];
  const messages = [...question.messages];
  const request = { system, messages, tools, maxTokens, signal };
  const limits = new CallLimits(context, question.earlierCalls ?? []);
  for (let step = 0;; step++) {
    signal.throwIfAborted();
    const isLast = step >= MAX_STEPS || limits.isSpent;
    const toolChoice = isLast ? { toolChoice: "none" } as const : {};
    const stream = provider.stream({ ...request, ...toolChoice });
    const answer = await read(stream, signal, take);
    if (answer === undefined || answer.calls.length === 0 || isLast) return;
    const { calls, text, ...metadata } = answer;
    const ids = calls.filter((call) =>
      others.some(({ name }) => name === call.name)
    ).map(({ id }) => id);
    const handedOn = ids.length > 0 ? { handedOn: ids } : {};
    if (!await take({ type: "calls", calls, ...handedOn, ...metadata })) return;
    messages.push({ role: "assistant", text, calls, ...metadata });
    const own = calls.filter(({ id }) => !ids.includes(id));
    const results = await runCalls(own, limits, question, take);
    if (results === undefined || ids.length > 0) return;
    messages.push(...results);
  }
}

interface StepAnswer {
  text: string;
  calls: ToolCall[];
  providerMetadata?: ProviderMetadata;
}

/** Passes an answer on, and returns what the next question needs of it; `undefined` where no more is wanted. */
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
      // The model may be calling tools without an end.
      if (calls.length >= MAX_CALLS_LISTED) break;
      calls.push(part.call);
      continue;
    }
    if (part.type === "text-delta") text += part.text;
    if (part.type === "finish" && part.providerMetadata) {
      metadata = { providerMetadata: part.providerMetadata };
    }
    const isWanted = take(part);
    // Every word comes by here: nothing is awaited that is no promise.
    if (!(isWanted === true || await isWanted)) return undefined;
    signal.throwIfAborted();
  }
  return { text: text.trim(), calls, ...metadata };
}
