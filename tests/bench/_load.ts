/**
 * The messages between the bench and its callers (`programs/load.ts`).
 *
 * @module
 */

/** The secret that signs webhooks. */
export const SECRET = "a secret for the bench only";

/** The API key of chat completions. */
export const KEY = "key-for-the-bench-only";

/** The API that the callers use: Layercode's webhook, or chat completions. */
export type Api = "layercode" | "openai";

/** Callers to play. */
export interface Job {
  /** The server's address. */
  url: string;
  /** The prefix of the conversations' ids. */
  name: string;
  /** How many callers talk at once. */
  callers: number;
  /** How many turns each caller has, one after another. */
  turns: number;
  /** Default: Layercode's. */
  api?: Api;
  /** The number of the first turn, if the conversation exists already. */
  firstTurn?: number;
  /** The time over which the callers start one by one, in milliseconds. Default: all at once. */
  spreadMs?: number;
  /** How long a caller waits after a 503 before it sends the turn again, in milliseconds. Default: a 503 is a fault. */
  retryMs?: number;
}

/** How long each turn took since it was sent, in milliseconds. */
export interface Times {
  /** Until the first word arrived. */
  firstMs: number[];
  /** Until the answer was complete. */
  totalMs: number[];
  /** Until it was refused. */
  refusedMs: number[];
}
