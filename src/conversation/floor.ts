/**
 * Who has the floor: in each conversation one turn at a time. A newer turn
 * ends the one before it and waits until that one has written its record, so
 * that two turns never interleave.
 *
 * @module
 */
import type { RunningTurn, RunTurn, TurnPart } from "./turn.ts";

/** The turns under way. */
export interface Floor {
  /** Gives a conversation's floor to a new turn, which begins at once. */
  take(conversationId: string, run: RunTurn): RunningTurn;
  /** Ends a conversation's turn, if one is under way. */
  end(conversationId: string): Promise<void>;
  /** Ends every turn. */
  clear(): Promise<void>;
  /** How many turns are under way. */
  readonly size: number;
}

/** Makes an empty floor. */
export function createFloor(): Floor {
  const holders = new Map<string, RunningTurn>();

  function take(conversationId: string, run: RunTurn): RunningTurn {
    const before = holders.get(conversationId);
    const controller = new AbortController();
    const stored = Promise.withResolvers<void>();

    async function* steps(): AsyncGenerator<TurnPart, void> {
      try {
        await before?.stop();
        yield* run(controller.signal, () => stored.resolve());
      } finally {
        if (holders.get(conversationId) === turn) {
          holders.delete(conversationId);
        }
      }
    }

    const iterator = steps();
    const turn: RunningTurn = {
      stored: stored.promise,
      next() {
        const step = first ?? iterator.next();
        first = undefined;
        return step;
      },
      // Aborting doesn't wake a generator that waits at a `yield`, and
      // `return` waits for whatever the generator awaits: both are needed.
      async stop() {
        controller.abort();
        await iterator.return();
      },
    };
    holders.set(conversationId, turn);
    // Begun before anybody asks for the first piece: a caller who leaves at
    // once has spoken all the same, and a generator that never began would
    // skip its `finally`.
    let first: ReturnType<typeof iterator.next> | undefined = iterator.next();
    // A turn that can't be stored speaks or fails all the same; whoever asks for
    // the first piece is told.
    first.then(() => stored.resolve(), () => stored.resolve());
    return turn;
  }

  async function end(conversationId: string): Promise<void> {
    await holders.get(conversationId)?.stop();
  }

  async function clear(): Promise<void> {
    await Promise.allSettled(
      [...holders.values()].map((turn) => turn.stop()),
    );
  }

  return {
    take,
    end,
    clear,
    get size() {
      return holders.size;
    },
  };
}
