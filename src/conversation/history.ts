/**
 * From what is kept of a conversation to what the model is shown of it. Pure.
 *
 * @module
 */
import type { Message } from "../providers/provider.ts";
import type { Session } from "../sessions/session.ts";

/** The conversation so far, oldest first: what the caller and the agent said. */
export function toMessages(session: Session): Message[] {
  const messages: Message[] = [];
  for (const turn of session.turns) {
    if (turn.user) messages.push({ role: "user", text: turn.user });
    if (turn.assistant) {
      messages.push({ role: "assistant", text: turn.assistant });
    }
  }
  return messages;
}
