/**
 * What a platform is: a service that carries calls and asks Parley what to say.
 * Its folder authenticates requests, converts them to events of a conversation,
 * and writes the answer's parts in its own format.
 *
 * @module
 */
import { TooManyTurnsError } from "../conversation/active_turns.ts";
import type {
  AnswerOutput,
  Conversations,
} from "../conversation/conversation.ts";
import { HttpError, shuttingDown } from "../server/http.ts";
import type { Log } from "../server/log.ts";
import type { Routes } from "../server/router.ts";

/** What every platform gets. */
export interface PlatformParts {
  /** Answers its events. */
  conversations: Conversations;
  /** The log, for refused requests. Keys and what callers say never go into it. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/**
 * A platform that calls come from: creates the routes that it requests.
 *
 * @example A platform that posts plain text, and reads plain text
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createTextStream } from "../server/text_stream.ts";
 * import type { Routes } from "../server/router.ts";
 * import { type Platform, respond } from "./platform.ts";
 *
 * const plain: Platform<{ key: string }> = (
 *   { conversations },
 *   { key },
 * ): Routes => {
 *   async function turn(request: Request): Promise<Response> {
 *     if (request.headers.get("authorization") !== `Bearer ${key}`) {
 *       return new Response(null, { status: 401 });
 *     }
 *     const call = { conversationId: "1", turnId: "1", metadata: {} };
 *     const text = await request.text();
 *     const { write, end, signal, body } = createTextStream();
 *     return await respond(conversations, { ...call, type: "message", text }, {
 *       write: (part) => part.type === "speech" ? write(part.text) : undefined,
 *       end,
 *       signal,
 *       response: new Response(body),
 *     });
 *   }
 *   return { "/plain": { POST: turn } };
 * };
 * assertEquals(typeof plain, "function");
 * ```
 */
export type Platform<Options> = (
  parts: PlatformParts,
  options: Options,
) => Routes;

/** An answer that is being written. */
export interface Answer extends AnswerOutput {
  /** Aborted when the client disconnects before the end. */
  readonly signal: AbortSignal;
  /** The response, which may be sent before the first word, or once the answer is complete. */
  readonly response: Response | Promise<Response>;
}

/**
 * Answers a turn. Resolves to the response, not before the caller's words are stored.
 *
 * @throws {HttpError} 503 if there are too many turns, or if the process is shutting down
 */
export async function respond(
  conversations: Conversations,
  event: Parameters<Conversations["respond"]>[0],
  answer: Answer,
): Promise<Response> {
  try {
    const isTaken = await conversations.respond(event, answer, answer.signal);
    if (!isTaken) throw shuttingDown();
    return answer.response;
  } catch (error) {
    if (!(error instanceof TooManyTurnsError)) throw error;
    const headers = { "retry-after": `${error.retryAfterSeconds}` };
    throw new HttpError(503, "too_many_turns", error.message, headers);
  }
}
