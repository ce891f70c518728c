/**
 * The loop that lets a model call tools: each call has its time, calls of one
 * step run side by side, and whatever goes wrong is told to the model, which
 * can put it into words.
 *
 * @module
 */
import type {
  Message,
  Provider,
  ProviderPart,
  Raw,
  ToolCall,
} from "../providers/provider.ts";
import { type Tool, ToolArgumentsError, type ToolContext } from "./tools.ts";

/** What happens while a model answers with the help of tools. */
export type ToolPart =
  | Exclude<ProviderPart, { type: "tool-call" }>
  /** The model has called tools. */
  | { type: "calls"; calls: ToolCall[]; raw?: Raw }
  /** A tool has returned. */
  | { type: "result"; callId: string; name: string; text: string }
  /** A tool says something, or it takes long. */
  | { type: "say"; text: string }
  /** Something for the page: what a tool sends, or how a call stands. */
  | { type: "data"; content: unknown };

/** A question whose answer may need tools. */
export interface ToolQuestion {
  /** The model that is asked. */
  provider: Provider;
  /** What it may call. */
  tools: readonly Tool[];
  /** The system prompt. */
  system: string;
  /** The conversation, oldest first. */
  messages: readonly Message[];
  /** What the tools are told; the rest of it is added for each call. */
  context: Omit<ToolContext, "say" | "data">;
  /** Said when tools take longer than this, where nothing else was said. */
  filler: { text: string; afterMs: number };
  /** Told of every call that failed. */
  onFailure: (call: ToolCall, error: unknown) => void;
}

/** How often a model may call tools before it has to answer. */
const MAX_STEPS = 5;

/** The most of a result that a model is shown, in characters. */
const MAX_RESULT = 16_000;

/** Asks, runs what is called, and asks again, until there is an answer. */
export async function* askWithTools(
  question: ToolQuestion,
): AsyncGenerator<ToolPart, void> {
  const { provider, tools, system, filler } = question;
  const messages = [...question.messages];
  const { signal } = question.context;
  for (let step = 0;; step++) {
    signal.throwIfAborted();
    const calls: ToolCall[] = [];
    let text = "";
    let raw: Raw | undefined;
    const answer = provider.stream({
      system,
      messages,
      tools: tools.map(({ declaration }) => declaration),
      noMoreCalls: step >= MAX_STEPS,
      signal,
    });
    for await (const part of answer) {
      if (part.type === "tool-call") calls.push(part.call);
      else {
        if (part.type === "text-delta") text += part.text;
        if (part.type === "finish") raw = part.raw;
        yield part;
      }
    }
    if (calls.length === 0 || step >= MAX_STEPS) return;
    yield { type: "calls", calls, ...(raw ? { raw } : {}) };
    messages.push({ role: "assistant", text, calls, ...(raw ? { raw } : {}) });
    const patience = text.trim() === "" ? filler : { ...filler, afterMs: 0 };
    const results = new Map<string, Message>();
    for await (const part of runCalls(calls, question, patience)) {
      if (part.type === "result") {
        const { callId, name, text } = part;
        results.set(callId, { role: "tool", callId, name, text });
      }
      yield part;
    }
    // In the order of the calls: where a vendor knows no ids, nothing else
    // tells which result is whose.
    messages.push(...calls.flatMap(({ id }) => results.get(id) ?? []));
  }
}

/** Runs calls side by side and passes on what comes of them as it comes. */
async function* runCalls(
  calls: readonly ToolCall[],
  question: ToolQuestion,
  filler: { text: string; afterMs: number },
): AsyncGenerator<ToolPart, void> {
  const { context } = question;
  const { signal } = context;
  signal.throwIfAborted();
  const queue: ToolPart[] = [];
  let wake = Promise.withResolvers<void>();
  let spoke = false;
  function add(part: ToolPart): void {
    spoke ||= part.type === "say";
    queue.push(part);
    wake.resolve();
  }
  const timer = filler.afterMs > 0 && filler.text !== ""
    ? setTimeout(() => {
      if (!spoke) add({ type: "say", text: filler.text });
    }, filler.afterMs)
    : undefined;
  // The tools' own, as they must also stop when only this loop is left.
  const over = new AbortController();
  const watched = { ...question, context: { ...context, signal: over.signal } };
  let running = calls.length;
  for (const call of calls) {
    runCall(call, watched, add).finally(() => {
      running--;
      wake.resolve();
    });
  }
  const onAbort = () => over.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    while (true) {
      signal.throwIfAborted();
      const parts = queue.splice(0);
      yield* parts;
      if (queue.length > 0) continue;
      if (running === 0) return;
      await wake.promise;
      wake = Promise.withResolvers();
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    over.abort();
  }
}

/** Runs one call. Its failure is its result. */
async function runCall(
  call: ToolCall,
  question: ToolQuestion,
  add: (part: ToolPart) => void,
): Promise<void> {
  const { id, name } = call;
  const { tools, context, onFailure } = question;
  const tell = (status: "running" | "done" | "failed") =>
    add({ type: "data", content: { tool: name, call_id: id, status } });
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
    text = toText(await inTime(tool, call.arguments, context, add));
  } catch (error) {
    if (context.signal.aborted) return;
    failed = true;
    onFailure(call, error);
    text = toText({
      error: error instanceof Error ? error.message : String(error),
    });
  }
  add({ type: "result", callId: id, name, text });
  tell(failed ? "failed" : "done");
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

async function inTime(
  tool: Tool,
  args: unknown,
  context: ToolQuestion["context"],
  add: (part: ToolPart) => void,
): Promise<unknown> {
  const over = new AbortController();
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new Error(`No result within ${tool.timeoutMs} ms`);
    over.abort(error);
    expired.reject(error);
  }, tool.timeoutMs);
  const onAbort = () => {
    over.abort(context.signal.reason);
    expired.reject(context.signal.reason);
  };
  context.signal.addEventListener("abort", onAbort);
  let open = true;
  const during = (part: ToolPart) => {
    // What a tool says after its time is nobody's business any more.
    if (open) add(part);
  };
  try {
    const running = tool.run(args, {
      ...context,
      signal: over.signal,
      say: (text) => during({ type: "say", text }),
      data: (content) => during({ type: "data", content: copy(content) }),
    });
    return await Promise.race([running, expired.promise]);
  } finally {
    open = false;
    clearTimeout(timer);
    context.signal.removeEventListener("abort", onAbort);
    over.abort();
  }
}
