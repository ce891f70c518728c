/**
 * The turns under way: in each conversation one at a time, and in all no more
 * than the owner allows. A newer turn ends the one before it and waits until
 * that one has written its record, so that two turns never interleave.
 *
 * @module
 */
import type { RunTurn, TurnId, TurnPart, Write } from "./turn.ts";
import { createTurnstile } from "./turnstile.ts";

/** How many turns there may be, and how patient they are. */
export interface ActiveTurnsOptions {
  /** How many may be under way. A turn that ends another one is let in up to twice that. Default: any number. */
  max?: number;
  /** How long a listener may take nothing, in milliseconds. Default: 30,000. */
  stalledMs?: number;
}

/** As many turns are under way as the owner allows. The message is fit for whoever sent one more. */
export class TooManyTurnsError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "TooManyTurnsError";
  /** When to try again: a turn takes some seconds. */
  readonly retryAfterSeconds = 2;
}

/** How much of a turn is kept for who comes later, in letters: more than any answer has. */
const MAX_KEPT = 65_536;

/** How many connections one turn is sent to. */
const MAX_LISTENERS = 4;

interface Listener {
  write: Write;
  /** What comes next. */
  waiting: TurnPart[];
  /** How much there was of the turn when nothing waited, in letters. */
  caughtUpAt: number;
  /** Runs while the listener has no room for more. */
  timer?: ReturnType<typeof setTimeout> | undefined;
}

/** What a turn under way is made of. */
export type ActiveTurnParts = {
  run: RunTurn;
  /** Resolves when it may begin. */
  ready: Promise<void>;
  /** The one that it ends. */
  before: ActiveTurn | undefined;
  /** How long a listener may take nothing. */
  stalledMs: number;
  /** Called at its end. */
  onOver: () => void;
};

/**
 * A turn under way. A platform may deliver it again meanwhile: the new
 * connection is told all from the beginning, and the turn goes on as long as
 * anybody listens. The fastest listener sets the pace; one who takes nothing
 * for long, or falls far behind, is left.
 */
export class ActiveTurn {
  /** Resolves when the caller's words are kept, or can't be. Never rejects. */
  readonly stored: Promise<void>;
  /** Resolves when the turn is over and its record is written; rejects when the turn failed in a way that it can't put into words. */
  readonly done: Promise<void>;
  /** Whether it is about to end early. */
  isStopped = false;
  /** The one that it ends, until it has. */
  before: ActiveTurn | undefined;
  readonly #stalledMs: number;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<Listener>();
  /** The turn so far, for who comes later; nothing once it is too long. */
  #beginning: TurnPart[] | undefined = [];
  #letters = 0;
  /** Resolves when a listener can take more. */
  #room: PromiseWithResolvers<void> | undefined;

