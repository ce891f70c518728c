/**
 * Times after which something is given up. A turn has several of them and moves
 * some with every word, so one timer serves them all: one of its own for each
 * took a fifth of what it costs to begin a turn.
 *
 * @module
 */

/** How often the timer goes off, at most: what is due in between waits so long. */
const TICK_MS = 10;

const waiting = new Set<Deadline>();
let timer: ReturnType<typeof setTimeout> | undefined;
let wakesAt = Infinity;

/** A time after which something is given up. */
export class Deadline {
  #at = 0;

  /**
   * Makes one that isn't set yet.
   *
   * @param onOver called when the time is up, once each time that it is set; must not throw
   */
  constructor(readonly onOver: () => void) {}

  /** When it is over, in milliseconds of `performance.now()`. */
  get at(): number {
    return this.#at;
  }

  /** Sets the time, or moves it, which costs next to nothing. */
  set(afterMs: number): void {
    const now = performance.now();
    this.#at = now + afterMs;
    waiting.add(this);
    if (this.#at < wakesAt) wake(now, afterMs);
  }

  /** Takes the time back. */
  clear(): void {
    waiting.delete(this);
    if (waiting.size > 0) return;
    clearTimeout(timer);
    wakesAt = Infinity;
  }
}

function wake(now: number, afterMs: number): void {
  clearTimeout(timer);
  wakesAt = now + afterMs;
  timer = setTimeout(onTimer, afterMs);
}

function onTimer(): void {
  const now = performance.now();
  let next = Infinity;
  const due: Deadline[] = [];
  for (const deadline of waiting) {
    // A timer may go off a little early.
    if (deadline.at - now < 1) due.push(deadline);
    else next = Math.min(next, deadline.at);
  }
  wakesAt = Infinity;
  if (next < Infinity) wake(now, Math.max(next - now, TICK_MS));
  for (const deadline of due.sort((a, b) => a.at - b.at)) {
    // One before it may have taken it back, or moved it.
    if (!waiting.has(deadline) || deadline.at - now >= 1) continue;
    deadline.clear();
    deadline.onOver();
  }
}
