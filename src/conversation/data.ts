/**
 * What a page sends to the agent: handed to the owner's handler once, however
 * often it comes, and answered with what the handler returned.
 *
 * @module
 */
import { toDataKey } from "../sessions/record.ts";
import type { SessionStore } from "../sessions/store.ts";
import type { TurnId } from "./turn.ts";

/** What the handler is told besides the data. */
export interface DataContext extends TurnId {
  /** What the owner attached when the session was authorised. */
  metadata: Record<string, unknown>;
}

/**
 * The owner's handler. What it returns is sent to the page; `undefined` means
 * that there is nothing to say.
 */
export type DataHandler = (
  data: unknown,
  context: DataContext,
) => unknown | Promise<unknown>;

/** What is needed to answer pages. */
export interface DataParts {
  /** Remembers what was answered, over restarts too. */
  store: SessionStore;
  /** The owner's handler; not called again for what was answered. */
  onData: DataHandler;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** How much data without an answer is remembered. */
const MAX_UNANSWERED = 10_000;

/** Makes the function that answers pages. */
export function createDataAnswer(
  { store, onData, now }: DataParts,
): DataHandler {
  const underway = new Map<string, Promise<unknown>>();
  /** Told by their hashes: of data without an answer, the store keeps nothing. */
  const unanswered = new Set<string>();

  async function once(data: unknown, context: DataContext): Promise<unknown> {
    const { conversationId, turnId } = context;
    const hash = toDataKey(turnId, [conversationId, data]);
    if (unanswered.has(hash)) return undefined;
    const before = (await store.load(conversationId)).replyTo(turnId, data);
    if (before) return before.reply;
    const reply = await onData(data, context);
    if (reply === undefined) {
      if (unanswered.size === MAX_UNANSWERED) unanswered.clear();
      unanswered.add(hash);
      return undefined;
    }
    const at = new Date(now()).toISOString();
    // Another instance may have been first: the page is told one thing.
    const session = await store.update(
      conversationId,
      (session) =>
        session.replyTo(turnId, data)
          ? []
          : [{ type: "data", turnId, key: toDataKey(turnId, data), reply, at }],
    );
    const kept = session.replyTo(turnId, data);
    // One that is too long isn't kept.
    return kept ? kept.reply : reply;
  }

  return function answerData(data, context) {
    const { conversationId, turnId } = context;
    const key = JSON.stringify([conversationId, turnId, data]);
    const answer = underway.get(key) ??
      once(data, context).finally(() => underway.delete(key));
    underway.set(key, answer);
    return answer;
  };
}
