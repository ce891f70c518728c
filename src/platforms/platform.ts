/**
 * What a platform is: somebody who carries a call and asks us for the words.
 * Its folder authenticates, turns its wire into an event of
 * `conversation/conversation.ts`, and writes the answer's parts in its own form;
 * nothing else of Parley knows it.
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

/** What every platform is given besides its own options. */
export interface PlatformParts {
  /** Takes its events, and answers them. */
  conversations: Conversations;
  /** Told of what it refuses. Never of keys, nor of what callers say. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/**
 * A platform: makes the routes by which it reaches us.
 *
 * @example A platform that posts plain text, and reads plain text
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createTextStream } from "../server/text_stream.ts";
 * import { type Platform, respond } from "./platform.ts";
 *
 * const plain: Platform<{ key: string }> = ({ conversations }, { key }) => {
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
  /** Aborted when the client left before the end. */
  readonly signal: AbortSignal;
  /** The response, which may be sent before there is a word. */
  readonly response: Response;
}

/**
 * Has a turn answered. The response is the receipt: the caller's words are kept.
 *
 * @throws {HttpError} 503 where there are too many turns, with `retry-after`, or
 * where the process is about to end
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
