/**
 * What is left of a turn that was cut short, when it comes again: the calls of
 * tools that have a result. The model is shown them, and goes on from there, so
 * that no tool does its work twice.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Step, Turn } from "../sessions/session.ts";

/**
 * The records that take a turn's finished calls over into its next attempt.
 *
 * @param turn as the attempt before left it
 * @param at the time, ISO 8601
 */
export function toFinishedCalls(
  turn: Turn,
  attempt: number,
  at: string,
): SessionRecord[] {
  const ofAttempt = { turnId: turn.id, attempt, at };
  return turn.steps.flatMap((step): SessionRecord[] => {
    const { results } = step;
    const calls = step.calls.filter(({ id }) =>
      results.some(({ callId }) => callId === id)
    );
    if (calls.length === 0) return [];
    return [
      { type: "calls", calls, ...toWords(step), ...ofAttempt },
      ...results.map((result): SessionRecord => ({
        type: "result",
        ...result,
        ...ofAttempt,
      })),
    ];
  });
}

/** What the model wrote with its calls; its vendor's own form only fits all of them. */
function toWords({ text, written = text.trim(), calls, results, raw }: Step) {
  return {
    ...(written === "" ? {} : { text: written }),
    ...(raw && calls.length === results.length ? { raw } : {}),
  };
}
