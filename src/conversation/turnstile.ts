/**
 * When many callers speak at the same moment, their turns begin a few at a time.
 * Otherwise no request would reach a model, and no word of another turn would be
 * sent, until the last of them had begun.
 *
 * @module
 */

/** How many turns begin before everything else gets its time; they take about 20 ms. */
const WIDTH = 32;

/** Makes a function that takes how many turns are under way, and resolves when the next one may begin. */
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
