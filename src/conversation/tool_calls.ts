/**
 * The tool calls of one turn: which of them are run, each one's idempotency key,
 * and how they are run: side by side, each within its time. Whatever goes wrong
 * is the result that the model gets, so that it can tell the caller.
 *
 * @module
 */
import type { Message, ToolCall } from "../providers/provider.ts";
import { hash } from "../server/builtin.ts";
import { abortable } from "../server/deadline.ts";
import { runNamed } from "../server/unhandled.ts";
import type { TakePart, ToolPart, ToolQuestion } from "./tool_loop.ts";
import type { Tool, ToolContext } from "./tools.ts";
import type { TurnId } from "./turn.ts";

/** How many calls of one step are run. */
const MAX_CALLS_STEP = 8;

/** How many calls of one turn are run. */
const MAX_CALLS_TURN = 20;

/** The most calls that one step may list; at one more, the model is stopped. */
export const MAX_CALLS_LISTED = 32;

const STEP_REFUSAL = `Not run: at most ${MAX_CALLS_STEP} calls of one step ` +
  "are run. Call again for what is still needed";

const TURN_REFUSAL = `Not run: at most ${MAX_CALLS_TURN} calls of one turn ` +
  "are run. Answer with what you have";

/** How much of a result the model is shown, in characters. */
const MAX_RESULT = 16_000;

/** Counts the calls of one turn, and tells them apart. */
export class CallLimits {
  /** How often each call was made, by its name and arguments. */
  readonly #times = new Map<string, number>();
  #ran = 0;

  /** Begins with the calls that earlier attempts at this turn have run. */
  constructor(readonly turn: TurnId, earlier: readonly ToolCall[]) {
    for (const call of earlier) this.#count(call);
  }

  /** Whether the turn has had all its calls. */
  get isSpent(): boolean {
    return this.#ran >= MAX_CALLS_TURN;
  }

  /**
   * Admits a call, which is the `nth` of its step, from 0. Returns its
   * {@linkcode ToolContext.idempotencyKey}, or throws why it may not be run.
   */
  admit(call: ToolCall, nth: number): string {
    if (this.isSpent) throw new RangeError(TURN_REFUSAL);
    if (nth >= MAX_CALLS_STEP) throw new RangeError(STEP_REFUSAL);
    return this.#count(call);
  }

  #count({ name, arguments: args }: ToolCall): string {
    const { conversationId, turnId } = this.turn;
    const what = toCanonical([name, args]);
    const before = this.#times.get(what) ?? 0;
    this.#times.set(what, before + 1);
    this.#ran++;
    const call = JSON.stringify([conversationId, turnId, what, before]);
    return hash(call, "base64url");
  }
}

/** Makes JSON that is the same in whatever order a model names the arguments. */
function toCanonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, item) =>
      typeof item === "object" && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort())
        : item,
  );
}

/**
 * Runs calls side by side, and passes on each result as soon as it is there.
 *
 * @returns the results in the order of the calls, since some vendors match them
 * by order alone; `undefined` where no more is wanted
 */
export async function runCalls(
  calls: readonly ToolCall[],
  limits: CallLimits,
  question: ToolQuestion,
  take: TakePart,
): Promise<Message[] | undefined> {
  question.context.signal.throwIfAborted();
  // Aborts the tools when nobody wants their results any more.
  const over = new AbortController();
  const signal = AbortSignal.any([question.context.signal, over.signal]);
  const context = { ...question.context, signal };
  let isWanted = true;
  /** Passes a part on. Where that fails, the tools are stopped, too. */
  async function add(part: ToolPart): Promise<void> {
    if (signal.aborted) return;
    try {
      if (await take(part)) return;
      isWanted = false;
      over.abort();
    } catch (error) {
      over.abort(error);
    }
  }
  try {
    const results = await Promise.all(calls.map((call, nth) => {
      const admit = () => limits.admit(call, nth);
      return runCall(call, admit, { ...question, context }, add);
    }));
    if (!isWanted) return undefined;
    signal.throwIfAborted();
    return results;
  } finally {
    over.abort();
  }
}

/** Runs one call, if it is admitted. A failure is a result, too. */
async function runCall(
  call: ToolCall,
  admit: () => string,
  { tools, onFailure, context }: ToolQuestion,
  add: (part: ToolPart) => Promise<void>,
): Promise<Message> {
  const { id: callId, name } = call;
  const { signal } = context;
  const tell = (status: string) =>
    add({ type: "data", content: { tool: name, call_id: callId, status } });
  let status = "refused";
  let text: string;
  try {
    const full = { ...context, idempotencyKey: admit() };
    status = "failed";
    void tell("running");
    const tool = findTool(name, tools);
    text = toText(await runInTime(tool, call.arguments, full, add));
    status = "done";
  } catch (error) {
    // A tool may throw anything.
    const isError = error instanceof Error;
    text = toText({ error: isError ? error.message : Deno.inspect(error) });
    if (!signal.aborted) onFailure(call, error);
  }
  await add({ type: "result", callId, name, text });
  if (status !== "refused") await tell(status);
  return { role: "tool", callId, name, text };
}

function findTool(name: string, tools: readonly Tool[]): Tool {
  const tool = tools.find(({ declaration }) => declaration.name === name);
  if (tool) return tool;
  const names = tools.map(({ declaration }) => declaration.name).join(", ");
  throw new TypeError(
    `There is no tool "${name}"; there are ${names || "none"}`,
  );
}

async function runInTime(
  tool: Tool,
  args: unknown,
  context: Omit<ToolContext, "say" | "data">,
  add: (part: ToolPart) => void,
): Promise<unknown> {
  context.signal.throwIfAborted();
  const { timeoutMs, declaration: { name } } = tool;
  const over = new AbortController();
  const timer = setTimeout(
    () => over.abort(new Error(`No result within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const signal = AbortSignal.any([context.signal, over.signal]);
  // What a tool says after its time is ignored.
  const during = (part: ToolPart) => {
    if (!signal.aborted) add(part);
  };
  const toolContext = {
    ...context,
    signal,
    say: (text: string) => during({ type: "say", text }),
    data: (content: unknown) =>
      // A copy, since the tool may go on changing it.
      during({ type: "data", content: JSON.parse(toJson(content)) }),
  };
  try {
    const running = runNamed(name, () => tool.run(args, toolContext));
    return await abortable(running, signal);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Makes the text of a result that the model is shown. */
function toText(result: unknown): string {
  const text = toJson(result);
  if (text.length <= MAX_RESULT) return text;
  // The cut may leave half a character, which some vendors refuse.
  const start = text.slice(0, MAX_RESULT).toWellFormed();
  return JSON.stringify({ cut_off: start });
}

/** @throws {TypeError} where a value can't be JSON, such as a circular one */
function toJson(value: unknown): string {
  return JSON.stringify(value ?? null) ?? "null";
}
