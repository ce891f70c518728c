/**
 * Whatever an engine throws becomes an error that says what was attempted.
 *
 * @module
 */
import { StoreError } from "./store.ts";

/** Does something, and says what it was where it fails. */
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

/** The error that tells what could not be done; one that tells it already stays. */
export function toStoreError(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot ${what}: ${reason}`, { cause });
}
