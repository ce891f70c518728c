/**
 * A session store in memory, for tests.
 *
 * @module
 */
import { toPreview } from "../../src/sessions/_store.ts";
import { type SessionRecord, toLines } from "../../src/sessions/record.ts";
import { Session } from "../../src/sessions/session.ts";
import {
  type Change,
  type ListOptions,
  type OnOthers,
  PAGE_SIZE,
  type SessionStore,
  type SessionWriter,
} from "../../src/sessions/store.ts";

/** Makes a store that loses everything when the process ends. */
export function createMemoryStore(): SessionStore {
  const sessions = new Map<string, Session>();
  const times = new Map<string, { at: string; order: number }>();
  const deleted = new Map<string, Set<() => void>>();
  let changes = 0;

  function load(id: string): Promise<Session> {
    return Promise.resolve(sessions.get(id) ?? new Session(id));
  }

  // async so that a `change` that throws rejects, as it does in other stores
  // deno-lint-ignore require-await
  async function update(id: string, change: Change): Promise<Session> {
    return add(sessions.get(id) ?? new Session(id), change);
  }

  function add(session: Session, change: Change): Session {
    const records = change(session).filter((record) => session.accepts(record))
      .flatMap(toLines).map(({ record }) => record);
    for (const record of records) session.apply(record);
    if (records.length > 0) {
      sessions.set(session.id, session);
      times.set(session.id, {
        at: new Date().toISOString(),
        order: ++changes,
      });
    }
    return session;
  }

  async function open(
    id: string,
    change: Change,
    onOthers?: OnOthers,
  ): Promise<SessionWriter> {
    let session = await update(id, change);
    let isWanted = true;
    const onDelete = () => {
      isWanted = false;
      session = sessions.get(id) ?? new Session(id);
      onOthers?.(session);
    };
    const listeners = deleted.get(id) ?? new Set();
    deleted.set(id, listeners.add(onDelete));
    return {
      get session() {
        return session;
      },
      add(record) {
        if (isWanted) add(session, () => [record]);
      },
      flush: () => Promise.resolve(),
      close() {
        listeners.delete(onDelete);
        return Promise.resolve();
      },
    };
  }

  function list({ limit = PAGE_SIZE, cursor }: ListOptions = {}) {
    const newest = [...times].sort(([, a], [, b]) => b.order - a.order);
    const infos = newest.map(([id, { at }]) => {
      const turns = sessions.get(id)?.turns ?? [];
      const words = turns.map((turn): SessionRecord => ({
        type: "user",
        turnId: turn.id,
        text: turn.user ?? "",
        at,
      }));
      return { id, at, preview: toPreview(words) };
    });
    const start = cursor === undefined
      ? 0
      : infos.findIndex(({ id }) => id === cursor) + 1 || infos.length;
    const page = infos.slice(start, start + limit);
    const last = start + limit < infos.length ? page.at(-1) : undefined;
    return Promise.resolve({
      sessions: page,
      ...(last ? { cursor: last.id } : {}),
    });
  }

  function remove(id: string): Promise<boolean> {
    const was = times.delete(id);
    const left = sessions.get(id)?.toDeleted(new Date().toISOString());
    sessions.set(id, new Session(id));
    if (left) sessions.get(id)?.apply(left);
    for (const tell of deleted.get(id) ?? []) tell();
    return Promise.resolve(was);
  }

  function sweep(before: Date, maxShare = 1): Promise<number> {
    const old = [...times].filter(([, { at }]) => at < before.toISOString())
      .slice(0, Math.ceil(times.size * maxShare));
    for (const [id] of old) remove(id);
    for (const { id, isEmpty } of sessions.values()) {
      if (isEmpty) sessions.delete(id);
    }
    return Promise.resolve(old.length);
  }

  return {
    name: "memory",
    load,
    update,
    open,
    list,
    delete: remove,
    sweep,
    check: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
