/**
 * From what is kept of a conversation to what the model is shown of it: as the
 * caller heard it, and no more than fits. Pure.
 *
 * @module
 */
import type { Message } from "../providers/provider.ts";
import type { Session, Step, Turn } from "../sessions/session.ts";

/** What the caller did not hear the end of. */
const INTERRUPTED = "[interrupted]";
const UNHEARD = "[interrupted before anything was heard]";

/** For the system prompt, where such marks occur. */
export const MARKS_NOTE =
  "Remarks in [square brackets] are notes to you about the call; never say them.";

/** What a model is shown. */
export interface History {
  /** Oldest first. */
  messages: Message[];
  /** Whether some are marked as interrupted. */
  marked: boolean;
}

/**
 * The conversation so far. Whole turns are left out, oldest first, until the
 * rest fits; the newest stays in any case. Only what is shown is looked at, so
 * the cost doesn't grow with the length of the past.
 *
 * @param budgetTokens estimated tokens that the messages may take
 */
export function toHistory(session: Session, budgetTokens: number): History {
  const shown: Message[][] = [];
  let left = budgetTokens;
  let marked = false;
  for (let n = session.turns.length - 1; n >= 0; n--) {
    const turn = session.turns[n];
    if (turn === undefined) continue;
    const { messages, mark } = toMessages(turn, n === session.turns.length - 1);
    for (const message of messages) left -= costOf(message);
    if (left < 0 && shown.length > 0) break;
    shown.push(messages);
    marked ||= mark;
  }
  return { messages: shown.reverse().flat(), marked };
}

/** What a chat template adds to each message, at most. */
const MESSAGE_TOKENS = 8;

/**
 * About how many tokens a text is; rather too many than too few. English takes
 * about four bytes of UTF-8 a token, other scripts about three.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / 3);
}

function costOf(message: Message): number {
  const calls = message.role === "assistant" && message.calls
    ? JSON.stringify(message.calls)
    : "";
  return estimateTokens(message.text + calls) + MESSAGE_TOKENS;
}

function toMessages(
  turn: Turn,
  isNewest: boolean,
): { messages: Message[]; mark: boolean } {
  const messages: Message[] = [];
  if (turn.user) messages.push({ role: "user", text: turn.user });
  const cut = turn.heard !== undefined || turn.status === "interrupted" ||
    (turn.status === undefined && !isNewest);
  for (const step of turn.steps) messages.push(...toStep(step, cut));
  const text = cut ? markCut(turn) : restOf(turn);
  if (text !== "") messages.push({ role: "assistant", text });
  return { messages, mark: cut };
}

function markCut(turn: Turn): string {
  const heard = (turn.heard ?? turn.assistant).trim();
  return heard === "" ? UNHEARD : `${heard} ${INTERRUPTED}`;
}

/** What was said after the last step. */
function restOf({ assistant, steps }: Turn): string {
  return assistant.slice(
    steps.reduce((sum, { text }) => sum + text.length, 0),
  );
}

/**
 * The messages of one step. Every call gets a result, or the vendors refuse
 * them. Of a turn that was cut off only the calls are shown: what was said
 * along with them is in what was heard, or wasn't heard.
 */
function toStep(step: Step, cut: boolean): Message[] {
  const { calls, raw, results } = step;
  return [
    {
      role: "assistant",
      text: cut ? "" : step.text,
      calls,
      ...(raw && !cut ? { raw } : {}),
    },
    ...calls.map(({ id, name }): Message => ({
      role: "tool",
      callId: id,
      name,
      text: results.find(({ callId }) => callId === id)?.text ??
        JSON.stringify({ error: "The caller interrupted before the result" }),
    })),
  ];
}

/** What the platform tells about a turn that the caller cut off. */
export interface Interruption {
  /** Absent: the last turn in which the agent spoke. */
  turnId?: string;
  /** What was heard of it; empty: nothing. */
  textHeard: string;
}

/**
 * The turn that an interruption is about, or nothing where it makes no sense.
 * The platform speaks of the turn just before; ids that we don't know (it may
 * have its own for the agent's turns) mean that one, if the words fit.
 *
 * @param session the conversation before the new turn
 */
export function findInterrupted(
  session: Session,
  { turnId, textHeard }: Interruption,
): Turn | undefined {
  const named = turnId === undefined ? undefined : session.turn(turnId);
  if (named) return named;
  const last = session.turns.at(-1);
  // With nothing heard, a turn that was cut off before its first word counts.
  const spoke = (turn: Turn) => turn.assistant !== "";
  const before = textHeard === "" || (last && spoke(last))
    ? last
    : session.turns.findLast(spoke);
  if (before === undefined || turnId === undefined) return before;
  return startsWith(before.assistant, textHeard) ? before : undefined;
}

/** By words alone: speech recognition and synthesis leave no punctuation alone. */
function startsWith(text: string, beginning: string): boolean {
  const words = (of: string) =>
    of.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  return words(text).startsWith(words(beginning));
}
