/**
 * All that one turn waits for in time: a filler, a look at the store, its end.
 * They end together with it.
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
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  let isClosed = false;

  return {
    set(name, afterMs, onTime) {
      clearTimeout(timers.get(name));
      if (!isClosed) timers.set(name, setTimeout(onTime, afterMs));
    },
    clear: (name) => clearTimeout(timers.get(name)),
    close() {
      isClosed = true;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
