/**
 * All that one turn waits for in time, on one timer of the system: a filler, a
 * look at the store. Putting one off costs no more than a number.
 *
 * @module
 */

/** Timers by name. */
export interface Timers {
  /** Has `onTime` called once after a time, in place of what had this name. */
  set(name: string, afterMs: number, onTime: () => void): void;
  /** Takes one back. */
  clear(name: string): void;
  /** Takes all of them back, and lets no more be set. */
  close(): void;
}

/** Makes the timers of one turn. */
export function createTimers(): Timers {
  const due = new Map<string, { at: number; onTime: () => void }>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = Infinity;
  let isClosed = false;

  function arm(at: number): void {
    if (at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(run, Math.max(at - performance.now(), 0));
  }

  function run(): void {
    timerAt = Infinity;
    // The system's timer may be a fraction of a millisecond early.
    const now = performance.now() + 1;
    for (const [name, entry] of [...due]) {
      if (entry.at > now || due.get(name) !== entry) continue;
      due.delete(name);
      entry.onTime();
    }
    for (const { at } of due.values()) arm(at);
  }

  return {
    set(name, afterMs, onTime) {
      if (isClosed) return;
      const at = performance.now() + afterMs;
      due.set(name, { at, onTime });
      arm(at);
    },
    clear: (name) => void due.delete(name),
    close() {
      isClosed = true;
      due.clear();
      clearTimeout(timer);
    },
  };
}
