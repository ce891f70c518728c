/**
 * The loop that lets a model call tools: each call has its time, calls of one
 * step run side by side, no more are run than `call_limits.ts` allows, and whatever goes wrong is told to the model, which
 * can put it into words.
 *
 * @module
 */
import type { Timers } from "./timers.ts";
import type {
  Message,
  Provider,
  ProviderMetadata,
  ProviderPart,
  ToolCall,
  ToolDeclaration,
} from "../providers/provider.ts";
import { runNamed } from "../server/unhandled.ts";
import {
  type AdmittedCall,
  createCallLimits,
  MAX_CALLS_LISTED,
} from "./call_limits.ts";
import { type Tool, ToolArgumentsError, type ToolContext } from "./tools.ts";

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

/** A question whose answer may need tools. */
export interface ToolQuestion {
  /** The model that is asked. */
  provider: Provider;
  /** What it may call. */
  tools: readonly Tool[];
  /** What it may call besides, for the platform to run; a call of it ends the answer. */
  platformTools?: readonly ToolDeclaration[];
  /** The system prompt. */
  system: string;
  /** The conversation, oldest first. */
  messages: readonly Message[];
  /** Where each answer is to end, in tokens. */
  maxTokens: number;
  /** What the tools are told; the rest of it is added for each call. */
  context: Omit<ToolContext, "say" | "data" | "idempotencyKey">;
  /** The turn's calls that were run before it came again; their results are in the messages. Absent: none. */
  earlierCalls?: readonly ToolCall[];
  /** Said when tools take longer than this, where nothing else was said. */
  filler: { text: string; afterMs: number };
  /** The turn's. */
  timers: Timers;
  /** Told of every call that failed. */
  onFailure: (call: ToolCall, error: unknown) => void;
}

/**
 * Takes what happens, in order.
 *
 * @returns whether the answer is to go on
 */
export type TakePart = (part: ToolPart) => boolean | Promise<boolean>;

/** How often a model may call tools before it has to answer. */
const MAX_STEPS = 5;

/** The most of a result that a model is shown, in characters. */
const MAX_RESULT = 16_000;

/**
 * Asks, runs what is called, and asks again, until there is an answer or no
 * more is wanted.
 */
export async function askWithTools(
  question: ToolQuestion,
  take: TakePart,
): Promise<void> {
  const { provider, tools, system, filler, maxTokens } = question;
  const messages = [...question.messages];
  const { signal } = question.context;
  const own = tools.map(({ declaration }) => declaration);
  const ownNames = new Set(own.map(({ name }) => name));
  const others = (question.platformTools ?? [])
    .filter(({ name }) => !ownNames.has(name));
  const otherNames = new Set(others.map(({ name }) => name));
  const declarations = [...own, ...others];
  const limits = createCallLimits(
    question.context,
    question.earlierCalls ?? [],
  );
  for (let step = 0;; step++) {
    signal.throwIfAborted();
    const isLast = step >= MAX_STEPS || limits.isSpent;
    const calls: ToolCall[] = [];
    let text = "";
    let providerMetadata: ProviderMetadata | undefined;
    const answer = provider.stream({
      system,
      messages,
      tools: declarations,
      ...(isLast ? { toolChoice: "none" } : {}),
      maxTokens,
      signal,
    });
    for await (const part of answer) {
      if (part.type === "tool-call") {
        // A model that calls on and on is not listened to any longer.
        if (calls.length >= MAX_CALLS_LISTED) break;
        calls.push(part.call);
        continue;
      }
      if (part.type === "text-delta") text += part.text;
      if (part.type === "finish") providerMetadata = part.providerMetadata;
      const isWanted = take(part);
      // Every word comes by: none waits where there is nothing to wait for.
      if (!(isWanted === true || await isWanted)) return;
      signal.throwIfAborted();
    }
    if (calls.length === 0 || isLast) return;
    const metadata = providerMetadata ? { providerMetadata } : {};
    const ids = calls.filter(({ name }) => otherNames.has(name))
      .map(({ id }) => id);
    const handedOn = ids.length > 0 ? { handedOn: ids } : {};
    if (!await take({ type: "calls", calls, ...handedOn, ...metadata })) return;
    messages.push({
      role: "assistant",
      text: text.trim(),
      calls,
      ...metadata,
    });
    const toolFiller = text.trim() === "" ? filler : { ...filler, afterMs: 0 };
    const admitted = limits.admit(calls.filter(({ id }) => !ids.includes(id)));
    const results = await runCalls(admitted, question, toolFiller, take);
    if (results === undefined || ids.length > 0) return;
    messages.push(...results);
  }
}

