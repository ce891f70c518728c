/**
 * The turns under way: one at a time in each conversation, and in total no more
 * than the owner allows. A newer turn stops the one before it and waits until
 * that one has written its record, so that two turns never interleave.
 *
 * @module
 */
import type { RunTurn, TurnId, TurnPart, Write } from "./turn.ts";
import { createTurnstile } from "./turnstile.ts";

/** How many turns may run at once, and how long a slow listener is kept. */
export interface ActiveTurnsOptions {
  /** The most turns under way. A turn that supersedes another is admitted up to twice that number. Default: no limit. */
  max?: number;
  /** How long a listener may read nothing before it is dropped, in milliseconds. Default: 30,000. */
  stalledMs?: number;
}

/** Thrown when as many turns are under way as the owner allows. The message may be shown to the sender. */
export class TooManyTurnsError extends Error {
  /** The name in stack traces. */
  override readonly name = "TooManyTurnsError";
  /** When the sender should try again: a turn takes a few seconds. */
  readonly retryAfterSeconds = 2;
}

/** How many characters of a turn are kept for listeners that join later: more than any answer has. */
const MAX_KEPT = 65_536;

/** The most connections that one turn is sent to. */
const MAX_LISTENERS = 4;

interface Listener {
  write: Write;
  /** Set while it can take no more. */
  timer?: ReturnType<typeof setTimeout> | undefined;
  /** The turn's length, in characters, when that began. */
  slowFrom: number;
}

/** What an active turn is made of. */
export type ActiveTurnParts = {
  run: RunTurn;
  /** Resolves when it may begin. */
  ready: Promise<void>;
  /** The turn that it supersedes. */
  before: ActiveTurn | undefined;
  /** How long a listener may read nothing, in milliseconds. */
  stalledMs: number;
  onOver: () => void;
};

/**
 * A turn under way. If the platform delivers it again meanwhile, the new
 * connection gets the answer from its beginning, and the turn goes on as long as
 * anybody listens. The fastest listener sets the pace; one that reads nothing
 * for long, or falls far behind, is dropped.
 */
