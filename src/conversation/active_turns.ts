/**
 * The turns under way: in each conversation one at a time. A newer turn ends
 * the one before it and waits until that one has written its record, so that
 * two turns never interleave.
 *
 * @module
 */
import type { RunTurn, TurnOutput, TurnPart } from "./turn.ts";

/** A turn under way. */
export interface ActiveTurn {
  /** Resolves when the caller's words are kept, or can't be. Never rejects. */
  stored: Promise<void>;
  /** Resolves when the turn is over and its record is written; rejects when the turn failed in a way that it can't put into words. */
  done: Promise<void>;
  /** Ends the turn, cancels what it waits for, and resolves when it is over. */
  stop(): Promise<void>;
}

/** The turns under way. */
export interface ActiveTurns {
  /**
   * Starts a turn, once the one before it in its conversation has ended.
   *
   * @param write takes what the turn produces, as {@linkcode TurnOutput.write}
   */
  start(
    conversationId: string,
    run: RunTurn,
    write: TurnOutput["write"],
  ): ActiveTurn;
  /** Whether a conversation's turn is under way. */
  has(conversationId: string): boolean;
  /** Ends a conversation's turn, if one is under way. */
  end(conversationId: string): Promise<void>;
  /** Ends every turn. */
  endAll(): Promise<void>;
  /** How many turns are under way. */
  readonly size: number;
}

/** Makes the list of turns under way, with none in it. */
export function createActiveTurns(): ActiveTurns {
  const turns = new Map<string, ActiveTurn>();

  function start(
    conversationId: string,
    run: RunTurn,
    write: (part: TurnPart) => Promise<void> | undefined,
  ): ActiveTurn {
    const before = turns.get(conversationId);
    const controller = new AbortController();
    const stored = Promise.withResolvers<void>();
    const out: TurnOutput = { write, stored: () => stored.resolve() };

    async function go(): Promise<void> {
      try {
        await before?.stop();
        // A caller who has left already has spoken all the same.
        await run(controller.signal, out);
      } finally {
        stored.resolve();
        if (turns.get(conversationId) === turn) turns.delete(conversationId);
      }
    }

    const turn: ActiveTurn = {
      stored: stored.promise,
      done: Promise.resolve().then(go),
      async stop() {
        controller.abort();
        // Whoever started the turn is told how it failed.
        await turn.done.catch(() => {});
      },
    };
    turns.set(conversationId, turn);
    return turn;
  }

  async function end(conversationId: string): Promise<void> {
    await turns.get(conversationId)?.stop();
  }

  async function endAll(): Promise<void> {
    await Promise.all([...turns.values()].map((turn) => turn.stop()));
  }

  return {
    start,
    has: (conversationId) => turns.has(conversationId),
    end,
    endAll,
    get size() {
      return turns.size;
    },
  };
}
