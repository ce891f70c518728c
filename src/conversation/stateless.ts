/**
 * Turns of which nothing is stored: those of calls without a conversation id,
 * whose platform sends the whole conversation each time, and tasks such as
 * finding a title, which belong to no call.
 *
 * @module
 */
import { Session } from "../sessions/session.ts";
import type { Change } from "../sessions/store.ts";
import { type ConversationParts, Conversations } from "./conversation.ts";
import type { TurnParts } from "./turn.ts";

/** Conversations of which nothing is stored. Give each turn its own conversation id. */
export type Stateless = {
  /** Turns of the agent. */
  calls: Conversations;
  /** Answers of the bare model: without the owner's prompt and tools, and exactly as it writes them. */
  tasks: Conversations;
};

/** Makes both. */
export function createStateless(parts: ConversationParts): Stateless {
  const calls = { ...parts, store: createForgetfulStore() };
  const agent = {
    ...parts.agent,
    systemPrompt: "",
    welcomeMessage: "",
    fillerAfterMs: 0,
    speechCleanup: false,
  };
  return {
    calls: new Conversations(calls),
    tasks: new Conversations({ ...calls, agent, tools: [] }),
  };
}

function createForgetfulStore(): TurnParts["store"] {
  const nothing = () => Promise.resolve();
  function make(id: string, change: Change): Session {
    const session = new Session(id);
    for (const record of change(session)) session.apply(record);
    return session;
  }
  return {
    load: (id) => Promise.resolve(new Session(id)),
    update: (id, change) => Promise.resolve(make(id, change)),
    open(id, change) {
      const session = make(id, change);
      const add = session.apply.bind(session);
      return Promise.resolve({ session, add, flush: nothing, close: nothing });
    },
  };
}
