/**
 * The door that every platform uses: it hands in what happened in a call and
 * takes the answer part by part. What is the same for all platforms happens
 * here: turns supersede one another, a turn that comes again is joined or
 * replayed, and nothing new is begun when there is too much, or once the
 * process is about to end.
 *
 * @module
 */
import {
  type ActiveTurn,
  type ActiveTurns,
  TooManyTurnsError,
} from "./active_turns.ts";
import { answer } from "./answer.ts";
import { createDataAnswer, type DataHandler } from "./data.ts";
import type { Interruption } from "./history.ts";
import type { Known } from "./exchanges.ts";
import {
  createPlacement,
  type PlacedEvent,
  type TranscriptEvent,
} from "./placement.ts";
import {
  type CallContext,
  findAnswered,
  type RunTurn,
  toIso,
  toParts,
  type TurnId,
  type TurnPart,
  type TurnParts,
  welcome,
} from "./turn.ts";

/** The caller said something and waits for an answer. */
export interface MessageEvent extends CallContext {
  /** Tells it from the others. */
  type: "message";
  /** The caller's words, as transcribed. */
  text: string;
  /** What was heard of the turn before, where the caller cut it off. */
  interruption?: Interruption;
}

/** Somebody connected; the agent may speak first. */
export interface StartEvent extends CallContext {
  /** Tells it from the others. */
  type: "start";
}

/** The page that the caller looks at sent something to the agent. */
export interface DataEvent extends CallContext {
  /** Tells it from the others. */
  type: "data";
  /** Any JSON. */
  data: unknown;
}

/** Told for the record alone: a recording is ready, or the call has ended. */
export interface NoteEvent extends Omit<CallContext, "turnId"> {
  /** Tells it from the others. */
  type: "note";
  /** The platform's name for it. */
  name: string;
  /** What the platform tells. */
  content: Record<string, unknown>;
}

/** What a platform can tell of a conversation. */
export type ConversationEvent =
  | MessageEvent
  | StartEvent
  | DataEvent
  | NoteEvent;

/** Where a platform takes an answer. */
export interface AnswerOutput {
  /**
   * Takes the next part.
   *
   * @returns where the listener is slow, resolves when more can be taken
   */
  write(part: TurnPart): Promise<void> | undefined;
  /** Called once, after the last part. */
  end(): void;
}

/** What conversations are made of. */
export interface ConversationParts extends TurnParts {
  /** Where a new turn ends the one before it. */
  activeTurns: ActiveTurns;
  /** The owner's handler for what a page sends. */
  onData: DataHandler;
}

/** All conversations, as platforms see them. */
export interface Conversations {
  /**
   * Answers what the caller said, or speaks first. Resolves as soon as the
   * caller's words are kept; the answer goes on after that.
   *
   * @param signal aborted when the caller is gone or interrupts
   * @returns whether there will be an answer; there is none, and no end of it,
   * when the process is about to end
   * @throws {TooManyTurnsError} when as many turns are under way as may be:
   * tell the platform to try again
   */
  respond(
    event: MessageEvent | StartEvent | TranscriptEvent,
    out: AnswerOutput,
    signal: AbortSignal,
  ): Promise<boolean>;
  /** Has the owner's handler answer a page. `undefined`: there is nothing to say. */
  answerData(event: DataEvent): Promise<unknown>;
  /** Keeps a note, once, however often it comes. */
  keepNote(event: NoteEvent): Promise<void>;
}

/** What a turn does. */
function toRun(
  event: MessageEvent | StartEvent | PlacedEvent,
  parts: TurnParts,
): RunTurn {
  if (event.type === "message") return answer(event, event, parts);
  if (event.type === "start") return welcome(event, parts);
  const isOpening = event.text === "" && event.transcript.length === 0 &&
    event.resumes === undefined;
  // Who asks waits for words. Without a welcome, they are the model's.
  return isOpening && parts.agent.welcomeMessage !== ""
    ? welcome(event, parts)
    : answer(event, event, parts);
}

/** How often the log tells of turns that were refused. */
const TOLD_EVERY_MS = 10_000;

