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
  type ListOptions,
  PAGE_SIZE,
  type SessionStore,
  type StoreOptions,
} from "./store.ts";

/** Makes a store of an engine. */
export function createStoreOn(
  engine: Engine,
  { onBadRecord, cacheBytes }: StoreOptions = {},
): SessionStore {
  const cache = new Cache<Conversation>(cacheBytes);

  function use<T>(
    id: string,
    task: (conversation: Conversation) => Promise<T>,
  ): Promise<T> {
    let conversation = cache.get(id);
    if (!conversation) {
      const made = new Conversation(id, engine.open(id), onBadRecord);
      made.onRest = () => cache.keep(made);
      conversation = made;
    }
    const used = conversation;
    const result = used.run(() => task(used));
    // It is busy now, and so stays.
    cache.keep(used);
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
    list: (options: ListOptions = {}) =>
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

/** What `CACHE_MB` counts in. */
export const MB = 1_048_576;

/** What must be known of a conversation to hold it. */
type Held = Pick<Conversation, "id" | "session" | "isBusy">;

/** Holds the conversations that were used last, up to a number of bytes. */
export class Cache<T extends Held> {
  readonly #held = new Map<string, { it: T; bytes: number }>();
  #bytes = 0;

  constructor(readonly maxBytes = 64 * MB) {}

  /** What those take that are in it. */
  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): T | undefined {
    return this.#held.get(id)?.it;
  }

  /** Takes one as it is now, and drops those that were used the longest ago and are at rest. */
  keep(it: T): void {
    this.#drop(it.id);
    const { bytes } = it.session;
    this.#held.set(it.id, { it, bytes });
    this.#bytes += bytes;
    for (const [id, { it }] of this.#held) {
      if (this.#bytes <= this.maxBytes) return;
      if (!it.isBusy) this.#drop(id);
    }
  }

  #drop(id: string): void {
    this.#bytes -= this.#held.get(id)?.bytes ?? 0;
    this.#held.delete(id);
  }
}
