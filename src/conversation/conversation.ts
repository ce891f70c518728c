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
import { Session } from "../sessions/session.ts";
import { answer } from "./answer.ts";
import { createDataAnswer, type DataHandler } from "./data.ts";
import {
  createPlacement,
  type PlacedEvent,
  type TranscriptEvent,
} from "./placement.ts";
import {
  answeredIn,
  type CallContext,
  type Interruption,
  type RunTurn,
  toParts,
  type TurnParts,
  welcome,
  type Write,
} from "./turn.ts";

/** The caller said something and waits for an answer. */
export type MessageEvent = CallContext & {
  type: "message";
  /** The caller's words, as transcribed. */
  text: string;
  /** What was heard of the turn before, where the caller cut it off. */
  interruption?: Interruption;
};

/** Somebody connected; the agent may speak first. */
export type StartEvent = CallContext & { type: "start" };

/** The page that the caller looks at sent something to the agent. */
export type DataEvent = CallContext & { type: "data"; data: unknown };

/** Told for the record alone: a recording is ready, or the call has ended. */
export type NoteEvent = Omit<CallContext, "turnId"> & {
  type: "note";
  /** The platform's name for it. */
  name: string;
  /** What the platform tells. */
  content: Record<string, unknown>;
};

/** What a platform can tell of a conversation. */
export type ConversationEvent =
  | MessageEvent
  | StartEvent
  | DataEvent
  | NoteEvent;

/** Where a platform takes an answer. */
export interface AnswerOutput {
  /** Takes the next part. */
  write: Write;
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

/** What begins a turn. */
type TurnEvent = MessageEvent | StartEvent | PlacedEvent;

/** What a turn does. */
function toRun(event: TurnEvent, parts: TurnParts): RunTurn {
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

/** All conversations, as platforms see them. */
export class Conversations {
  readonly #answerData: DataHandler;
  readonly #placement = createPlacement();
  /** How many turns were refused since the log was last told, and when that was. */
  #refused = 0;
  #toldAt = -Infinity;

  /** Makes what platforms hand their events to. */
  constructor(readonly parts: ConversationParts) {
    this.#answerData = createDataAnswer(parts);
  }

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
  async respond(
    told: MessageEvent | StartEvent | TranscriptEvent,
    out: AnswerOutput,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { activeTurns } = this.parts;
    const isDraining = () => this.parts.isDraining?.() ?? false;
    let event: TurnEvent;
    if (told.type === "transcript") {
      this.#admit(told.conversationId);
      const session = await this.#load(told) ??
        new Session(told.conversationId);
      // From here to where a turn is begun nothing is waited for: of two words
      // of one turn, one finds the other.
      event = this.#placement.place(told, session);
    } else event = told;
    const isNew = event.type === "transcript" && event.isNew;
    const find = () => isNew ? undefined : activeTurns.find(event);
    let turn = find();
    if (turn === undefined) {
      // Before the store is asked: it is for those who were let in.
      this.#admit(event.conversationId);
      // A turn that only comes again ends none that is under way. Where none
      // is, the turn itself finds that it was answered.
      const isBusy = activeTurns.has(event.conversationId) || isDraining();
      if (isBusy && !isNew && await this.#replay(event, out)) return true;
      // It was let in before the end was near, and comes too late to be answered.
      if (isDraining()) return false;
      turn = find() ?? this.#begin(event);
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

  /** Has the owner's handler answer a page. `undefined`: there is nothing to say. */
  async answerData(event: DataEvent): Promise<unknown> {
    return await this.#answerData(event.data, event);
  }

  /** Keeps a note, once, however often it comes. */
  async keepNote(
    { conversationId, name, content }: NoteEvent,
  ): Promise<void> {
    const { store, now } = this.parts;
    const at = new Date(now()).toISOString();
    await store.update(
      conversationId,
      (session) =>
        session.hasNote(name, content)
          ? []
          : [{ type: "note", name, content, at }],
    );
  }

  /** The conversation. Where it can't be read, the turn meets the same fault, and tells the caller in words. */
  async #load({ conversationId }: { conversationId: string }) {
    const { store, log } = this.parts;
    try {
      return await store.load(conversationId);
    } catch (error) {
      log.error("session.unreadable", { conversationId, error });
      return undefined;
    }
  }

  /** Under load, a line of the log for each refusal would be more of it. */
  #admit(conversationId: string): void {
    const { activeTurns, log, now } = this.parts;
    try {
      activeTurns.admit(conversationId);
    } catch (error) {
      this.#refused++;
      if (now() - this.#toldAt >= TOLD_EVERY_MS) {
        const refused = this.#refused;
        log.warn("turns.refused", { refused, fix: REFUSED_FIX });
        this.#refused = 0;
        this.#toldAt = now();
      }
      throw error;
    }
  }

  #begin(event: TurnEvent): ActiveTurn {
    const { activeTurns, log } = this.parts;
    const { conversationId, turnId } = event;
    const turn = activeTurns.start(event, toRun(event, this.parts));
    const over = turn.done.catch((error) =>
      log.error("turn.failed", { conversationId, turnId, error })
    );
    if (event.type === "transcript") this.#placement.add(event, over);
    return turn;
  }

  /** Gives the answer of a turn that is over and only comes again. */
  async #replay(event: CallContext, out: AnswerOutput): Promise<boolean> {
    const { conversationId, turnId } = event;
    const session = await this.#load(event);
    const answered = session && answeredIn(session, turnId);
    if (answered === undefined) return false;
    this.parts.log.info("turn.replayed", { conversationId, turnId });
    for (const part of toParts(answered)) out.write(part);
    out.end();
    return true;
  }
}
