/**
 * From what is kept of a conversation to what the model is shown of it: as the
 * caller heard it, and no more than fits.
 *
 * @module
 */
import type { Message } from "../providers/provider.ts";
import type { Session, Step, Turn } from "../sessions/session.ts";
import { toMemoryRemarks, toNameRemarks } from "./prompt.ts";

/** What the caller did not hear the end of. */
const INTERRUPTED = "[interrupted]";
const UNHEARD = "[interrupted before anything was heard]";

/** What stands for the result of a call that has none. */
const NO_RESULT = { error: "The caller interrupted before the result" };
const HANDED_ON = { status: "begun" };

/** From where on a conversation is shown, and what is told of the rest. */
interface Window {
  start: number;
  /** What was remembered before, oldest first. */
  memories: string[];
  note: string | undefined;
}

const windows = new WeakMap<Session, Window>();

/**
 * The conversation so far. Where it no longer fits, the oldest turns are left
 * out until half of the room is free: what is shown then begins the same for
 * many turns, and an engine need not read it again. The newest turn stays in
 * any case. Only what is shown is looked at, so the cost doesn't grow with the
 * length of the past.
 *
 * @param budgetTokens estimated tokens that the messages may take
 */
export function toHistory(session: Session, budgetTokens: number): Message[] {
  const { turns } = session;
  const newest = turns.length - 1;
  const { start: before = 0, note: told = "" } = windows.get(session) ?? {};
  const room = budgetTokens - estimateTokens(told);
  let used = 0;
  let start = newest;
  let half = newest;
  for (; start >= before; start--) {
    const turn = turns[start];
    if (turn) used += show(turn, start === newest).cost;
    if (used > room && start < newest) break;
    if (used <= room / 2) half = start;
  }
  const isWhole = start < before;
  const { start: first, note } = moveWindow(session, isWhole ? before : half);
  const shown = turns.slice(first).flatMap((turn, n) =>
    show(turn, first + n === newest).messages
  );
  return note === undefined ? shown : withNote(shown, note);
}

function moveWindow(session: Session, start: number): Window {
  const before = windows.get(session);
  if (before?.start === start) return before;
  const left = session.turns.slice(before?.start ?? 0, start);
  const memories = [
    ...before?.memories ?? [],
    ...left.flatMap(({ memories }) => memories),
  ];
  const remarks = left.length > 0
    ? [...toNameRemarks(session), ...toMemoryRemarks(memories)]
    : [];
  const note = remarks.length > 0 ? `[${remarks.join(" ")}]` : undefined;
  const window = { start, memories, note };
  windows.set(session, window);
  return window;
}

/** Tells with the first words what was told and remembered in turns that aren't shown. */
function withNote(messages: Message[], note: string): Message[] {
  const first = messages.findIndex(({ role }) => role === "user");
  return messages.map((message, n) =>
    n === first ? { ...message, text: `${note}\n${message.text}` } : message
  );
}

/** What a chat template adds to each message, at most. */
const MESSAGE_TOKENS = 8;

/**
 * About how many tokens a text is; rather too many than too few. English takes
 * about four bytes of UTF-8 a token, other scripts about three.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(encoder.encode(text).length / 3);
}

const encoder = new TextEncoder();

function costOf(message: Message): number {
  const calls = message.role === "assistant" && message.calls
    ? JSON.stringify(message.calls)
    : "";
  return estimateTokens(message.text + calls) + MESSAGE_TOKENS;
}

/** A turn as it is shown, and what it takes. */
interface Shown {
  messages: Message[];
  cost: number;
  /** What it depends on that may still change. */
  heard: string | undefined;
  status: string | undefined;
  attempt: number | undefined;
}

/** Turns that are over, so that each is converted once. */
const known = new WeakMap<Turn, Shown>();

function show(turn: Turn, isNewest: boolean): Shown {
  const { heard, status, attempt } = turn;
  const before = known.get(turn);
  const isSame = before?.heard === heard && before?.status === status &&
    before?.attempt === attempt;
  if (before && isSame) return before;
  const messages = toMessages(turn, isNewest);
  const cost = messages.reduce((sum, message) => sum + costOf(message), 0);
  const shown = { messages, cost, heard, status, attempt };
  if (status !== undefined) known.set(turn, shown);
  return shown;
}

function toMessages(turn: Turn, isNewest: boolean): Message[] {
  const messages: Message[] = [];
  const { user, note } = turn;
  if (user || note) {
    // Notes alone stand in square brackets.
    const words = user?.replaceAll("[", "(").replaceAll("]", ")");
    const text = [note, words].filter(Boolean).join("\n");
    messages.push({ role: "user", text });
  }
  const cut = turn.heard !== undefined || turn.status === "interrupted" ||
    (turn.status === undefined && !isNewest);
  for (const step of turn.steps) messages.push(...toStep(step, cut));
  const text = cut ? markCut(turn) : turn.written ?? restOf(turn);
  if (text !== "") messages.push({ role: "assistant", text });
  return messages;
}

function markCut(turn: Turn): string {
  const heard = (turn.heard ?? turn.assistant).trim();
  return heard === "" ? UNHEARD : `${heard} ${INTERRUPTED}`;
}

/** What was said after the last step, as the model began it: what parts it from what was said before is not the model's. */
function restOf({ assistant, steps }: Turn): string {
  return assistant.slice(
    steps.reduce((sum, { text }) => sum + text.length, 0),
  ).trim();
}

/**
 * The messages of one step. Every call gets a result, or the vendors refuse
 * them. Of a turn that was cut off only the calls are shown: what was said
 * along with them is in what was heard, or wasn't heard.
 */
function toStep(step: Step, cut: boolean): Message[] {
  const { calls, raw, results, handedOn = [] } = step;
  return [
    {
      role: "assistant",
      text: cut ? "" : step.written ?? step.text.trim(),
      calls,
      ...(raw && !cut ? { providerMetadata: raw } : {}),
    },
    ...calls.map(({ id, name }): Message => ({
      role: "tool",
      callId: id,
      name,
      text: results.find(({ callId }) => callId === id)?.text ??
        JSON.stringify(handedOn.includes(id) ? HANDED_ON : NO_RESULT),
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
