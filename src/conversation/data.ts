/**
 * Data that a page sends to the agent: the owner's handler gets it once, however
 * often it is delivered, and what the handler returns is the answer.
 *
 * @module
 */
import { toDataKey } from "../sessions/record.ts";
import type { ConversationParts } from "./conversation.ts";
import type { CallContext } from "./turn.ts";

/** The owner's handler. What it returns is sent to the page, unless it is `undefined`. */
export type DataHandler = (
  data: unknown,
  context: CallContext,
) => unknown | Promise<unknown>;

/** How many deliveries are remembered that got no answer, and so are not in the store. */
const MAX_KNOWN = 10_000;

/** Makes the function that answers pages. */
export function createDataAnswer(
  { store, onData, now }: Pick<ConversationParts, "store" | "onData" | "now">,
): DataHandler {
  /** Data that is being answered, or has no answer, by its hash. */
  const known = new Map<string, Promise<unknown>>();

  async function ask(data: unknown, context: CallContext): Promise<unknown> {
    const { conversationId, turnId } = context;
    const before = (await store.load(conversationId)).replyTo(turnId, data);
    if (before) return before.reply;
    const reply = await onData(data, context);
    if (reply === undefined) return undefined;
    const key = toDataKey(turnId, data);
    const at = new Date(now()).toISOString();
    // Another instance may have been first: the page gets one answer only.
    const session = await store.update(
      conversationId,
      (session) =>
        session.replyTo(turnId, data)
          ? []
          : [{ type: "data", turnId, key, reply, at }],
    );
    const kept = session.replyTo(turnId, data);
    // A reply that is too long isn't stored.
    return kept ? kept.reply : reply;
  }

  return function answerData(data, context) {
    const key = toDataKey(context.turnId, [context.conversationId, data]);
    const before = known.get(key);
    if (before) return before;
    const [oldest = ""] = known.keys();
    if (known.size === MAX_KNOWN) known.delete(oldest);
    const answer = ask(data, context);
    known.set(key, answer);
    const forget = () => known.delete(key);
    answer.then((reply) => reply === undefined || forget(), forget);
    return answer;
  };
}
