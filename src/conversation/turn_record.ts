/**
 * What is kept of one turn while it goes on, and whether it still counts:
 * another instance may have begun a newer one, or deleted it.
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

/** How often a turn looks whether another instance has begun a newer one. */
const LOOK_EVERY_MS = 400;

/** A record of a turn without what all of them have. */
export type Fields = SessionRecord extends infer R
  ? R extends { turnId: string; at: string } ? Omit<R, "turnId" | "at"> : never
  : never;

/** What is kept of one turn. */
export class TurnRecord {
  /** Another instance has begun a newer turn, or deleted this one. */
  isSuperseded = false;
  #writer!: SessionWriter;
  #opening!: Opening;
  readonly #nextLook = new Deadline(() => this.#look());

  /**
   * Makes that of one turn; {@linkcode open} comes first.
   *
   * @param stop ends the turn, where it no longer counts or can't be kept
   */
  constructor(
    readonly call: CallContext,
    readonly parts: TurnParts,
    readonly stop: AbortController,
  ) {}

  /** The conversation, with all that was added. */
  get session(): Session {
    return this.#writer.session;
  }

  /** Keeps what the caller said. */
  async open(input: CallerInput): Promise<Opening> {
    const { call, parts: { store, agent: { systemPrompt } } } = this;
    this.#writer = await store.open(call.conversationId, (session) => {
      const at = this.#now();
      this.#opening = toOpening(session, { call, input, systemPrompt, at });
      return this.#opening.records;
    }, { onOthers: (session) => this.#onOthers(session) });
    return this.#opening;
  }

  /** Looks now and then for a newer turn elsewhere, one look at a time. */
  watch(): void {
    if (!this.stop.signal.aborted) this.#nextLook.set(LOOK_EVERY_MS);
  }

  #look(): void {
    this.#writer.look().then(
      () => this.watch(),
      (error) => this.stop.abort(error),
    );
  }

  /** Adds a record, stamped with the time. */
  add({ type, ...rest }: Fields): void {
    const { turnId } = this.call;
    const { attempt } = this.#opening;
    const which = attempt > 0 ? { attempt } : {};
    const record = { type, turnId, ...rest, ...which, at: this.#now() };
    this.#writer.add(record as SessionRecord);
  }

  /** Resolves when all that was added is kept. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Keeps something in mind for a tool, which may have been given up meanwhile. */
  async remember(note: string): Promise<void> {
    this.stop.signal.throwIfAborted();
    this.add({ type: "memory", text: fitNote(this.session, note) });
    await this.flush();
  }

  /** Adds the last record, if any, and leaves the conversation whatever happens. */
  async close(last?: Fields): Promise<void> {
    this.#nextLook.clear();
    try {
      if (last) this.add(last);
    } finally {
      await this.#writer.close();
    }
  }

  /** Gives whether this turn's records still count: it wasn't deleted elsewhere, nor answered anew. */
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
