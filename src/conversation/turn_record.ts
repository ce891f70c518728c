/**
 * The record of one turn while it goes on, and whether the turn still counts:
 * another instance may have begun a newer one, or deleted the conversation.
 *
 * @module
 */
import { Deadline } from "../server/deadline.ts";
import type { SessionRecord } from "../sessions/record.ts";
import type { Session } from "../sessions/session.ts";
import type { SessionWriter } from "../sessions/store.ts";
import { type CallerInput, type Opening, toOpening } from "./opening.ts";
import { fitNote } from "./prompt.ts";
import type { CallContext, TurnParts } from "./turn.ts";

/** How often a turn checks whether another instance has begun a newer one. */
const LOOK_EVERY_MS = 400;

/** A record of a turn, without the fields that all of them have. */
export type Fields = SessionRecord extends infer R
  ? R extends { turnId: string; at: string } ? Omit<R, "turnId" | "at"> : never
  : never;

/** The record of one turn. */
export class TurnRecord {
  /** Whether another instance has begun a newer turn, or deleted this one. */
  isSuperseded = false;
  #writer!: SessionWriter;
  #opening!: Opening;
  readonly #nextLook = new Deadline(() => this.#look());

  /**
   * Makes the record of one turn; call {@linkcode open} first.
   *
   * @param stop is aborted when the turn no longer counts or can't be stored
   */
  constructor(
    readonly call: CallContext,
    readonly parts: TurnParts,
    readonly stop: AbortController,
  ) {}

  /** The conversation, with everything that was added. */
  get session(): Session {
    return this.#writer.session;
  }

  /** Stores what the caller said. */
  async open(input: CallerInput): Promise<Opening> {
    const { call, parts: { store, agent: { systemPrompt } } } = this;
    this.#writer = await store.open(call.conversationId, (session) => {
      const at = this.#now();
      this.#opening = toOpening(session, { call, input, systemPrompt, at });
      return this.#opening.records;
    }, (session) => this.#onOthers(session));
    return this.#opening;
  }

  /** Begins to check now and then for a newer turn elsewhere. */
  watch(): void {
    if (!this.stop.signal.aborted) this.#nextLook.set(LOOK_EVERY_MS);
  }

  #look(): void {
    this.#writer.look().then(
      () => this.watch(),
      (error) => this.stop.abort(error),
    );
  }

  /** Adds a record with the current time. */
  add({ type, ...rest }: Fields): void {
    const { turnId } = this.call;
    const { attempt } = this.#opening;
    const which = attempt > 0 ? { attempt } : {};
    const record = { type, turnId, ...rest, ...which, at: this.#now() };
    this.#writer.add(record as SessionRecord);
  }

  /** Resolves when everything that was added is stored. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Remembers something for a tool, unless the turn was stopped meanwhile. */
  async remember(note: string): Promise<void> {
    this.stop.signal.throwIfAborted();
    this.add({ type: "memory", text: fitNote(this.session, note) });
    await this.flush();
  }

  /** Adds the last record, if any, and lets go of the conversation whatever happens. */
  async close(last?: Fields): Promise<void> {
    this.#nextLook.clear();
    try {
      if (last) this.add(last);
    } finally {
      await this.#writer.close();
    }
  }

  /** Returns whether this turn's records still count: it was neither deleted nor answered anew elsewhere. */
  #onOthers(session: Session): boolean {
    const turn = session.turn(this.call.turnId);
    const isOurs = turn !== undefined &&
      (turn.attempt ?? 0) === this.#opening.attempt;
    if (!isOurs || session.turns.at(-1) !== turn) {
      this.isSuperseded = true;
      this.stop.abort();
    }
    return isOurs;
  }

  #now(): string {
    return new Date(this.parts.now()).toISOString();
  }
}
