/**
 * Makes a store of an engine: which conversations are in memory, and which
 * errors its users meet.
 *
 * @module
 */
import { Conversation } from "./_conversation.ts";
import type { Engine } from "./_engine.ts";
import {
  attempt,
  PAGE_SIZE,
  type SessionStore,
  type StoreOptions,
} from "./store.ts";

/** What `CACHE_MB` counts in. */
export const MB = 1_048_576;

/** Makes a store of an engine. */
export function createStoreOn(
  engine: Engine,
  { onBadRecord, cacheBytes = 64 * MB }: StoreOptions = {},
): SessionStore {
  /** Those in memory, the last used last, and what each took then. */
  const held = new Map<string, { conversation: Conversation; bytes: number }>();
  let heldBytes = 0;

  /** Makes room for a conversation as it is now: those at rest that were used the longest ago go. */
  function hold(conversation: Conversation): void {
    const { id, session: { bytes } } = conversation;
    drop(id);
    held.set(id, { conversation, bytes });
    heldBytes += bytes;
    for (const [id, { conversation }] of held) {
      if (heldBytes <= cacheBytes) return;
      if (!conversation.isBusy) drop(id);
    }
  }

  function drop(id: string): void {
    heldBytes -= held.get(id)?.bytes ?? 0;
    held.delete(id);
  }

  function use<T>(
    id: string,
    task: (conversation: Conversation) => Promise<T>,
  ): Promise<T> {
    const conversation = held.get(id)?.conversation ??
      new Conversation(id, engine.open(id), { onBadRecord, onIdle: hold });
    const result = conversation.run(() => task(conversation));
    // It is busy now, and so stays.
    hold(conversation);
    return result;
  }

  return {
    name: engine.name,
    load: (id) =>
      use(id, async (conversation) => {
        await conversation.refresh();
        return conversation.session;
      }),
    update: (id, change) =>
      use(id, async (conversation) => {
        await conversation.update(change);
        await conversation.flush();
        return conversation.session;
      }),
    open: (id, change, options) =>
      use(id, async (conversation) => {
        await conversation.update(change);
        return conversation.join(options);
      }),
    delete: (id) => use(id, (conversation) => conversation.delete()),
    list: (options) =>
      attempt(
        "list the sessions",
        () => engine.list({ limit: PAGE_SIZE, ...options }),
      ),
    sweep: (before) =>
      attempt("delete old sessions", () => engine.sweep(before)),
    check: () =>
      attempt(`reach the ${engine.name} store`, () => engine.check()),
    close: () => engine.close(),
  };
}
