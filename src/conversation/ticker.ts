/**
 * What may wait a moment, so that things which come close upon each other are
 * done as one. One timer serves all turns.
 *
 * @module
 */

/** Runs tasks together. */
export interface Ticker {
  /** Has a task run once, at the next tick. It must not throw. */
  add(task: () => void): void;
  /** Takes a task back. */
  cancel(task: () => void): void;
}

/**
 * Makes a ticker, which stands still while there is nothing to do.
 *
 * @param afterMs the longest that a task waits, in milliseconds
 */
export function createTicker(afterMs: number): Ticker {
  const tasks = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function run(): void {
    timer = undefined;
    const due = [...tasks];
    tasks.clear();
    for (const task of due) task();
  }

  return {
    add(task) {
      tasks.add(task);
      timer ??= setTimeout(run, afterMs);
    },
    cancel(task) {
      tasks.delete(task);
      if (tasks.size > 0) return;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
