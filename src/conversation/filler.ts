/**
 * A few words for a caller who would otherwise hear nothing.
 *
 * @module
 */

/**
 * Passes a stream on, preceded by `filler` when its first item takes too long.
 *
 * @param items left as they are; returned when the reader leaves
 * @param afterMs how long to wait; 0 never fills
 */
export async function* withFiller<T>(
  items: AsyncIterable<T>,
  filler: T,
  afterMs: number,
): AsyncGenerator<T, void> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    if (afterMs > 0 && await isLate(next, afterMs)) yield filler;
    for (let step = await next; !step.done; step = await next) {
      yield step.value;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

/** Whether a promise is still open after this time. Its failure is left to its reader. */
async function isLate(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(true), ms);
  const done = () => late.resolve(false);
  promise.then(done, done);
  try {
    return await late.promise;
  } finally {
    clearTimeout(timer);
  }
}
