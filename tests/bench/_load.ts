/**
 * What the bench and its callers (`programs/load.ts`) say to each other.
 *
 * @module
 */

/** What turns are signed with. */
export const SECRET = "a secret for the bench only";

/** What chat completions are asked with. */
export const KEY = "key-for-the-bench-only";

/** By whom Parley is asked: Layercode's webhook, or a platform by chat completions. */
export type Face = "layercode" | "openai";

/** Callers to play. */
export interface Job {
  /** The server's address. */
  url: string;
  /** What the conversations' ids begin with. */
  name: string;
  /** How many callers talk at once. */
  callers: number;
  /** How many turns each has, one after another. */
  turns: number;
  /** Default: Layercode's. */
  face?: Face;
  /** The number of the first turn, where the conversation goes on. */
  firstTurn?: number;
  /** The time in which callers come in one by one. Default: all at once. */
  spreadMs?: number;
  /** How long a caller waits who is refused with 503 before it sends the turn again. Default: that is a fault. */
  retryMs?: number;
}

/** How long each turn took, in milliseconds, from its sending. */
export interface Times {
  /** Until the first word had come. */
  firstMs: number[];
  /** Until the answer was whole. */
  totalMs: number[];
  /** Until it was refused. */
  refusedMs: number[];
}
