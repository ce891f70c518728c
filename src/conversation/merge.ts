/**
 * Words that came while earlier ones were being stored, as one piece: where the
 * store is far away, an answer must not be as slow as one round trip a word.
 *
 * @module
 */
import type { ToolPart } from "./tool_loop.ts";

/**
 * Passes parts on; runs of text that are there already become one.
 *
 * @param isWanted asked before each; where the store is near, a word need not
 * wait for what comes after it
 */
export async function* mergeText(
  parts: AsyncIterable<ToolPart>,
  isWanted: () => boolean,
): AsyncGenerator<ToolPart, void> {
  const iterator = parts[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<ToolPart>> | undefined;
  try {
    while (true) {
      const { done, value } = await (next ?? iterator.next());
      next = undefined;
      if (done) return;
      let part: ToolPart = value;
      while (part.type === "text-delta" && isWanted()) {
        next = iterator.next();
        // A failure comes after the words before it.
        const ready = await Promise.race([next.catch(() => {}), nothingYet()]);
        if (!ready || ready.done || ready.value.type !== "text-delta") break;
        next = undefined;
        part = { type: "text-delta", text: part.text + ready.value.text };
      }
      yield part;
    }
  } finally {
    // Whoever left wants to hear no more of it.
    next?.catch(() => {});
    await iterator.return?.();
  }
}

/** Once all that is there already has had its turn. */
function nothingYet(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), 0));
}
