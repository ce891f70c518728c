/**
 * The turns under way: in each conversation one at a time, and in all no more
 * than the owner allows. A newer turn ends the one before it and waits until
 * that one has written its record, so that two turns never interleave.
 *
 * @module
 */
import { createListeners } from "./listeners.ts";
import { createTurnstile } from "./turnstile.ts";
import type { RunTurn, TurnId, TurnOutput } from "./turn.ts";

/** A turn under way. */
export interface ActiveTurn {
  /** Resolves when the caller's words are kept, or can't be. Never rejects. */
  stored: Promise<void>;
  /** Resolves when the turn is over and its record is written; rejects when the turn failed in a way that it can't put into words. */
  done: Promise<void>;
  /**
   * Listens to the turn, from its beginning.
   *
   * @param write takes what the turn produces, as {@linkcode TurnOutput.write}
   * @returns a function that stops listening; the turn ends when nobody is
   * left. Nothing where no more can listen
   */
  listen(write: TurnOutput["write"]): (() => void) | undefined;
  /** Ends the turn, cancels what it waits for, and resolves when it is over. */
  stop(): Promise<void>;
}

/** The turns under way. */
export interface ActiveTurns {
  /**
   * Starts a turn, once the one before it in its conversation has ended.
   *
   * @throws {TooManyTurnsError} as {@linkcode ActiveTurns.admit} does
   */
  start(id: TurnId, run: RunTurn): ActiveTurn;
  /** This very turn, where it is under way and doesn't end for want of a listener. */
  find(id: TurnId): ActiveTurn | undefined;
  /**
   * Makes sure that a turn of this conversation may begin.
   *
   * @throws {TooManyTurnsError} when it may not
   */
  admit(conversationId: string): void;
  /** Whether a conversation's turn is under way. */
  has(conversationId: string): boolean;
  /** Ends a conversation's turn, if one is under way. */
  end(conversationId: string): Promise<void>;
  /** Ends every turn. */
  endAll(): Promise<void>;
  /** In how many conversations a turn is under way. */
  readonly size: number;
}

/** How many turns there may be, and how patient they are. */
export interface ActiveTurnsOptions {
  /** How many may be under way. A turn that ends another one is let in up to twice that. Default: any number. */
  max?: number;
  /** How long a listener may take nothing, in milliseconds. Default: 30,000. */
  stalledMs?: number;
}

/** As many turns are under way as the owner allows. The message is fit for whoever sent one more. */
export class TooManyTurnsError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "TooManyTurnsError";
  /** When to try again: a turn takes some seconds. */
  readonly retryAfterSeconds = 2;
}

/** As {@linkcode ActiveTurn}, and what only the list knows. */
interface Entry extends ActiveTurn {
  turnId: string;
  isStopped: boolean;
  /** The one that this turn ends, until it has. */
  before: Entry | undefined;
}

/** Makes the list of turns under way, with none in it. */
export function createActiveTurns(
  { max = Infinity, stalledMs = 30_000 }: ActiveTurnsOptions = {},
): ActiveTurns {
  /** The newest of each conversation. */
  const turns = new Map<string, Entry>();
  const enter = createTurnstile();
  /** All of them, also those that wait for the one before. */
  let count = 0;

  function admit(conversationId: string): void {
    // A caller who is in a call and interrupts is served before one who comes.
    if (count < (turns.has(conversationId) ? 2 * max : max)) return;
    throw new TooManyTurnsError(
      "As many turns are under way as MAX_TURNS allows: try again",
    );
  }

  function start({ conversationId, turnId }: TurnId, run: RunTurn): ActiveTurn {
    admit(conversationId);
    const controller = new AbortController();
    const stored = Promise.withResolvers<void>();
    const listeners = createListeners({
      stalledMs,
      onNobody: () => void turn.stop(),
    });
    const out: TurnOutput = {
      write: listeners.write,
      stored: () => stored.resolve(),
    };

    async function go(): Promise<void> {
      try {
        await turn.before?.stop();
        turn.before = undefined;
        // A caller who has left already has spoken all the same.
        await run(controller.signal, out);
      } finally {
        count--;
        stored.resolve();
        listeners.finish();
        if (turns.get(conversationId) === turn) turns.delete(conversationId);
      }
    }

    const turn: Entry = {
      turnId,
      isStopped: false,
      before: turns.get(conversationId),
      stored: stored.promise,
      done: enter(count).then(go),
      listen: listeners.add,
      async stop() {
        turn.isStopped = true;
        controller.abort();
        // Whoever started the turn is told how it failed.
        await turn.done.catch(() => {});
      },
    };
    count++;
    turns.set(conversationId, turn);
    return turn;
  }

  function find({ conversationId, turnId }: TurnId): ActiveTurn | undefined {
    const newest = turns.get(conversationId);
    let turn = newest;
    while (turn && turn.turnId !== turnId) turn = turn.before;
    // One that a newer turn ends is not to be begun again, and end that one.
    return turn === newest && turn?.isStopped ? undefined : turn;
  }

  async function end(conversationId: string): Promise<void> {
    await turns.get(conversationId)?.stop();
  }

  async function endAll(): Promise<void> {
    await Promise.all([...turns.values()].map((turn) => turn.stop()));
  }

  return {
    start,
    find,
    admit,
    has: (conversationId) => turns.has(conversationId),
    end,
    endAll,
    get size() {
      return turns.size;
    },
  };
}
