/**
 * The entrance for every platform: it passes in what happened in a call and
 * gets the answer part by part. What is the same for all platforms happens
 * here: turns supersede one another, a repeated delivery joins its turn or gets
 * its answer again, and nothing new begins when too many turns are under way or
 * the process is shutting down.
 *
 * @module
 */
import {
  type ActiveTurn,
  type ActiveTurns,
  TooManyTurnsError,
} from "./active_turns.ts";
import { createBoundedLog } from "../server/limits.ts";
import { Session } from "../sessions/session.ts";
import { answer } from "./answer.ts";
import { createDataAnswer, type DataHandler } from "./data.ts";
import { place, type PlacedEvent, type TranscriptEvent } from "./placement.ts";
import {
  answeredIn,
  type CallContext,
  replay,
  type RunTurn,
  type Said,
  type TurnParts,
  type Write,
} from "./turn.ts";
import { welcome } from "./welcome.ts";

/** The caller said something and waits for an answer. */
export type MessageEvent = Said & { type: "message" };

/** Somebody connected; the agent may speak first. */
export type StartEvent = CallContext & { type: "start" };

/** The page that the caller looks at sent something to the agent. */
export type DataEvent = CallContext & { type: "data"; data: unknown };

/** Something to be stored, which nobody answers: a recording is ready, or the call has ended. */
export type NoteEvent = Omit<CallContext, "turnId"> & {
  type: "note";
  /** The platform's name for it. */
  name: string;
  /** What the platform says about it. */
  content: Record<string, unknown>;
};

/** What a platform can tell of a conversation. */
export type ConversationEvent =
  | MessageEvent
  | StartEvent
  | DataEvent
  | NoteEvent;

/** Where an answer goes. */
export interface AnswerOutput {
  /** Takes the next part. */
  write: Write;
  /** Called once, after the last part. */
  end(): void;
}

/** What conversations are made of. */
export interface ConversationParts extends TurnParts {
  /** The turns under way, of all conversations. */
  activeTurns: ActiveTurns;
  /** The owner's handler for what a page sends. */
  onData: DataHandler;
}

/** An event that begins a turn. */
type TurnEvent = MessageEvent | StartEvent | PlacedEvent;

/** Chooses what a turn does. */
function toRun(event: TurnEvent, parts: TurnParts): RunTurn {
  if (event.type === "message") return answer(event, parts);
  if (event.type === "start") return welcome(event, parts);
  const isOpening = event.text === "" && event.transcript.length === 0 &&
    event.resumes === undefined;
  // The platform waits for words. Without a welcome, the model says something.
  return isOpening && parts.agent.welcomeMessage !== ""
    ? welcome(event, parts)
    : answer(event, parts);
}

const REFUSED_FIX =
  "more turns came than MAX_TURNS allows: raise it, or run more instances";

/** All conversations, as the platforms see them. */
export class Conversations {
  readonly #answerData: DataHandler;
  /** Those under way whose turn had to be found. */
  readonly #placed = new Set<PlacedEvent>();
  /** Mentions refused turns once a minute: a line for each would add to the load. */
  readonly #refusals;

  /** Makes an object that is shared by the platforms. */
  constructor(readonly parts: ConversationParts) {
    this.#answerData = createDataAnswer(parts);
    this.#refusals = createBoundedLog(parts.log, parts.now, 1);
  }

  /**
   * Answers what the caller said, or speaks first, until the signal is aborted.
   * Resolves as soon as the caller's words are stored.
   *
   * @returns whether there will be an answer: none is begun during a shutdown
   * @throws {TooManyTurnsError} the platform should try again later
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
      // From here until the turn has begun nothing is awaited, so that of two
      // deliveries of one turn the second finds the first.
      event = place(told, session, this.#placed);
    } else event = told;
    const isNew = event.type === "transcript" && event.isNew;
    const find = () => isNew ? undefined : activeTurns.find(event);
    let turn = find();
    if (turn === undefined) {
      // Checked before the store is read, which is work for admitted turns only.
      this.#admit(event.conversationId);
      // A repeated delivery of an answered turn must not supersede the one that
      // is under way. If none is, the turn itself finds that it was answered.
      const isBusy = activeTurns.has(event.conversationId) || isDraining();
      if (isBusy && !isNew && await this.#replay(event, out)) return true;
      // The shutdown began while the store was read.
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
    // Whoever began the turn handles its failure.
    turn.done.catch(() => {}).then(() => {
      signal.removeEventListener("abort", leave);
      out.end();
    });
    await turn.stored;
    return true;
  }

  /** Answers a page by the owner's handler. `undefined`: there is no answer. */
  async answerData(event: DataEvent): Promise<unknown> {
    return await this.#answerData(event.data, event);
  }

  /** Stores a note, once, however often it is delivered. */
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

  /** Loads a conversation. If it can't be read, the turn will meet the same fault, and apologize to the caller. */
  async #load({ conversationId }: { conversationId: string }) {
    const { store, log } = this.parts;
    try {
      return await store.load(conversationId);
    } catch (error) {
      log.error("session.unreadable", { conversationId, error });
      return undefined;
    }
  }

  /** Checks that a turn may begin. */
  #admit(conversationId: string): void {
    try {
      this.parts.activeTurns.admit(conversationId);
    } catch (error) {
      this.#refusals.warn("turns.refused", { fix: REFUSED_FIX });
      throw error;
    }
  }

  #begin(event: TurnEvent): ActiveTurn {
    const { activeTurns, log } = this.parts;
    const { conversationId, turnId } = event;
    const turn = activeTurns.start(event, toRun(event, this.parts));
    const placed = event.type === "transcript" ? event : undefined;
    if (placed) this.#placed.add(placed);
    turn.done.catch((error) =>
      log.error("turn.failed", { conversationId, turnId, error })
    ).then(() => placed && this.#placed.delete(placed));
    return turn;
  }

  /** Sends the answer of a turn that is over and was delivered again. Returns whether there is one. */
  async #replay(event: CallContext, out: AnswerOutput): Promise<boolean> {
    const session = await this.#load(event);
    const answered = session && answeredIn(session, event.turnId);
    if (answered === undefined) return false;
    replay(answered, event, this.parts.log, out.write);
    out.end();
    return true;
  }
}
