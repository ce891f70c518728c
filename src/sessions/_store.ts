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
  const memory = new Memory(engine, options);
  return {
    name: engine.name,
    load: (id) =>
      memory.use(id, async (conversation) => {
        await conversation.refresh();
        return conversation.session;
      }),
    update: (id, change) =>
      memory.use(id, async (conversation) => {
        await conversation.update(change);
        await conversation.flush();
        return conversation.session;
      }),
    open: (id, change, options) =>
      memory.use(id, async (conversation) => {
        await conversation.update(change);
        return conversation.join(options);
      }),
    delete: (id) => memory.use(id, (conversation) => conversation.delete()),
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

/** The conversations in memory. */
class Memory {
  /** The last used last, and what each took then. */
  readonly #held = new Map<
    string,
    { conversation: Conversation; bytes: number }
  >();
  #bytes = 0;
  readonly #maxBytes: number;
  /** Of which conversations the owner was told that they are too large. */
  readonly #told = new Set<string>();

  constructor(readonly engine: Engine, readonly options: StoreOptions) {
    this.#maxBytes = options.maxBytes ?? 16 * MB;
  }

  /** Runs a task on a conversation, after those before it. */
  use<T>(
    id: string,
    task: (conversation: Conversation) => Promise<T>,
  ): Promise<T> {
    const conversation = this.#held.get(id)?.conversation ??
      new Conversation(id, this.engine.open(id), {
        maxBytes: Math.floor(this.#maxBytes / 2),
        onBadRecord: this.options.onBadRecord,
        onCut: (id) => this.#tell(id),
        onIdle: (conversation) => this.#hold(conversation),
      });
    const result = conversation.run(() => task(conversation));
    // It is busy now, and so stays.
    this.#hold(conversation);
    return result;
  }

  /** Makes room for a conversation as it is now: those at rest that were used the longest ago go. */
  #hold(conversation: Conversation): void {
    const { id, users, session: { bytes } } = conversation;
    this.#drop(id);
    this.#held.set(id, { conversation, bytes });
    this.#bytes += bytes;
    if (users === 0 && bytes > this.#maxBytes) {
      // Whoever uses it next reads the newest part of it.
      this.#drop(id);
      this.#tell(id);
    }
    const { cacheBytes = 64 * MB } = this.options;
    for (const [id, { conversation }] of this.#held) {
      if (this.#bytes <= cacheBytes) return;
      if (conversation.users === 0) this.#drop(id);
    }
  }

  #drop(id: string): void {
    this.#bytes -= this.#held.get(id)?.bytes ?? 0;
    this.#held.delete(id);
  }

  #tell(id: string): void {
    if (this.#told.has(id)) return;
    this.#told.add(id);
    this.options.onCut?.(id);
  }
}
