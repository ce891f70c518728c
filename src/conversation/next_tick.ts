/**
 * What is done once all that is at hand has been dealt with: one timer for all
 * turns, where each would take one of its own for every word.
 *
 * @module
 */
const tasks = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Has a task run once, on the event loop's next round. It must not throw. */
export function onNextTick(task: () => void): void {
  tasks.add(task);
  timer ??= setTimeout(run, 0);
}

/** Takes a task back. */
export function cancelNextTick(task: () => void): void {
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
