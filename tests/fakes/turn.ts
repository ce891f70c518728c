/**
 * Runs a turn for a listener that takes its parts one by one.
 *
 * @module
 */
import type {
  RunTurn,
  TurnOutput,
  TurnPart,
} from "../../src/conversation/turn.ts";

/** The options of {@linkcode play}. */
export interface PlayOptions {
  /** Stops the turn. */
  signal?: AbortSignal;
  /** Called when the caller's words are stored. */
  onStored?: () => void;
}

/**
 * Runs a turn and yields its parts as they come. The turn waits until the last
 * part was read, and is stopped when the reader returns.
 */
export async function* play(
  run: RunTurn,
  { signal, onStored = () => {} }: PlayOptions = {},
): AsyncGenerator<TurnPart, void> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  const queue: { part: TurnPart; taken: () => void }[] = [];
  let wake = Promise.withResolvers<void>();
  let isOver = false;
  let taken = () => {};
  const out: TurnOutput = {
    stored: onStored,
    write(part) {
      if (isOver) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      queue.push({ part, taken: resolve });
      wake.resolve();
      return promise;
    },
  };
  const done = run(controller.signal, out).finally(() => {
    isOver = true;
    wake.resolve();
  });
  done.catch(() => {});
  try {
    while (true) {
      const next = queue.shift();
      if (next) {
        taken = next.taken;
        yield next.part;
        taken();
      } else if (isOver) {
        return await done;
      } else {
        await wake.promise;
        wake = Promise.withResolvers();
      }
    }
  } finally {
    isOver = true;
    controller.abort();
    taken();
    for (const { taken } of queue) taken();
    signal?.removeEventListener("abort", onAbort);
    await done;
  }
}

/** Returns what is said in a turn, piece by piece. */
export async function listen(
  run: RunTurn,
  options: PlayOptions = {},
): Promise<string[]> {
  const said: string[] = [];
  for await (const part of play(run, options)) {
    if (part.type === "speech") said.push(part.text);
  }
  return said;
}
