/**
 * What a platform is: somebody who carries a call and asks us for the words.
 * Its folder authenticates, turns its wire into an event of
 * `conversation/conversation.ts`, and writes the answer's parts in its own form;
 * nothing else of Parley knows it.
 *
 * @module
 */
import { TooManyTurnsError } from "../conversation/active_turns.ts";
import type { Conversations } from "../conversation/conversation.ts";
import { HttpError } from "../server/http.ts";
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
 * A platform.
 *
 * @example A platform that posts plain text, and reads plain text
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import type { Platform, PlatformParts } from "./platform.ts";
 *
 * const plain: Platform<{ key: string }> = {
 *   name: "Plain",
 *   createRoutes({ conversations }: PlatformParts, { key }) {
 *     async function turn(request: Request): Promise<Response> {
 *       if (request.headers.get("authorization") !== `Bearer ${key}`) {
 *         return new Response(null, { status: 401 });
 *       }
 *       const call = { conversationId: "1", turnId: "1", metadata: {} };
 *       const text = await request.text();
 *       const ended = Promise.withResolvers<void>();
 *       let words = "";
 *       const isTaken = await conversations.respond(
 *         { ...call, type: "message", text },
 *         {
 *           write(part) {
 *             if (part.type === "speech") words += part.text;
 *             return undefined;
 *           },
 *           end: ended.resolve,
 *         },
 *         request.signal,
 *       );
 *       if (!isTaken) return new Response(null, { status: 503 });
 *       await ended.promise;
 *       return new Response(words);
 *     }
 *     return { "/plain": { POST: turn } };
 *   },
 * };
 * assertEquals(plain.name, "Plain");
 * ```
 */
export interface Platform<Options> {
  /** As people call it. */
  readonly name: string;
  /** Makes the routes by which it reaches us. */
  createRoutes(parts: PlatformParts, options: Options): Routes;
}

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
