/**
 * What the model is asked: the system prompt, as much of the conversation as
 * fits, as the caller heard it, and the tools. What stays the same from turn to
 * turn comes first, so that an engine need not read it again.
 *
 * @module
 */
import type { Message, PromptBeginning, Usage } from "../providers/provider.ts";
import { Session, type Step, type Turn } from "../sessions/session.ts";
import {
  NOTES_NOTE,
  toNameRemarks,
  toPastNote,
  toSystemPrompt,
} from "./prompt.ts";
import type { Tool } from "./tools.ts";
import type {
  CallContext,
  PlatformAdditions,
  TurnId,
  TurnParts,
} from "./turn.ts";

/** The share of the context window that the question may take; the answer needs the rest. */
const INPUT_SHARE = 0.75;

/** The share from which on a model may drop the beginning of its prompt. */
const NEARLY_FULL = 0.9;

/** How long reading ahead may take: a slower model is busy with callers. */
const READ_AHEAD_MS = 30_000;

/** What a model is asked. */
export type Question = {
  system: string;
  messages: readonly Message[];
  tools: readonly Tool[];
};

/** Puts together the question of a conversation's newest turn. */
export async function toQuestion(
  session: Session,
  parts: TurnParts,
  event: PlatformAdditions & Partial<CallContext> = {},
): Promise<Question> {
  const { instructions, replacesPrompt } = event;
  const { agent: { systemPrompt, contextTokens }, now } = parts;
  const own = toSystemPrompt(session, systemPrompt, new Date(now()));
  const system = !instructions
    ? own
    : replacesPrompt
    ? `${instructions}\n${NOTES_NOTE}`
    : `${own}\n\n${instructions}`;
  const room = contextTokens * INPUT_SHARE - estimateTokens(system);
  const messages = toHistory(session, room, toNameRemarks(systemPrompt, event));
  return {
    system: system.toWellFormed(),
    messages,
    tools: await parts.tools,
  };
}

/** Warns if a question left little room: by the vendor's count, since ours is an estimate. */
export function checkRoom(
  { inputTokens = 0 }: Usage,
  id: TurnId,
  { agent: { contextTokens }, log }: TurnParts,
): void {
  if (inputTokens <= contextTokens * NEARLY_FULL) return;
  log.warn("history.nearly_full", {
    ...id,
    inputTokens,
    contextTokens,
    fix: "set CONTEXT_TOKENS higher, or shorten SYSTEM_PROMPT",
  });
}

/** The part of a question that a model can read before the caller speaks. */
export async function toBeginning(
  parts: TurnParts,
  session: Session = new Session(""),
  call: Partial<CallContext> = {},
): Promise<PromptBeginning> {
  const { system, messages, tools } = await toQuestion(session, parts, call);
  const declarations = tools.map(({ declaration }) => declaration);
  return { system, messages, tools: declarations };
}

/**
 * Lets the model read the beginning while the caller listens to the welcome. A
 * failure is only logged: the question itself will meet it, too.
 */
export async function readAhead(
  session: Session,
  call: CallContext,
  parts: TurnParts,
): Promise<void> {
  const { conversationId } = call;
  const { provider, log } = parts;
  if (provider.prepare === undefined) return;
  try {
    const beginning = await toBeginning(parts, session, call);
    await provider.prepare(AbortSignal.timeout(READ_AHEAD_MS), beginning);
  } catch (error) {
    log.debug("provider.not_prepared", { conversationId, error });
  }
}

/** Marks an answer that the caller did not hear to its end. */
const INTERRUPTED = "[interrupted]";
const UNHEARD = "[interrupted before anything was heard]";

/** The results of tool calls that have none. */
const NO_RESULT = { error: "The caller interrupted before the result" };
const HANDED_ON = { status: "begun" };

/** The turn that the shown part begins with, what was remembered before it, and the note about all that. */
interface HistoryWindow {
  start: number;
  memories: readonly string[];
  note?: string | undefined;
}

const windows = new WeakMap<Session, HistoryWindow>();

