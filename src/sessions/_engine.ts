/**
 * What a store needs to be able to do; `_conversation.ts` and `_store.ts` make
 * a {@linkcode SessionStore} of it. Whatever an engine throws is caught there.
 *
 * @module
 */
import type { Line } from "./fit.ts";
import type { ListOptions, SessionPage, SessionStore } from "./store.ts";

/** Keeps conversations, each as a list of lines that only grows. */
export interface Engine
  extends Pick<SessionStore, "name" | "sweep" | "check" | "close"> {
  /** Gives a conversation's lines, of which nothing was read yet. */
  open(id: string): Lines;
  /** As {@linkcode SessionStore.list}. */
  list(options: ListOptions & { limit: number }): Promise<SessionPage>;
}

/** One conversation's lines. It remembers how many of them are known. */
export interface Lines {
  /**
   * Tells this conversation from another that had its id before. Absent: there
   * is none, or nothing was read yet.
   */
  readonly generation: string | undefined;
  /**
   * Reads the lines after those that are known; all of them when asked to, and
   * when the conversation is another one than before, or has become shorter.
   */
  read(isAll?: boolean): News | Promise<News>;
  /**
   * Adds lines if there are none but the known ones: all or none of them.
   *
   * @param batch unlike any other. An engine that asks twice, because it got no
   * answer, finds by it what the first time has added
   * @returns whether they were added; if not, others were first
   */
  append(lines: readonly Line[], batch: string): Promise<boolean>;
  /** Deletes them all. Gives whether there were any. */
  delete(): Promise<boolean>;
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

/** What was read of a conversation. */
export interface News {
  /** How many lines come before these. */
  start: number;
  /** Empty ones stand for nothing. */
  lines: string[];
}