  /** Begins a turn. */
  constructor(readonly turnId: string, parts: ActiveTurnParts) {
    const stored = Promise.withResolvers<void>();
    this.stored = stored.promise;
    this.before = parts.before;
    this.#stalledMs = parts.stalledMs;
    this.done = this.#run(parts, stored.resolve).finally(() => {
      parts.onOver();
      stored.resolve();
      this.#finish();
    });
  }

  /**
   * Listens to the turn, from its beginning.
   *
   * @returns a function that stops listening; the turn ends when nobody is
   * left. Nothing where no more can listen
   */
  listen(write: Write): (() => void) | undefined {
    const isFull = this.#listeners.size >= MAX_LISTENERS;
    if (isFull || this.#beginning === undefined) return undefined;
    const waiting = [...this.#beginning];
    const listener: Listener = { write, waiting, caughtUpAt: 0 };
    this.#listeners.add(listener);
    this.#hand(listener);
    if (listener.timer === undefined) this.#goOn();
    return () => this.#leave(listener);
  }

  /** Ends the turn, cancels what it waits for, and resolves when it is over. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.#controller.abort();
    // Whoever started the turn is told how it failed.
    await this.done.catch(() => {});
  }

  async #run(
    { ready, run }: ActiveTurnParts,
    stored: () => void,
  ): Promise<void> {
    await ready;
    await this.before?.stop();
    this.before = undefined;
    // A caller who has left already has spoken all the same.
    const write: Write = (part) => this.#write(part);
    await run(this.#controller.signal, { write, stored });
  }

  /** Hands a part to everybody. Where all are slow, resolves when one can take more. */
  #write(part: TurnPart): Promise<void> | undefined {
    const { type } = part;
    const { length } = type === "speech" ? part.text : JSON.stringify(part);
    this.#letters += length;
    this.#beginning?.push(part);
    if (this.#letters > MAX_KEPT) this.#beginning = undefined;
    let hasRoom = this.#listeners.size === 0;
    for (const listener of this.#listeners) {
      listener.waiting.push(part);
      this.#hand(listener);
      hasRoom ||= listener.timer === undefined;
    }
    if (!hasRoom) return (this.#room ??= Promise.withResolvers()).promise;
    for (const listener of this.#listeners) {
      const owed = this.#letters - listener.caughtUpAt;
      if (owed > MAX_KEPT) this.#leave(listener);
    }
    return undefined;
  }

  #hand(listener: Listener): void {
    while (listener.timer === undefined && this.#listeners.has(listener)) {
      const part = listener.waiting.shift();
      if (part === undefined) {
        listener.caughtUpAt = this.#letters;
        return;
      }
      const taken = listener.write(part);
      if (taken) this.#waitFor(listener, taken);
    }
  }

  #waitFor(listener: Listener, taken: Promise<void>): void {
    const leave = () => this.#leave(listener);
    listener.timer = setTimeout(leave, this.#stalledMs);
    taken.then(() => {
      clearTimeout(listener.timer);
      listener.timer = undefined;
      this.#goOn();
      this.#hand(listener);
    }, leave);
  }

  #goOn(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #leave(listener: Listener): void {
    clearTimeout(listener.timer);
    const { size } = this.#listeners;
    if (!this.#listeners.delete(listener) || size > 1) return;
    this.#goOn();
    void this.stop();
  }

  /** Hands everybody what they lack, and waits for nobody. */
  #finish(): void {
    for (const { timer, waiting, write } of this.#listeners) {
      clearTimeout(timer);
      for (const part of waiting) write(part);
    }
    this.#listeners.clear();
    this.#beginning = undefined;
  }
}

/** The turns under way. */
export class ActiveTurns {
  readonly #options: Required<ActiveTurnsOptions>;
  readonly #enter = createTurnstile();
  /** The newest of each conversation. */
  readonly #turns = new Map<string, ActiveTurn>();
  /** All of them, also those that wait for the one before. */
  #count = 0;

  /** Makes the list, with no turn in it. */
  constructor(options: ActiveTurnsOptions = {}) {
    this.#options = { max: Infinity, stalledMs: 30_000, ...options };
  }

  /** In how many conversations a turn is under way. */
  get size(): number {
    return this.#turns.size;
  }

  /** Whether a conversation's turn is under way. */
  has(conversationId: string): boolean {
    return this.#turns.has(conversationId);
  }

  /**
   * Makes sure that a turn of this conversation may begin.
   *
   * @throws {TooManyTurnsError} when it may not
   */
  admit(conversationId: string): void {
    // A caller who is in a call and interrupts is served before one who comes.
    const { max } = this.#options;
    if (this.#count < (this.has(conversationId) ? 2 * max : max)) return;
    throw new TooManyTurnsError(
      "As many turns are under way as MAX_TURNS allows: try again",
    );
  }

  /**
   * Starts a turn, once the one before it in its conversation has ended.
   *
   * @throws {TooManyTurnsError} as {@linkcode ActiveTurns.admit} does
   */
  start({ conversationId, turnId }: TurnId, run: RunTurn): ActiveTurn {
    this.admit(conversationId);
    const turn = new ActiveTurn(turnId, {
      run,
      ready: this.#enter(this.#count),
      before: this.#turns.get(conversationId),
      stalledMs: this.#options.stalledMs,
      onOver: () => {
        this.#count--;
        const isNewest = this.#turns.get(conversationId) === turn;
        if (isNewest) this.#turns.delete(conversationId);
      },
    });
    this.#turns.set(conversationId, turn);
    this.#count++;
    return turn;
  }

  /** This very turn, where it is under way and doesn't end for want of a listener. */
  find({ conversationId, turnId }: TurnId): ActiveTurn | undefined {
    const newest = this.#turns.get(conversationId);
    let turn = newest;
    while (turn && turn.turnId !== turnId) turn = turn.before;
    // One that a newer turn ends is not to be begun again, and end that one.
    return turn === newest && turn?.isStopped ? undefined : turn;
  }

  /** Ends a conversation's turn, if one is under way. */
  async end(conversationId: string): Promise<void> {
    await this.#turns.get(conversationId)?.stop();
  }

  /** Ends every turn. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#turns.values()].map((turn) => turn.stop()));
  }
}
