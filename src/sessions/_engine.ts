/**
 * What a store needs to be able to do; `_conversation.ts` and `_store.ts` make
 * a {@linkcode SessionStore} of it, and catch whatever it throws. And what
 * several engines do alike.
 *
 * @module
 */
import { head, type Line, type SessionRecord } from "./record.ts";
import { type SessionInfo, type SessionStore, StoreError } from "./store.ts";

/** Keeps conversations, each as a list of lines that only grows. */
export interface Engine extends Pick<SessionStore, "name" | "check" | "close"> {
  /** Gives a conversation's lines, of which nothing was read yet. */
  open(id: string): Lines;
  /** The newest conversations, as many as there are up to a limit, after the one with a cursor. */
  list(limit: number, cursor?: string): Promise<Listed[]>;
  /** All conversations there are, the oldest first, as far as the engine can tell at once. */
  oldest(): Promise<Old[]>;
}

/** A conversation in a list, and the cursor after it. One that was deleted tells nothing. */
export type Listed = { cursor: string; info: SessionInfo | undefined };

/** A conversation that may be too old: no word of it is older than a time; and how to delete it if all are older than another. Gives whether it was. */
export type Old = { at: Date; remove(before: Date): Promise<boolean> };

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

/** Runs a task; whatever it throws becomes a {@linkcode StoreError} that says what was tried. */
export async function attempt<T>(
  what: string,
  task: () => T | Promise<T>,
): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    throw toStoreError(what, cause);
  }
}

/** Says what was tried and failed; an error that says so already stays as it is. */
export function toStoreError(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  // An error of several addresses that all failed has no words of its own.
  const [first] = cause instanceof AggregateError ? cause.errors : [cause];
  const reason = first instanceof Error ? first.message : String(first);
  return new StoreError(`Cannot ${what}: ${reason}`, { cause });
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
    await pause(misses);
  }
}

/** A moment of a random length, so that two don't meet again, and longer each time. */
export async function pause(misses: number): Promise<void> {
  const ms = Math.random() * Math.min(5 * 2 ** misses, 200);
  await new Promise((resolve) => setTimeout(resolve, ms));
}