/**
 * The conversation so far, as messages. When it no longer fits, the oldest turns
 * are left out until half of the room is free: the messages then begin the same
 * for many turns, and an engine need not read them again. The newest turn always
 * stays. Older turns are not looked at, so the cost doesn't grow with the length
 * of the conversation.
 *
 * @param budgetTokens how many tokens the messages may take, as estimated
 * @param names what the names in the prompt stand for, told again once turns are
 * left out
 */
export function toHistory(
  session: Session,
  budgetTokens: number,
  names: readonly string[] = [],
): Message[] {
  const { turns } = session;
  const newest = turns.length - 1;
  const before = windows.get(session) ?? { start: 0, memories: [] };
  const room = budgetTokens - estimateTokens(before.note ?? "");
  let used = 0;
  let start = newest;
  let half = newest;
  for (; start >= before.start; start--) {
    const turn = turns[start];
    if (turn) used += render(turn, start === newest).cost;
    if (used > room && start < newest) break;
    if (used <= room / 2) half = start;
  }
  const isWhole = start < before.start;
  const window = isWhole ? before : move(session, before, half, names);
  const shown = turns.slice(window.start).flatMap((turn) =>
    render(turn, turn === turns[newest]).messages
  );
  return window.note === undefined ? shown : withNote(shown, window.note);
}

function move(
  session: Session,
  before: HistoryWindow,
  start: number,
  names: readonly string[],
): HistoryWindow {
  const left = session.turns.slice(before.start, start);
  if (left.length === 0) return before;
  const memories = [
    ...before.memories,
    ...left.flatMap(({ memories }) => memories),
  ];
  const window = { start, memories, note: toPastNote(names, memories) };
  windows.set(session, window);
  return window;
}

/** Puts the note before the caller's first words. */
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
  const calls = "calls" in message ? JSON.stringify(message.calls) : "";
  return estimateTokens(message.text + calls) + MESSAGE_TOKENS;
}

interface RenderedTurn {
  messages: Message[];
  /** In tokens. */
  cost: number;
  // What the messages depend on that may still change:
  heard: string | undefined;
  attempt: number | undefined;
  results: number;
}

/** The messages of turns that are over, so that each turn is converted once. */
const rendered = new WeakMap<Turn, RenderedTurn>();

function render(turn: Turn, isNewest: boolean): RenderedTurn {
  const { heard, status, attempt } = turn;
  // The results of a platform's own tools come later.
  const results = turn.steps.at(-1)?.results.length ?? 0;
  const before = rendered.get(turn);
  const isSame = before?.heard === heard && before?.attempt === attempt &&
    before?.results === results;
  if (before && isSame) return before;
  const messages = toMessages(turn, isNewest);
  const cost = messages.reduce((sum, message) => sum + costOf(message), 0);
  const shown = { messages, cost, heard, attempt, results };
  if (status !== undefined) rendered.set(turn, shown);
  return shown;
}

function toMessages(turn: Turn, isNewest: boolean): Message[] {
  const messages: Message[] = [];
  const { user, note } = turn;
  if (user || note) {
    // Only notes stand in square brackets.
    const words = user?.replaceAll("[", "(").replaceAll("]", ")");
    const text = [note, words].filter(Boolean).join("\n");
    messages.push({ role: "user", text });
  }
  const cut = turn.heard !== undefined || turn.status === "interrupted" ||
    (turn.status === undefined && !isNewest);
  for (const step of turn.steps) messages.push(...toStep(step, cut));
  const text = cut ? markCut(turn) : turn.written ?? restOf(turn);
  if (text !== "") messages.push({ role: "assistant", text });
  // Many servers refuse a conversation in which half a character stands.
  return messages.map((message) => ({
    ...message,
    text: message.text.toWellFormed(),
  }));
}

function markCut(turn: Turn): string {
  const heard = (turn.heard ?? turn.assistant).trim();
  return heard === "" ? UNHEARD : `${heard} ${INTERRUPTED}`;
}

/** What was said after the last step. */
function restOf({ assistant, steps }: Turn): string {
  return assistant.slice(
    steps.reduce((sum, { text }) => sum + text.length, 0),
  ).trim();
}

/**
 * The messages of one step. Every call gets a result, or the vendors refuse
 * them. Of an interrupted turn only the calls are shown: what was said along
 * with them is part of what was heard, or wasn't heard.
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
