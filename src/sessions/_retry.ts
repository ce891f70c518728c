/**
 * Trying again what may go well in a moment.
 *
 * @module
 */

/** Does something, and for a while again where its fault is one that passes. */
export async function retry<T>(
  task: () => Promise<T>,
  isPassing: (error: unknown) => boolean,
  timeoutMs: number,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (let misses = 1;; misses++) {
    try {
      return await task();
    } catch (error) {
      if (!isPassing(error) || performance.now() >= end) throw error;
    }
    await pause(misses);
  }
}

/** A moment of a random length, so that two don't meet again, and longer each time. */
export async function pause(misses: number): Promise<void> {
  const ms = Math.random() * Math.min(5 * 2 ** misses, 200);
  await new Promise((resolve) => setTimeout(resolve, ms));
}
