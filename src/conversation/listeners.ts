/**
 * Who listens to one turn. A platform may deliver a turn again while it is
 * under way: the new connection is told all from the beginning, and the turn
 * goes on as long as anybody listens. The fastest listener sets the pace; one
 * who takes nothing for long, or falls far behind, is left.
 *
 * @module
 */
import type { TurnPart, Write } from "./turn.ts";

/** How much of a turn is kept for who comes later, in letters: more than any answer has. */
const MAX_KEPT = 65_536;

/** What a part takes besides its letters. */
const PART_LETTERS = 40;

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

/** The listeners of one turn. */
export class Listeners {
  readonly #listeners = new Set<Listener>();
  /** The turn so far, for who comes later; nothing once it is too long. */
  #beginning: TurnPart[] | undefined = [];
  #letters = 0;
  #room: PromiseWithResolvers<void> | undefined;

  /**
   * Makes those of one turn; there are none yet.
   *
   * @param stalledMs how long a listener may take nothing
   * @param onNobody called when the last listener is gone
   */
  constructor(readonly stalledMs: number, readonly onNobody: () => void) {}

  /** Hands a part to everybody. Where all are slow, resolves when one can take more. */
  write(part: TurnPart): Promise<void> | undefined {
    const { type } = part;
    const { length } = type === "speech" ? part.text : JSON.stringify(part);
    this.#letters += length + PART_LETTERS;
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

  /**
   * Adds a listener, who gets the turn from its beginning.
   *
   * @returns a function that takes the listener away; nothing where there are
   * too many, or the beginning is no longer kept
   */
  add(write: Write): (() => void) | undefined {
    const isFull = this.#listeners.size >= MAX_LISTENERS;
    if (isFull || this.#beginning === undefined) return undefined;
    const waiting = [...this.#beginning];
    const listener: Listener = { write, waiting, caughtUpAt: 0 };
    this.#listeners.add(listener);
    this.#hand(listener);
    if (listener.timer === undefined) this.#goOn();
    return () => this.#leave(listener);
  }

  /** Hands everybody what they lack, and waits for nobody. */
  finish(): void {
    for (const { timer, waiting, write } of this.#listeners) {
      clearTimeout(timer);
      for (const part of waiting) write(part);
    }
    this.#listeners.clear();
    this.#beginning = undefined;
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
    listener.timer = setTimeout(leave, this.stalledMs);
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
    const isLast = this.#listeners.delete(listener) &&
      this.#listeners.size === 0;
    if (!isLast) return;
    this.#goOn();
    this.onNobody();
  }
}
