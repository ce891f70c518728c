/**
 * Delays, promises that a signal ends, and deadlines that share one timer. A turn
 * has several deadlines and moves some with every word: a timer for each took a
 * fifth of the time that beginning a turn takes.
 *
 * @module
 */

/** The shortest interval of the timer, in milliseconds. A deadline may be met that much late. */
const TICK_MS = 10;

/** The longest delay of `setTimeout`; with a longer one it fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

const waiting = new Set<Deadline>();
let timer: ReturnType<typeof setTimeout> | undefined;
let wakesAt = Infinity;

/** A point in time at which a function is called. */
export class Deadline {
  #at = 0;

  /** Creates a deadline that isn't set yet; `onOver` is called once each time that it passes, and must not throw. */
  constructor(readonly onOver: () => void) {}

  /** When the deadline passes, by `performance.now()`. */
  get at(): number {
    return this.#at;
  }

  /** Sets or moves the deadline. This costs next to nothing. */
  set(afterMs: number): void {
    const now = performance.now();
    this.#at = now + afterMs;
    waiting.add(this);
    if (this.#at < wakesAt) wake(now, afterMs);
  }

  /** Cancels the deadline. */
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
  timer = setTimeout(onTimer, Math.min(afterMs, LONGEST_TIMER_MS));
}

function onTimer(): void {
  const now = performance.now();
  let next = Infinity;
  const due: Deadline[] = [];
  for (const deadline of waiting) {
    // A timer may fire a little early.
    if (deadline.at - now < 1) due.push(deadline);
    else next = Math.min(next, deadline.at);
  }
  wakesAt = Infinity;
  if (next < Infinity) wake(now, Math.max(next - now, TICK_MS));
  for (const deadline of due.sort((a, b) => a.at - b.at)) {
    // The callback of another deadline may have cancelled or moved this one.
    if (!waiting.has(deadline) || deadline.at - now >= 1) continue;
    deadline.clear();
    deadline.onOver();
  }
}

/** Resolves after a time, in milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Settles as the promise does, or rejects with the signal's reason once that is aborted: not everything that is awaited observes its signal. */
export function abortable<T>(
  promise: T | Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  return Promise.race([promise, aborted]);
}
