/**
 * Where many callers speak in the same moment, their turns begin a few at a
 * time: as long as turns begin, no model is reached, and no word of any other
 * turn leaves.
 *
 * @module
 */

/** How many turns begin before all else gets its time; they take some 20 ms. */
const WIDTH = 32;

/**
 * Makes a turnstile.
 *
 * @returns a function that is told how many turns are under way, and resolves
 * when the next may begin
 */
export function createTurnstile(): (underWay: number) => Promise<void> {
  const waiting: (() => void)[] = [];
  let passed = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function open(): void {
    const next = waiting.splice(0, WIDTH);
    passed = next.length;
    timer = passed > 0 ? setTimeout(open, 0) : undefined;
    for (const pass of next) pass();
  }

  return function enter(underWay) {
    if (underWay < WIDTH) return Promise.resolve();
    timer ??= setTimeout(open, 0);
    if (passed === WIDTH) {
      return new Promise((resolve) => waiting.push(resolve));
    }
    passed++;
    return Promise.resolve();
  };
}