export class ActiveTurn {
  /** Resolves when the caller's words are stored, or can't be. Never rejects. */
  readonly stored: Promise<void>;
  /** Resolves when the turn is over and its record is written; rejects when it failed without telling the caller. */
  readonly done: Promise<void>;
  /** The turn that it supersedes, until that one has ended. */
  before: ActiveTurn | undefined;
  readonly #stalledMs: number;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<Listener>();
  readonly #slow = new Set<Listener>();
  /** The parts so far, for listeners that join later; dropped once they are too long. */
  #beginning: TurnPart[] | undefined = [];
  #letters = 0;
  /** Resolves when some listener can take more. */
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
      for (const { timer } of this.#slow) clearTimeout(timer);
      this.#listeners.clear();
      this.#beginning = undefined;
    });
  }

  /** Whether it was told to stop. */
  get isStopped(): boolean {
    return this.#controller.signal.aborted;
  }

  /**
   * Adds a listener, which gets the turn from its beginning. Returns a function
   * that stops listening, or `undefined` where no more listeners are taken.
   */
  listen(write: Write): (() => void) | undefined {
    const isFull = this.#listeners.size >= MAX_LISTENERS;
    if (isFull || this.#beginning === undefined) return undefined;
    const listener: Listener = { write, slowFrom: 0 };
    this.#listeners.add(listener);
    for (const part of this.#beginning) this.#hand(listener, part);
    if (!this.#slow.has(listener)) this.#goOn();
    return () => this.#leave(listener);
  }

  /** Stops the turn, cancels what it waits for, and resolves when it is over. */
  async stop(): Promise<void> {
    this.#controller.abort();
    this.#goOn();
    // Whoever started the turn handles its failure.
    await this.done.catch(() => {});
  }

  async #run(
    { ready, run }: ActiveTurnParts,
    stored: () => void,
  ): Promise<void> {
    await ready;
    await this.before?.stop();
    this.before = undefined;
    // Even if the caller has hung up already, what they said is stored.
    await run(this.#controller.signal, {
      write: (part) => this.#write(part),
      room: () => this.#waitForRoom(),
      stored,
    });
  }

  /** Whether no listener can take more. */
  get #isSlow(): boolean {
    return this.#slow.size > 0 && this.#slow.size === this.#listeners.size;
  }

  #waitForRoom(): Promise<void> | undefined {
    if (!this.#isSlow || this.isStopped) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  #write(part: TurnPart): void {
    const { type } = part;
    const { length } = type === "speech" ? part.text : JSON.stringify(part);
    this.#letters += length;
    this.#beginning?.push(part);
    if (this.#letters > MAX_KEPT) this.#beginning = undefined;
    for (const listener of this.#listeners) this.#hand(listener, part);
    if (this.#isSlow) return;
    for (const listener of this.#slow) {
      const owed = this.#letters - listener.slowFrom;
      if (owed > MAX_KEPT) this.#leave(listener);
    }
  }

  #hand(listener: Listener, part: TurnPart): void {
    const taken = listener.write(part);
    if (taken === undefined) return;
    const leave = () => this.#leave(listener);
    if (!this.#slow.has(listener)) {
      this.#slow.add(listener);
      listener.slowFrom = this.#letters;
      listener.timer = setTimeout(leave, this.#stalledMs);
    }
    taken.then(() => {
      clearTimeout(listener.timer);
      this.#slow.delete(listener);
      this.#goOn();
    }, leave);
  }

  #goOn(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #leave(listener: Listener): void {
    clearTimeout(listener.timer);
    this.#slow.delete(listener);
    const isLast = this.#listeners.delete(listener) &&
      this.#listeners.size === 0;
    if (isLast) void this.stop();
    else this.#goOn();
  }
}

/** The turns under way. */
export class ActiveTurns {
  readonly #options: Required<ActiveTurnsOptions>;
  readonly #enter = createTurnstile();
  /** The newest of each conversation. */
  readonly #turns = new Map<string, ActiveTurn>();
  /** The number of turns, including those that wait for the one before them. */
  #count = 0;

  /** Makes an empty list. */
  constructor(options: ActiveTurnsOptions = {}) {
    this.#options = { max: Infinity, stalledMs: 30_000, ...options };
  }

  /** The number of conversations that have a turn under way. */
  get size(): number {
    return this.#turns.size;
  }

  /** Whether a conversation has a turn under way. */
  has(conversationId: string): boolean {
    return this.#turns.has(conversationId);
  }

  /** Throws a {@linkcode TooManyTurnsError} unless a turn of this conversation may begin. */
  admit(conversationId: string): void {
    // A caller who interrupts comes before one whose call begins.
    const { max } = this.#options;
    if (this.#count < (this.has(conversationId) ? 2 * max : max)) return;
    throw new TooManyTurnsError(
      "As many turns are under way as MAX_TURNS allows: try again",
    );
  }

  /** Admits a turn, and starts it once the one before it in its conversation has ended. */
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

  /** Finds this very turn among those under way, unless it was stopped because nobody listened. */
  find({ conversationId, turnId }: TurnId): ActiveTurn | undefined {
    const newest = this.#turns.get(conversationId);
    let turn = newest;
    while (turn && turn.turnId !== turnId) turn = turn.before;
    // A superseded turn is found even while it stops: begun anew, it would
    // supersede the newer one.
    return turn === newest && turn?.isStopped ? undefined : turn;
  }

  /** Stops a conversation's turn, if one is under way. */
  async end(conversationId: string): Promise<void> {
    await this.#turns.get(conversationId)?.stop();
  }

  /** Stops every turn. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#turns.values()].map((turn) => turn.stop()));
  }
}
