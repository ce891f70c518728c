/**
 * The record of one turn while it goes on, and whether the turn still counts:
 * another instance may have begun a newer one, or deleted the conversation.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Session } from "../sessions/session.ts";
import type { SessionWriter } from "../sessions/store.ts";
import { type Opening, toOpening } from "./opening.ts";
import { fitNote } from "./prompt.ts";
import type { Said, TurnParts } from "./turn.ts";

/** A record of a turn, without the fields that all of them have. */
export type Fields = SessionRecord extends infer R
  ? R extends { turnId: string; at: string } ? Omit<R, "turnId" | "at"> : never
  : never;

/** The record of one turn. */
export class TurnRecord {
  /** Whether another instance has begun a newer turn, or deleted this one. */
  isSuperseded = false;
  /** Writes to the conversation, once that is open. */
  writer!: SessionWriter;
  #opening!: Opening;

  /**
   * Makes the record of one turn; call {@linkcode open} first.
   *
   * @param stop is aborted when the turn no longer counts or can't be stored
   */
  constructor(
    readonly call: Said,
    readonly parts: TurnParts,
    readonly stop: AbortController,
  ) {}

  /** Stores what the caller said. */
  async open(): Promise<Opening> {
    const { call, parts: { store, agent: { systemPrompt } } } = this;
    this.writer = await store.open(call.conversationId, (session) => {
      const at = this.#now();
      this.#opening = toOpening(session, call, systemPrompt, at);
      return this.#opening.records;
    }, (session) => this.#onOthers(session));
    return this.#opening;
  }

  /** Adds a record with the current time. */
  add({ type, ...rest }: Fields): void {
    const { turnId } = this.call;
    const { attempt } = this.#opening;
    const which = attempt > 0 ? { attempt } : {};
    const record = { type, turnId, ...rest, ...which, at: this.#now() };
    // The fields are those of one record, which TypeScript no longer knows here.
    this.writer.add(record as SessionRecord);
  }

  /** Remembers something for a tool, unless the turn was stopped meanwhile. */
  async remember(note: string): Promise<void> {
    this.stop.signal.throwIfAborted();
    this.add({ type: "memory", text: fitNote(this.writer.session, note) });
    await this.writer.flush();
  }

  /** Adds the last record, if any, and lets go of the conversation whatever happens. */
  async close(last?: Fields): Promise<void> {
    try {
      if (last) this.add(last);
    } finally {
      await this.writer.close();
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
