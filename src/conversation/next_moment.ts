/**
 * What may wait a moment, so that things which come close upon each other are
 * done as one. One timer serves all turns.
 *
 * @module
 */

/** The longest that anything waits. Nobody hears such a pause. */
const MOMENT_MS = 10;

const tasks = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Has a task run once, within 10 ms. It must not throw. */
export function onNextMoment(task: () => void): void {
  tasks.add(task);
  timer ??= setTimeout(run, MOMENT_MS);
}

/** Takes a task back. */
export function cancelNextMoment(task: () => void): void {
  tasks.delete(task);
  if (tasks.size > 0) return;
  clearTimeout(timer);
  timer = undefined;
}

function run(): void {
  timer = undefined;
  const due = [...tasks];
  tasks.clear();
  for (const task of due) task();
}
