/**
 * A store in memory that also lists every record that was added, in order.
 *
 * @module
 */
import { createMemoryStore } from "./memory_store.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import type { Change, SessionStore } from "../../src/sessions/store.ts";

/** Makes the store, and the list of its records. */
export function createRecordingStore(): {
  store: SessionStore;
  records: SessionRecord[];
} {
  const records: SessionRecord[] = [];
  const memory = createMemoryStore();
  const seen = (change: Change): Change => (session) => {
    const added = change(session);
    records.push(...added);
    return added;
  };
  const store: SessionStore = {
    ...memory,
    update: (id, change) => memory.update(id, seen(change)),
    async open(id, change, onOthers) {
      const writer = await memory.open(id, seen(change), onOthers);
      return {
        get session() {
          return writer.session;
        },
        add(record) {
          records.push(record);
          writer.add(record);
        },
        flush: writer.flush,
        close: writer.close,
      };
    },
  };
  return { store, records };
}
