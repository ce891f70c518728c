/**
 * What an engine needs to be able to do, and what makes a store of it: which
 * conversations are in memory, and which errors its users meet. And what
 * several engines do alike.
 *
 * @module
 */
import { Conversation } from "./_conversation.ts";
import { head, type Line, type SessionRecord } from "./record.ts";
import {
  attempt,
  PAGE_SIZE,
  type SessionInfo,
  type SessionStore,
  type StoreOptions,
} from "./store.ts";

/** Keeps conversations, each as a list of lines that only grows. */
export interface Engine extends Pick<SessionStore, "name" | "check" | "close"> {
  /** Gives a conversation's lines, of which nothing was read yet. */
  open(id: string): Lines;
  /** The newest conversations, as many as there are up to a limit, after the one with a cursor. */
  list(limit: number, cursor?: string): Promise<Listed[]>;
  /** As {@linkcode SessionStore.sweep}. */
  sweep(before: Date, maxShare: number): Promise<number>;
}

/** A conversation in a list, and the cursor after it. One that was deleted tells nothing. */
export type Listed = { cursor: string; info: SessionInfo | undefined };

/** One conversation's lines. It remembers how many of them are known. */
export interface Lines {
  /**
   * Reads the lines after those that are known; all of them when it is told to,
   * and when the conversation is another one than before, or has become shorter.
   *
   * @param maxBytes about how many, at most; then the newest
   */
  read(isAnew: boolean, maxBytes: number): News | Promise<News>;
  /**
   * Adds lines if there are none but the known ones: all or none of them, and
   * once, also where no answer came and it is asked again. Where the first is
   * of type `deleted`, all before it goes. Gives whether they were added; if
   * not, others were first.
   */
  append(lines: readonly Line[]): Promise<boolean>;
  /**
   * Adds lines at once, whatever others have added, which {@linkcode read} then
   * finds. Only an engine has it for which that takes microseconds; what it adds
   * is durable when {@linkcode sync} resolves, in {@linkcode append} as well.
   */
  write?(lines: readonly Line[]): void;
  /** Resolves when what was added would survive a power cut. */
  sync?(): Promise<void>;
  /** Closes what need not be open while nobody uses the conversation. */
  release?(): void;
}

/** What was read of a conversation: lines that follow the known ones, all, or the newest of more. Empty ones stand for nothing. */
export type News = { which: "next" | "all" | "newest"; lines: string[] };

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
      attempt("delete old sessions", () => engine.sweep(before, maxShare)),
    check: () =>
      attempt(`write to the ${engine.name} store`, () => engine.check()),
    close: () => engine.close(),
  };
}

/** Keeps conversations in memory as long as there is room. Gives what runs a task on one, after those before it. */
function createMemory(engine: Engine, options: StoreOptions) {
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

  return function use<T>(
    id: string,
    task: (conversation: Conversation) => Promise<T>,
  ): Promise<T> {
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

/** The caller's first 120 letters, where they are among these records. */
export function toPreview(
  records: readonly (SessionRecord | undefined)[],
): string | undefined {
  for (const record of records) {
    if (record?.type !== "user" || record.text === "") continue;
    return head(record.text, 120);
  }
  return undefined;
}

/** Does something, and for a while again where its fault passes, told by its code, a space and its message. */
export async function retry<T>(
  task: () => Promise<T>,
  passing: RegExp,
  timeoutMs: number,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (let misses = 1;; misses++) {
    try {
      return await task();
    } catch (error) {
      const { code = "", message }: { code?: string; message?: string } =
        error instanceof Error ? error : {};
      const isPassing = passing.test(`${code} ${message}`);
      if (!isPassing || performance.now() >= end) throw error;
    }
    // Of a random length, so that two don't meet again, and longer each time.
    const pauseMs = Math.random() * Math.min(5 * 2 ** misses, 200);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
