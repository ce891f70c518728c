/**
 * A provider made of providers: the first that begins to answer in time. One
 * that fails, or is silent for too long, is followed by the next as long as
 * nothing was said; afterwards another voice would begin the sentence again.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { link } from "./_link.ts";
import {
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";

/** How much patience there is. */
export interface FailoverOptions {
  /** Told of every failure, also where the next provider made up for it. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
  /** How long each may take to its first words. */
  firstTokenTimeoutMs: number;
  /** How long it may be silent after that. */
  stallTimeoutMs: number;
  /** After so many failures in a row a provider is passed over. Default 3. */
  failuresUntilSkipped?: number;
  /** For how long. Default 30,000. */
  skippedForMs?: number;
}

/** How a provider has been doing. */
interface Record {
  provider: Provider;
  failures: number;
  skippedUntil: number;
}

/**
 * Makes one provider of several, in order of preference.
 *
 * @param providers at least one
 */
export function createFailover(
  providers: readonly Provider[],
  options: FailoverOptions,
): Provider {
  const { log, now, failuresUntilSkipped = 3, skippedForMs = 30_000 } = options;
  const records: Record[] = providers.map((provider) => ({
    provider,
    failures: 0,
    skippedUntil: 0,
  }));

  async function* stream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    let last: unknown;
    for (const record of inOrder()) {
      let spoke = false;
      try {
        for await (const part of watch(record.provider, request, options)) {
          spoke ||= part.type === "text-delta" || part.type === "tool-call";
          yield part;
        }
        record.failures = 0;
        return;
      } catch (error) {
        request.signal.throwIfAborted();
        last = error;
        note(record, error, spoke);
        if (spoke) break;
      }
    }
    throw last;
  }

  /** Those that may work first; where none may, all the same: better than silence. */
  function inOrder(): Record[] {
    const at = now();
    const fit = records.filter(({ skippedUntil }) => skippedUntil <= at);
    return fit.length > 0 ? fit : records;
  }

  function note(record: Record, error: unknown, spoke: boolean): void {
    const { provider } = record;
    record.failures++;
    if (record.failures >= failuresUntilSkipped) {
      record.skippedUntil = now() + skippedForMs;
    }
    log.warn("provider.failed", {
      provider: provider.name,
      model: provider.model,
      afterFirstWords: spoke,
      failuresInARow: record.failures,
      ...(record.skippedUntil > now() ? { skippedForMs } : {}),
      error,
    });
  }

  async function check(signal: AbortSignal): Promise<void> {
    // One that answers is enough to serve callers.
    await Promise.any(providers.map((provider) => provider.check(signal)))
      .catch((error: AggregateError) => {
        throw error.errors[0];
      });
  }

  async function prepare(signal: AbortSignal): Promise<void> {
    const first = records[0]?.provider;
    await first?.prepare?.(signal);
  }

  const first = providers[0];
  if (first === undefined) throw new RangeError("No provider given");
  return {
    name: first.name,
    get model() {
      return first.model;
    },
    stream,
    check,
    ...(first.prepare ? { prepare } : {}),
  };
}

/** One provider's answer, or its failure to give one in time. */
async function* watch(
  provider: Provider,
  request: ProviderRequest,
  options: FailoverOptions,
): AsyncIterable<ProviderPart> {
  using attempt = link(request.signal);
  const { signal } = attempt;
  const parts = provider.stream({ ...request, signal })[Symbol.asyncIterator]();
  let limitMs = options.firstTokenTimeoutMs;
  let started = false;
  try {
    while (true) {
      const step = await within(
        parts.next(),
        limitMs,
        request.signal,
        () =>
          new ProviderError(
            started
              ? `No more words within ${limitMs} ms`
              : `No first words within ${limitMs} ms`,
            { provider: provider.name, retryable: true },
          ),
      );
      if (step.done) return;
      if (step.value.type !== "finish") {
        if (!started) {
          const { name, model } = provider;
          yield { type: "response-start", provider: name, model };
        }
        started = true;
        limitMs = options.stallTimeoutMs;
      }
      yield step.value;
    }
  } finally {
    attempt[Symbol.dispose]();
    // Not awaited: a provider that ignores its signal would hold the caller up.
    parts.return?.().catch(() => {
      // It was told to stop; how it takes that is of no interest.
    });
  }
}

/**
 * Waits for a promise, but not for longer than given, nor past an abort.
 *
 * @throws what `expired` makes when the time is over, or the signal's reason
 */
async function within<T>(
  promise: Promise<T>,
  limitMs: number,
  signal: AbortSignal,
  expired: () => Error,
): Promise<T> {
  // If it fails when nobody waits for it any more, that is of no interest.
  promise.catch(() => {});
  signal.throwIfAborted();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(expired()), limitMs);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
