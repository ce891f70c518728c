/**
 * What a store needs to be able to do; `_conversation.ts` and `_store.ts` make
 * a {@linkcode SessionStore} of it. Whatever an engine throws is caught there.
 *
 * @module
 */
import type { Line } from "./fit.ts";
import type { ListOptions, SessionPage, SessionStore } from "./store.ts";

/** Keeps conversations, each as a list of lines that only grows. */
export interface Engine extends Pick<SessionStore, "name" | "check" | "close"> {
  /** Gives a conversation's lines, of which nothing was read yet. */
  open(id: string): Lines;
  /** As {@linkcode SessionStore.list}. */
  list(options: ListOptions & { limit: number }): Promise<SessionPage>;
  /** As {@linkcode SessionStore.sweep}. */
  sweep(before: Date, maxShare: number): Promise<number>;
}

/** One conversation's lines. It remembers how many of them are known. */
export interface Lines {
  /**
   * Reads the lines after those that are known; the newest of all of them when
   * it is told to, and when the conversation is another one than before, or has
   * become shorter.
   *
   * @param maxBytes about how many, at most
   */
  read(isAnew: boolean, maxBytes: number): News | Promise<News>;
  /**
   * Adds lines if there are none but the known ones: all or none of them.
   *
   * @param batch unlike any other. An engine that asks twice, because it got no
   * answer, finds by it what the first time has added
   * @param isAlone whether all other lines are deleted with it
   * @returns whether they were added; if not, others were first
   */
  append(
    lines: readonly Line[],
    batch: string,
    isAlone?: boolean,
  ): Promise<boolean>;
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
  /** Whether these follow the known ones, are all, or the newest of more. */
  which: "next" | "all" | "newest";
  /** How many lines come before these; where they are the newest, of those that were looked at. */
  start: number;
  /** Empty ones stand for nothing. */
  lines: string[];
}

/** How many of a store's conversations one sweep may delete. */
export function toMostSwept(count: number, maxShare: number): number {
  return Math.ceil(count * maxShare);
}
