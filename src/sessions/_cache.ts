/**
 * The conversations that a store has in memory.
 *
 * @module
 */
import type { Session } from "./session.ts";

/** What is kept of a conversation besides its content. */
export interface Cached {
  /** Tells how much memory it takes. */
  session: Session;
  /** Whether something is at work on it; then it stays. */
  readonly isBusy: boolean;
}

/** Keeps what was used last, up to a number of bytes. */
export class Cache<T extends Cached> {
  readonly #kept = new Map<string, { value: T; bytes: number }>();
  #bytes = 0;

  /** Makes an empty one. Default 64 MB. */
  constructor(readonly maxBytes = 64 * MB) {}

  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): T | undefined {
    return this.#kept.get(id)?.value;
  }

  /** Keeps one as it is now, and drops those that were used the longest ago. */
  keep(id: string, value: T): void {
    this.delete(id);
    const { bytes } = value.session;
    this.#kept.set(id, { value, bytes });
    this.#bytes += bytes;
    if (this.#bytes <= this.maxBytes) return;
    for (const [id, { value }] of this.#kept) {
      if (value.isBusy) continue;
      this.delete(id);
      if (this.#bytes <= this.maxBytes) return;
    }
  }

  delete(id: string): void {
    this.#bytes -= this.#kept.get(id)?.bytes ?? 0;
    this.#kept.delete(id);
  }
}

/** As `CACHE_MB` counts. */
export const MB = 1_048_576;
