/**
 * Stores of several instances on the same conversations, each with its own view
 * of them. A store sees what others add when it looks now and then, and a moment
 * after it adds words, like a store on a remote engine.
 *
 * @module
 */
import { Deadline } from "../../src/server/deadline.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import { Session } from "../../src/sessions/session.ts";
import { createMemoryStore } from "./memory_store.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

/** Stored records, each with the writer that added it. */
interface Conversation {
  records: { record: SessionRecord; by: unknown }[];
}

/** Makes a number of stores on the same conversations. */
export function createSharedStores(count: number): SessionStore[] {
  const conversations = new Map<string, Conversation>();
  return Array.from({ length: count }, () => createStore(conversations));
}

function createStore(conversations: Map<string, Conversation>): SessionStore {
  function find(id: string): Conversation {
    const found = conversations.get(id) ?? { records: [] };
    conversations.set(id, found);
    return found;
  }

  function read(id: string): Session {
    const session = new Session(id);
    for (const { record } of conversations.get(id)?.records ?? []) {
      session.apply(record);
    }
    return session;
  }

  const update: SessionStore["update"] = (id, change) => {
    const records = change(read(id)).map((record) => ({ record, by: {} }));
    if (records.length > 0) find(id).records.push(...records);
    return Promise.resolve(read(id));
  };

  const open: SessionStore["open"] = (id, change, onOthers) => {
    const me = {};
    const first = change(read(id)).map((record) => ({ record, by: me }));
    const conversation = find(id);
    conversation.records.push(...first);
    let session = read(id);
    let seen = conversation.records.length;
    let isWanted = true;
    let isOpen = true;

    function catchUp(): void {
      if (!isOpen) return;
      const isDeleted = conversations.get(id) !== conversation;
      const news = conversation.records.slice(seen);
      seen = conversation.records.length;
      if (!isDeleted && news.every(({ by }) => by === me)) return;
      session = isDeleted ? new Session(id) : read(id);
      const isStillWanted = onOthers?.(session) ?? true;
      isWanted &&= isStillWanted && !isDeleted;
    }

    const looking = new Deadline(() => {
      catchUp();
      looking.set(400);
    });
    looking.set(400);
    return Promise.resolve({
      get session() {
        return session;
      },
      add(record) {
        queueMicrotask(catchUp);
        if (!isWanted || conversations.get(id) !== conversation) return;
        conversation.records.push({ record, by: me });
        session.apply(record);
      },
      flush: () => Promise.resolve(),
      close() {
        looking.clear();
        catchUp();
        isOpen = false;
        return Promise.resolve();
      },
    });
  };

  return {
    ...createMemoryStore(),
    name: "shared",
    load: (id) => Promise.resolve(read(id)),
    update,
    open,
    delete: (id) => Promise.resolve(conversations.delete(id)),
  };
}
