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
  const queue: TurnPart[] = [];
  let wake = Promise.withResolvers<void>();
  let isOver = false;
  /** Resolves when every part was read. */
  let read: PromiseWithResolvers<void> | undefined;
  function onRead(): void {
    read?.resolve();
    read = undefined;
  }
  const out: TurnOutput = {
    stored: onStored,
    write(part) {
      if (isOver) return;
      queue.push(part);
      read ??= Promise.withResolvers();
      wake.resolve();
    },
    room: () => read?.promise,
  };
  const done = run(controller.signal, out).finally(() => {
    isOver = true;
    wake.resolve();
  });
  done.catch(() => {});
  try {
    while (true) {
      const part = queue.shift();
      if (part) {
        yield part;
        if (queue.length === 0) onRead();
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
    onRead();
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
