/**
 * Makes a store of an engine: which conversations are in memory, and which
 * errors its users meet.
 *
 * @module
 */
import { Conversation } from "./_conversation.ts";
import { attempt, type Engine } from "./_engine.ts";
import { PAGE_SIZE, type SessionStore, type StoreOptions } from "./store.ts";

/** What `CACHE_MB` and `MAX_SESSION_MB` count in. */
export const MB = 1_048_576;

/** Makes a store of an engine. */
export function createStoreOn(
  engine: Engine,
  { onBadRecord, onCut, cacheBytes = 64 * MB, maxBytes = 16 * MB }:
    StoreOptions = {},
): SessionStore {
  /** Those in memory, the last used last, and what each took then. */
  const held = new Map<string, { conversation: Conversation; bytes: number }>();
  let heldBytes = 0;
  const told = new Set<string>();

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

  function rest(conversation: Conversation): void {
    hold(conversation);
    if (conversation.session.bytes <= maxBytes) return;
    // Whoever uses it next reads the newest part of it.
    drop(conversation.id);
    tellOnce(conversation.id);
  }

  function tellOnce(id: string): void {
    if (told.has(id)) return;
    told.add(id);
    onCut?.(id);
  }

  function use<T>(
    id: string,
    task: (conversation: Conversation) => Promise<T>,
  ): Promise<T> {
    const conversation = held.get(id)?.conversation ??
      new Conversation(id, engine.open(id), {
        ...{ onBadRecord, onCut: tellOnce, onIdle: rest },
        maxBytes: Math.floor(maxBytes / 2),
      });
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
    async list({ limit = PAGE_SIZE, cursor } = {}) {
      const found = await attempt(
        "list the sessions",
        () => engine.list(limit + 1, cursor),
      );
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        sessions: page.flatMap(({ info }) => info ?? []),
        ...(last ? { cursor: last.cursor } : {}),
      };
    },
    sweep: (before, maxShare = 1) =>
      attempt("delete old sessions", () => engine.sweep(before, maxShare)),
    check: () =>
      attempt(`reach the ${engine.name} store`, () => engine.check()),
    close: () => engine.close(),
  };
}
