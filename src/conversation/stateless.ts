/**
 * Turns of which nothing is kept: of calls that bear no name, whose platform
 * sends all that was said each time, and of tasks such as finding a title,
 * which belong to no call.
 *
 * @module
 */
import { Session } from "../sessions/session.ts";
import type { Change, SessionStore } from "../sessions/store.ts";
import { type ConversationParts, Conversations } from "./conversation.ts";

/** Answers of which nothing is kept. Give each its own conversation id. */
export interface Stateless {
  /** Those of the agent. */
  calls: Conversations;
  /** Those of the bare model: without the owner's prompt and tools, and as it wrote them. */
  tasks: Conversations;
}

/** Makes what answers without keeping anything. */
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

/** A store of conversations that last as long as one turn. */
function createForgetfulStore(): SessionStore {
  const nothing = () => Promise.resolve();
  function make(id: string, change: Change): Session {
    const session = new Session(id);
    for (const record of change(session)) session.apply(record);
    return session;
  }
  return {
    name: "none",
    load: (id) => Promise.resolve(new Session(id)),
    update: (id, change) => Promise.resolve(make(id, change)),
    open(id, change) {
      const session = make(id, change);
      const add = session.apply.bind(session);
      const writer = { flush: nothing, look: nothing, close: nothing };
      return Promise.resolve({ session, add, ...writer });
    },
    list: () => Promise.resolve({ sessions: [] }),
    delete: () => Promise.resolve(false),
    sweep: () => Promise.resolve(0),
    check: nothing,
    close: nothing,
  };
}
