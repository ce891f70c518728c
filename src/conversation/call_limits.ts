/**
 * Which of the calls that a model makes in one turn are run, and what tells
 * each of them from any other. Pure.
 *
 * @module
 */
import type { ToolCall } from "../providers/provider.ts";
import { nodeCrypto } from "../server/builtin.ts";
import type { TurnId } from "./turn.ts";

/** A call, and what is to become of it. */
export interface AdmittedCall {
  /** The call. */
  call: ToolCall;
  /** As {@linkcode ToolContext.idempotencyKey}. */
  idempotencyKey: string;
  /** Why it isn't run, said to the model. Absent: it is. */
  refusal?: string;
}

/** Counts the calls of one turn. */
export interface CallLimits {
  /** Takes the calls of one step, in order. */
  admit(calls: readonly ToolCall[]): AdmittedCall[];
  /** Whether the turn has had all its calls. */
  readonly isSpent: boolean;
}

/** How many calls of one step are run. */
const MAX_CALLS_STEP = 8;

/** How many calls of one turn are run. */
const MAX_CALLS_TURN = 20;

/** How many calls of one step are taken note of; the model is stopped at the next. */
export const MAX_CALLS_LISTED = 32;

const STEP_REFUSAL = `Not run: at most ${MAX_CALLS_STEP} calls of one step ` +
  "are run. Call again for what is still needed";

const TURN_REFUSAL = `Not run: at most ${MAX_CALLS_TURN} calls of one turn ` +
  "are run. Answer with what you have";

/**
 * Makes the limits of one turn.
 *
 * @param earlier the turn's calls that were run before it came again
 */
export function createCallLimits(
  { conversationId, turnId }: TurnId,
  earlier: readonly ToolCall[],
): CallLimits {
  /** How often each call was made, by its name and arguments. */
  const times = new Map<string, number>();
  let ran = 0;

  function count(call: ToolCall): string {
    const what = toCanonical([call.name, call.arguments]);
    const before = times.get(what) ?? 0;
    times.set(what, before + 1);
    ran++;
    return nodeCrypto().createHash("sha256")
      .update(JSON.stringify([conversationId, turnId, what, before]))
      .digest("base64url");
  }

  for (const call of earlier) count(call);
  return {
    admit: (calls) =>
      calls.map((call, n) => {
        const refusal = ran >= MAX_CALLS_TURN
          ? TURN_REFUSAL
          : n >= MAX_CALLS_STEP
          ? STEP_REFUSAL
          : undefined;
        return refusal === undefined
          ? { call, idempotencyKey: count(call) }
          : { call, idempotencyKey: "", refusal };
      }),
    get isSpent() {
      return ran >= MAX_CALLS_TURN;
    },
  };
}

/** As JSON, the same in whatever order a model names the arguments. */
function toCanonical(value: unknown): string {
  return JSON.stringify(value, (_, item) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) {
      return item;
    }
    const names = Object.keys(item).sort();
    return Object.fromEntries(names.map((name) => [name, item[name]]));
  });
}
