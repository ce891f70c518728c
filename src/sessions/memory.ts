/**
 * Conversations in memory, gone with the process. For tests.
 *
 * @module
 */
import { Session } from "./session.ts";
import type { Change, SessionStore } from "./store.ts";

/** Makes a store that forgets. */
export function createMemoryStore(): SessionStore {
  const sessions = new Map<string, Session>();

  function load(id: string): Promise<Session> {
    return Promise.resolve(sessions.get(id) ?? new Session(id));
  }

  // async so that a `change` that throws rejects, as it does in other stores
  // deno-lint-ignore require-await
  async function update(id: string, change: Change): Promise<Session> {
    const session = sessions.get(id) ?? new Session(id);
    for (const record of change(session)) session.apply(record);
    sessions.set(id, session);
    return session;
  }

  return { name: "memory", load, update, check: () => Promise.resolve() };
}
