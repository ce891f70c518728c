/**
 * One thing at a time, per key.
 *
 * @module
 */

/** Makes a function that runs tasks of one key in the order they came. */
export function createSerial(): <T>(
  key: string,
  task: () => Promise<T>,
) => Promise<T> {
  const tails = new Map<string, Promise<unknown>>();
  return function serial<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = tails.get(key) ?? Promise.resolve();
    // A failed task is its own caller's business; the next one runs all the same.
    const result = before.then(task, task);
    const tail = result.then(forget, forget);
    tails.set(key, tail);
    function forget() {
      if (tails.get(key) === tail) tails.delete(key);
    }
    return result;
  };
}