const REFUSED_FIX =
  "more turns came than MAX_TURNS allows: raise it, or run more instances";

/** Makes what platforms hand their events to. */
export function createConversations(parts: ConversationParts): Conversations {
  const { activeTurns, store, log, now } = parts;
  const isDraining = () => parts.isDraining?.() ?? false;
  const answerData = createDataAnswer(parts);
  const placement = createPlacement();
  let refused = 0;
  let toldAt = -Infinity;

  async function respond(
    told: MessageEvent | StartEvent | TranscriptEvent,
    out: AnswerOutput,
    signal: AbortSignal,
  ): Promise<boolean> {
    const known = told.type === "transcript" ? await load(told) : [];
    // From here to where a turn is begun nothing is waited for: of two words of
    // one turn, one finds the other.
    const event = told.type === "transcript"
      ? placement.place(told, known)
      : told;
    const isNew = event.type === "transcript" && event.isNew;
    let turn = isNew ? undefined : activeTurns.find(event);
    if (turn === undefined) {
      // Before the store is asked: it is for those who were let in.
      admit(event.conversationId);
      // A turn that only comes again ends none that is under way. Where none
      // is, the turn itself finds that it was answered.
      const isBusy = activeTurns.has(event.conversationId) || isDraining();
      if (isBusy && !isNew && await replay(event, out)) return true;
      // It was let in before the end was near, and comes too late to be answered.
      if (isDraining()) return false;
      turn = (isNew ? undefined : activeTurns.find(event)) ?? begin(event);
    }
    const leave = turn.listen(out.write);
    if (leave === undefined) {
      throw new TooManyTurnsError(
        "This turn is sent to as many connections as may be: try again",
      );
    }
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    // Whoever began the turn is told how it failed.
    turn.done.catch(() => {}).then(() => {
      signal.removeEventListener("abort", leave);
      out.end();
    });
    await turn.stored;
    return true;
  }

  /** The turns so far, for who is let in. */
  async function load(
    { conversationId }: TranscriptEvent,
  ): Promise<readonly Known[]> {
    admit(conversationId);
    try {
      return (await store.load(conversationId)).turns;
    } catch (error) {
      // The turn meets the same fault, and tells the caller in words.
      log.error("session.unreadable", { conversationId, error });
      return [];
    }
  }

  /** Under load, a line of the log for each refusal would be more of it. */
  function admit(conversationId: string): void {
    try {
      activeTurns.admit(conversationId);
    } catch (error) {
      refused++;
      if (now() - toldAt >= TOLD_EVERY_MS) {
        log.warn("turns.refused", { refused, fix: REFUSED_FIX });
        refused = 0;
        toldAt = now();
      }
      throw error;
    }
  }

  function begin(event: MessageEvent | StartEvent | PlacedEvent): ActiveTurn {
    const { conversationId, turnId } = event;
    const turn = activeTurns.start(event, toRun(event, parts));
    const failed = turn.done.catch((error) =>
      log.error("turn.failed", { conversationId, turnId, error })
    );
    if (event.type === "transcript") placement.add(event, failed);
    return turn;
  }

  /** Gives the answer of a turn that is over and only comes again. */
  async function replay(
    event: TurnId,
    out: AnswerOutput,
  ): Promise<boolean> {
    const { conversationId, turnId } = event;
    const answered = await findAnswered(event, store).catch((error) => {
      // The turn meets the same fault, and tells the caller in words.
      log.error("session.unreadable", { conversationId, error });
    });
    if (answered === undefined) return false;
    log.info("turn.replayed", { conversationId, turnId });
    for (const part of toParts(answered)) out.write(part);
    out.end();
    return true;
  }

  async function keepNote(
    { conversationId, name, content }: NoteEvent,
  ): Promise<void> {
    const at = toIso(now());
    await store.update(
      conversationId,
      (session) =>
        session.hasNote(name, content)
          ? []
          : [{ type: "note", name, content, at }],
    );
  }

  return {
    respond,
    answerData: async (event) => await answerData(event.data, event),
    keepNote,
  };
}
