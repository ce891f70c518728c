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
  options: StoreOptions = {},
): SessionStore {
  const use = createMemory(engine, options);
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
      attempt("delete old sessions", async () => {
        const all = await engine.oldest();
        const most = Math.ceil(all.length * maxShare);
        let count = 0;
        for (const { at, remove } of all) {
          if (at >= before || count === most) break;
          if (await remove(before)) count++;
        }
        return count;
      }),
    check: () =>
      attempt(`write to the ${engine.name} store`, () => engine.check()),
    close: () => engine.close(),
  };
}

/** Runs a task on a conversation, after those before it. */
type Use = <T>(
  id: string,
  task: (conversation: Conversation) => Promise<T>,
) => Promise<T>;

/** Keeps conversations in memory as long as there is room. */
function createMemory(engine: Engine, options: StoreOptions): Use {
  const { cacheBytes = 64 * MB, maxBytes = 16 * MB } = options;
  /** The last used last, and what each took then. */
  const held = new Map<string, { conversation: Conversation; bytes: number }>();
  let heldBytes = 0;
  /** Of which conversations the owner was told that they are too large. */
  const told = new Set<string>();

  function drop(id: string): void {
    heldBytes -= held.get(id)?.bytes ?? 0;
    held.delete(id);
  }

  /** Makes room for a conversation as it is now: those at rest that were used the longest ago go. */
  function hold(conversation: Conversation): void {
    const { id, users, session: { bytes } } = conversation;
    drop(id);
    held.set(id, { conversation, bytes });
    heldBytes += bytes;
    // Whoever uses it next reads the newest part of it, and tells.
    if (users === 0 && bytes > maxBytes) drop(id);
    for (const [id, { conversation }] of held) {
      if (heldBytes <= cacheBytes) return;
      if (conversation.users === 0) drop(id);
    }
  }

  function onCut(id: string): void {
    if (!told.has(id)) options.onCut?.(id);
    told.add(id);
  }

  return function use(id, task) {
    const conversation = held.get(id)?.conversation ??
      new Conversation(id, engine.open(id), {
        maxBytes: Math.floor(maxBytes / 2),
        onBadRecord: options.onBadRecord,
        onCut,
        onIdle: hold,
      });
    const result = conversation.run(() => task(conversation));
    // It is busy now, and so stays.
    hold(conversation);
    return result;
  };
}