/**
 * Runs calls side by side and passes on what comes of them as it comes.
 *
 * @returns the results in the order of the calls: where a vendor knows no ids,
 * nothing else tells which is whose; nothing where no more is wanted
 */
async function runCalls(
  calls: readonly AdmittedCall[],
  question: ToolQuestion,
  filler: { text: string; afterMs: number },
  take: TakePart,
): Promise<Message[] | undefined> {
  const { context, timers } = question;
  const { signal } = context;
  signal.throwIfAborted();
  // Also ends the tools when nobody wants their results any more.
  const over = new AbortController();
  let spoke = false;
  /** Parts are taken one after another. */
  let wanted: Promise<boolean> = Promise.resolve(true);
  function add(part: ToolPart): void {
    spoke ||= part.type === "say";
    wanted = wanted.then(async (isWanted) => {
      signal.throwIfAborted();
      if (isWanted && await take(part)) return true;
      over.abort();
      return false;
    });
    wanted.catch((error) => over.abort(error));
  }
  if (filler.afterMs > 0 && filler.text !== "") {
    timers.set("tool filler", filler.afterMs, () => {
      if (!spoke) add({ type: "say", text: filler.text, isFiller: true });
    });
  }
  try {
    const tools = {
      ...question,
      context: { ...context, signal: AbortSignal.any([signal, over.signal]) },
    };
    const results = await Promise.all(
      calls.map((call) => runCall(call, tools, add)),
    );
    if (!await wanted) return undefined;
    signal.throwIfAborted();
    return results;
  } finally {
    timers.clear("tool filler");
    over.abort();
  }
}

/** Runs one call. Its failure is its result. */
async function runCall(
  { call, idempotencyKey, refusal }: AdmittedCall,
  question: ToolQuestion,
  add: (part: ToolPart) => void,
): Promise<Message> {
  const { id: callId, name } = call;
  const { tools, onFailure } = question;
  const context = { ...question.context, idempotencyKey };
  if (refusal !== undefined) {
    const text = toText({ error: refusal });
    add({ type: "result", callId, name, text });
    onFailure(call, new RangeError(refusal));
    return { role: "tool", callId, name, text };
  }
  const tell = (status: "running" | "done" | "failed") =>
    add({ type: "data", content: { tool: name, call_id: callId, status } });
  tell("running");
  let text: string;
  let failed = false;
  try {
    const tool = tools.find(({ declaration }) => declaration.name === name);
    if (tool === undefined) {
      throw new ToolArgumentsError(
        `There is no tool "${name}"; there are ${
          tools.map(({ declaration }) => declaration.name).join(", ") || "none"
        }`,
      );
    }
    text = toText(await runInTime(tool, call.arguments, context, add));
  } catch (error) {
    failed = true;
    text = toText({ error: toReason(error) });
    if (!context.signal.aborted) onFailure(call, error);
  }
  if (!context.signal.aborted) {
    add({ type: "result", callId, name, text });
    tell(failed ? "failed" : "done");
  }
  return { role: "tool", callId, name, text };
}

/** What was thrown, in words; tools throw whatever they like. */
function toReason(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    // An object that can't be put as text.
    return "It failed";
  }
}

/** A result as JSON. Throws where it is none, such as a circle. */
function toText(result: unknown): string {
  const text = JSON.stringify(result ?? null) ?? "null";
  if (text.length <= MAX_RESULT) return text;
  // The cut may leave half a character, which not every vendor reads.
  const start = text.slice(0, MAX_RESULT).toWellFormed();
  return JSON.stringify({ cut_off: start });
}

/** As it is now, for a tool may go on changing it. Throws where it is no JSON. */
function copy(content: unknown): unknown {
  return JSON.parse(JSON.stringify(content ?? null) ?? "null");
}

async function runInTime(
  tool: Tool,
  args: unknown,
  context: Omit<ToolContext, "say" | "data">,
  add: (part: ToolPart) => void,
): Promise<unknown> {
  const { timeoutMs, declaration: { name } } = tool;
  const over = new AbortController();
  const timer = setTimeout(
    () => over.abort(new Error(`No result within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const signal = AbortSignal.any([context.signal, over.signal]);
  const ended = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => ended.reject(signal.reason));
  if (signal.aborted) ended.reject(signal.reason);
  // What a tool says after its time is nobody's business any more.
  const during = (part: ToolPart) => {
    if (!signal.aborted) add(part);
  };
  const toolContext = {
    ...context,
    signal,
    say: (text: string) => during({ type: "say", text }),
    data: (content: unknown) =>
      during({ type: "data", content: copy(content) }),
  };
  try {
    const running = runNamed(name, () => tool.run(args, toolContext));
    return await Promise.race([running, ended.promise]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
