/**
 * The refusal that all platforms over HTTP put into the same words.
 *
 * @module
 */
import { TooManyTurnsError } from "../conversation/active_turns.ts";
import { HttpError } from "../server/http.ts";

/**
 * Tells the platform to try again, where there are too many turns.
 *
 * @throws {HttpError} 503 with `retry-after`; any other error as it is
 */
export function refuse(error: unknown): never {
  if (!(error instanceof TooManyTurnsError)) throw error;
  const headers = { "retry-after": `${error.retryAfterSeconds}` };
  throw new HttpError(503, "too_many_turns", error.message, headers);
}
