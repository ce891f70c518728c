/**
 * The interface of an engine, and the store that is built on one: it caches
 * conversations. Also what several engines share.
 *
 * @module
 */
import { delay } from "../server/deadline.ts";
import { Conversation } from "./_conversation.ts";
import { head, type Line, type SessionRecord } from "./record.ts";
import {
  PAGE_SIZE,
  type SessionInfo,
  type SessionStore,
  type StoreOptions,
} from "./store.ts";

/** Stores each conversation as a list of lines that only grows. */
export interface Engine extends Pick<SessionStore, "name" | "check" | "close"> {
  /** Returns access to a conversation's lines. Reads nothing yet. */
  open(id: string): SessionLines;
  /** Returns the newest conversations, at most `limit` of them, or those that follow a cursor. */
  list(limit: number, cursor?: string): Promise<ListEntry[]>;
  sweep(before: Date, maxShare: number): Promise<number>;
}

/** A conversation in a list, and the cursor of what follows it. A deleted conversation has no info. */
export type ListEntry = { cursor: string; info: SessionInfo | undefined };

/** Reads and writes one conversation's lines. Remembers how many of them it has read or written. */
export interface SessionLines {
  /**
   * Reads the lines after the known ones. Reads all lines if told to, and if the
   * conversation was replaced by another or has become shorter. Of more than
   * about `maxBytes`, it reads the newest lines.
   */
  read(mustReadAll: boolean, maxBytes: number): ReadLines | Promise<ReadLines>;
  /**
   * Adds all the lines or none of them: none if the engine holds lines that are
   * not known yet. A retry after a lost answer does not add them twice. If the
   * first line is of type `deleted`, all lines before it are deleted. Returns
   * whether the lines were added.
   */
  append(lines: readonly Line[]): Promise<boolean>;
  /**
   * Adds lines at once, even if other processes have added lines, which
   * {@linkcode read} finds later. Only engines that write within microseconds
   * have this method. What they add, by {@linkcode append} as well, is durable
   * when {@linkcode sync} resolves.
   */
  write?(lines: readonly Line[]): void;
  sync?(): Promise<void>;
  /** Closes what is open. Called when nobody uses the conversation any more. */
  release?(): void;
}

/** The lines that were read: those after the known ones (`next`), `all`, or the `newest` of more. Empty lines are ignored. */
export type ReadLines = { which: "next" | "all" | "newest"; lines: string[] };

/** The unit of `CACHE_MB` and `MAX_SESSION_MB`, in bytes. */
export const MB = 1_048_576;

/** Creates a store on an engine. */
export function createStoreOn(
  engine: Engine,
  options: StoreOptions = {},
): SessionStore {
  const use = createCache(engine, options);
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
    open: (id, change, onOthers) =>
      use(id, async (conversation) => {
        await conversation.update(change);
        return conversation.join(onOthers);
      }),
    delete: (id) => use(id, (conversation) => conversation.delete()),
    async list({ limit = PAGE_SIZE, cursor } = {}) {
      const found = await engine.list(limit + 1, cursor).catch((cause) => {
        throw new Error("Cannot list the sessions", { cause });
      });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        sessions: page.flatMap(({ info }) => info ?? []),
        ...(last ? { cursor: last.cursor } : {}),
      };
    },
    sweep: (before, maxShare = 1) => engine.sweep(before, maxShare),
    check: () => engine.check(),
    close: () => engine.close(),
  };
}

/** Caches conversations. Returns a function that runs a task on a conversation, after the earlier tasks on it. */
function createCache(engine: Engine, options: StoreOptions) {
  const { cacheBytes = 64 * MB, maxBytes = 16 * MB } = options;
  /** Ordered by last use, the latest last; `bytes` is the size at that time. */
  const cached = new Map<
    string,
    { conversation: Conversation; bytes: number }
  >();
  let totalBytes = 0;

  function evict(id: string): void {
    totalBytes -= cached.get(id)?.bytes ?? 0;
    cached.delete(id);
  }

  /** Caches a conversation at its present size. Evicts the least recently used ones that are idle. */
  function cache(conversation: Conversation): void {
    const { id, users, session: { bytes } } = conversation;
    evict(id);
    cached.set(id, { conversation, bytes });
    totalBytes += bytes;
    // The next use reads only the newest part of it, and reports that.
    if (users === 0 && bytes > maxBytes) evict(id);
    for (const [id, { conversation }] of cached) {
      if (totalBytes <= cacheBytes) return;
      if (conversation.users === 0) evict(id);
    }
  }

  return function use<T>(
    id: string,
    task: (conversation: Conversation) => Promise<T>,
  ): Promise<T> {
    const conversation = cached.get(id)?.conversation ??
      new Conversation(id, engine.open(id), {
        maxBytes: Math.floor(maxBytes / 2),
        onBadRecord: options.onBadRecord,
        onCut: options.onCut,
        onIdle: cache,
      });
    const result = conversation.run(() => task(conversation));
    // It has a user now, so that it is not evicted.
    cache(conversation);
    return result;
  };
}

/** Returns the first 120 characters of what the caller said, if these records hold it. */
export function toPreview(
  records: readonly (SessionRecord | undefined)[],
): string | undefined {
  for (const record of records) {
    if (record?.type !== "user" || record.text === "") continue;
    return head(record.text, 120);
  }
  return undefined;
}

/** Runs a task, and retries it until the time is over after faults whose code, a space and message match `transient`. */
export async function retry<T>(
  task: () => Promise<T>,
  transient: RegExp,
  timeoutMs: number,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (let failures = 1;; failures++) {
    try {
      return await task();
    } catch (error) {
      const { code = "", message }: { code?: string; message?: string } =
        error instanceof Error ? error : {};
      const isTransient = transient.test(`${code} ${message}`);
      if (!isTransient || performance.now() >= end) throw error;
    }
    // The pause is random, so that two processes don't collide again, and grows.
    const pauseMs = Math.random() * Math.min(5 * 2 ** failures, 200);
    await delay(pauseMs);
  }
}
