/**
 * The turn in which the agent speaks first, which asks no model.
 *
 * @module
 */
import type { Session } from "../sessions/session.ts";
import { readAhead } from "./question.ts";
import type { CallContext, RunTurn, TurnParts } from "./turn.ts";

/** Makes the turn that welcomes the caller. Meanwhile the model reads the beginning of its prompt. */
export function welcome(call: CallContext, parts: TurnParts): RunTurn {
  const { store, agent, log, now } = parts;
  const { conversationId, turnId } = call;
  return async function (_signal, out) {
    const at = new Date(now()).toISOString();
    let text = "";
    let session: Session | undefined;
    try {
      session = await store.update(conversationId, (session) => {
        // It may have been delivered twice at once, perhaps to two instances.
        const before = session.turn(turnId);
        text = before?.assistant ?? "";
        if (before) return [];
        const isKnown = session.turns.some((turn) =>
          turn.user || turn.assistant
        );
        text = isKnown ? agent.welcomeBackMessage : agent.welcomeMessage;
        const end = { type: "end", turnId, status: "complete", at } as const;
        return text === ""
          ? [end]
          : [{ type: "assistant", turnId, text, at }, end];
      });
    } catch (error) {
      log.error("turn.failed", { conversationId, turnId, error });
      text = agent.errorMessage;
    }
    out.stored();
    if (text !== "") out.write({ type: "speech", text });
    if (session) void readAhead(session, call, parts);
  };
}
