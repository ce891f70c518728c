/**
 * All that one turn waits for in time, on one timer: words that are due, a
 * filler, a look at the store. Setting an alarm later than it was costs no
 * more than a number, and that is what happens at every word.
 *
 * @module
 */

/** Alarms by name, on one timer. */
export interface Alarms {
  /** Has `ring` called once after a time, in place of what had this name. */
  set(name: string, afterMs: number, ring: () => void): void;
  /** Takes an alarm back. */
  clear(name: string): void;
  /** Takes all of them back, and lets no more be set. */
  close(): void;
}

/** Makes the alarms of one turn. */
export function createAlarms(): Alarms {
  const due = new Map<string, { at: number; ring: () => void }>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = Infinity;
  let isClosed = false;

  function arm(at: number): void {
    if (at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(wake, Math.max(at - performance.now(), 0));
  }

  function wake(): void {
    timerAt = Infinity;
    // A timer may ring a fraction of a millisecond early.
    const now = performance.now() + 1;
    for (const [name, alarm] of [...due]) {
      if (alarm.at > now || due.get(name) !== alarm) continue;
      due.delete(name);
      alarm.ring();
    }
    for (const { at } of due.values()) arm(at);
  }

  return {
    set(name, afterMs, ring) {
      if (isClosed) return;
      const at = performance.now() + afterMs;
      due.set(name, { at, ring });
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
