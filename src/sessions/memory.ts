/**
 * Conversations in memory, gone with the process. For tests.
 *
 * @module
 */
import { toPage } from "./_page.ts";
import { Session } from "./session.ts";
import type { Change, ListOptions, SessionStore } from "./store.ts";

/** Makes a store that forgets. */
export function createMemoryStore(): SessionStore {
  const sessions = new Map<string, Session>();
  const times = new Map<string, { at: string; order: number }>();
  let changes = 0;

  function load(id: string): Promise<Session> {
    return Promise.resolve(sessions.get(id) ?? new Session(id));
  }

  // async so that a `change` that throws rejects, as it does in other stores
  // deno-lint-ignore require-await
  async function update(id: string, change: Change): Promise<Session> {
    const session = sessions.get(id) ?? new Session(id);
    const records = change(session);
    for (const record of records) session.apply(record);
    if (records.length > 0) {
      sessions.set(id, session);
      times.set(id, { at: new Date().toISOString(), order: ++changes });
    }
    return session;
  }

  function list(options?: ListOptions) {
    const infos = [...times].map(([id, { at, order }]) => ({ id, at, order }));
    infos.sort((a, b) => b.order - a.order);
    return Promise.resolve(toPage(infos, options));
  }

  function remove(id: string): Promise<boolean> {
    times.delete(id);
    return Promise.resolve(sessions.delete(id));
  }

  function sweep(before: Date): Promise<number> {
    const old = [...times].filter(([, { at }]) => at < before.toISOString());
    for (const [id] of old) remove(id);
    return Promise.resolve(old.length);
  }

  return {
    name: "memory",
    load,
    update,
    list,
    delete: remove,
    sweep,
    check: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
