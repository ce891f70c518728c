/**
 * A provider made of providers: the first that begins to answer in time. As
 * long as nothing was said, one that fails is asked again where that may help,
 * and then the next one is; afterwards another model would begin the sentence
 * again.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import {
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";

/** How long to wait for whom. */
export interface FailoverOptions {
  /** Takes every failure, also where the next provider made up for it. */
  log: Log;
  /** Milliseconds that only go forward, such as `performance.now`. */
  now: () => number;
  /** How long each may take to its first words, in milliseconds, all its tries together. */
  firstTokenTimeoutMs: number;
  /** How long it may be silent after that, in milliseconds. */
  stallTimeoutMs: number;
}

/** After so many failed turns in a row a provider comes last, for so long. */
const FAILURES_UNTIL_LAST = 3;
const LAST_FOR_MS = 30_000;

/** How a provider has been doing. */
interface Candidate {
  provider: Provider;
  failures: number;
  /** Until when it comes after all others. */
  lastUntil: number;
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
  const { log, now } = options;
  const candidates = providers.map((provider): Candidate => ({
    provider,
    failures: 0,
    lastUntil: 0,
  }));
  const [first] = providers;
  if (first === undefined) throw new RangeError("No provider given");

  async function* stream(
    request: ProviderRequest,
  ): AsyncGenerator<ProviderPart, void> {
    const at = now();
    const isLast = ({ lastUntil }: Candidate) => Number(lastUntil > at);
    const order = candidates.toSorted((a, b) => isLast(a) - isLast(b));
    for (const candidate of order) {
      const { provider } = candidate;
      const isOnlyLeft = candidate === order.at(-1);
      const deadline = performance.now() + options.firstTokenTimeoutMs;
      for (let tries = 1;; tries++) {
        const attempt = startAttempt(provider, request, deadline, options);
        let hasBegun = false;
        let error: unknown;
        try {
          for (let step; !(step = await attempt.next()).done;) {
            if (!hasBegun && step.value.type !== "finish") {
              hasBegun = true;
              // Only now is it sure which model it is.
              const { name, model } = provider;
              yield { type: "response-start", provider: name, model };
            }
            yield step.value;
          }
          candidate.failures = 0;
          return;
        } catch (cause) {
          error = cause;
        } finally {
          attempt.close();
        }
        request.signal.throwIfAborted();
        const waitMs = toWaitMs(error, tries, isOnlyLeft);
        const isRetried = !hasBegun && waitMs !== undefined &&
          performance.now() + waitMs < deadline;
        note(candidate, error, hasBegun, isRetried ? waitMs : undefined);
        if (isRetried) await sleep(waitMs, request.signal);
        else if (hasBegun || isOnlyLeft) throw error;
        else break;
      }
    }
  }

  function note(
    candidate: Candidate,
    error: unknown,
    afterFirstWords: boolean,
    retryInMs: number | undefined,
  ): void {
    const { provider: { name: provider, model } } = candidate;
    const fields = { provider, model, afterFirstWords, error };
    if (retryInMs !== undefined) {
      const retried = { retryInMs: Math.round(retryInMs) };
      return log.warn("provider.failed", { ...fields, ...retried });
    }
    const failuresInARow = ++candidate.failures;
    const isLast = failuresInARow >= FAILURES_UNTIL_LAST;
    if (isLast) candidate.lastUntil = now() + LAST_FOR_MS;
    const lastForMs = isLast ? { lastForMs: LAST_FOR_MS } : {};
    log.warn("provider.failed", { ...fields, failuresInARow, ...lastForMs });
  }

  return {
    get name() {
      return first.name;
    },
    get model() {
      return first.model;
    },
    stream,
    async check(signal) {
      // One that answers is enough to serve callers.
      await Promise.any(providers.map((provider) => provider.check(signal)))
        .catch((error: AggregateError) => {
          throw error.errors[0];
        });
    },
    prepare: first.prepare,
  };
}

/** One try with one provider. */
interface Attempt {
  /** The next part. Rejects when it doesn't come in time, or nobody wants it any more. */
  next(): Promise<IteratorResult<ProviderPart>>;
  /** Ends it, whatever the provider is at. */
  close(): void;
}

/** How long a model may take to load before the caller is told that it failed. */
const LOADING_MS = 5 * 60_000;

/**
 * Asks a provider. Every word passes through {@linkcode Attempt.next}: one
 * timer watches a whole answer, and is set anew only when it goes off.
 *
 * @param firstDeadline when the first part is due, by `performance.now()`
 */
function startAttempt(
  provider: Provider,
  request: ProviderRequest,
  firstDeadline: number,
  { firstTokenTimeoutMs, stallTimeoutMs, log }: FailoverOptions,
): Attempt {
  const askedAt = performance.now();
  const controller = new AbortController();
  const { signal } = controller;
  let parts: AsyncIterator<ProviderPart> | undefined;
  let waiting: PromiseWithResolvers<IteratorResult<ProviderPart>> | undefined;
  let hasBegun = false;
  let isWhole = false;
  let isClosed = false;
  let deadline = firstDeadline;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function onAbort(): void {
    controller.abort(request.signal.reason);
    waiting?.reject(request.signal.reason);
  }

  function watch(): void {
    if (isClosed) return;
    const waitMs = Math.min(deadline - performance.now(), stallTimeoutMs);
    timer = setTimeout(onTimer, Math.max(waitMs, 0));
  }

  async function onTimer(): Promise<void> {
    // Nobody waits for a part while the one before is being said.
    if (waiting === undefined) deadline = performance.now() + stallTimeoutMs;
    if (deadline - performance.now() > 1) return watch();
    const late = waiting;
    if (!hasBegun && await isLoading()) {
      deadline = performance.now() + firstTokenTimeoutMs;
      return watch();
    }
    // The part came while that was looked at.
    if (late !== waiting) return watch();
    const what = hasBegun
      ? `No more words within ${stallTimeoutMs} ms`
      : `No first words within ${firstTokenTimeoutMs} ms`;
    late?.reject(
      new ProviderError(what, { provider: provider.name, retryable: true }),
    );
  }

  async function isLoading(): Promise<boolean> {
    const waitedMs = performance.now() - askedAt;
    if (waitedMs > LOADING_MS) return false;
    if (!await provider.isLoading?.(signal)) return false;
    const { name, model } = provider;
    const fields = { provider: name, model, waitedMs: Math.round(waitedMs) };
    log.info("provider.loading", fields);
    return true;
  }

  request.signal.addEventListener("abort", onAbort);
  watch();
  return {
    next() {
      const { signal: left } = request;
      if (left.aborted) return Promise.reject(left.reason);
      const next = Promise.withResolvers<IteratorResult<ProviderPart>>();
      waiting = next;
      if (parts !== undefined) {
        hasBegun = true;
        deadline = performance.now() + stallTimeoutMs;
      }
      try {
        parts ??= provider.stream({ ...request, signal })
          [Symbol.asyncIterator]();
        parts.next().then((step) => {
          if (waiting === next) waiting = undefined;
          isWhole = step.done === true;
          next.resolve(step);
        }, next.reject);
      } catch (error) {
        next.reject(error);
      }
      return next.promise;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      request.signal.removeEventListener("abort", onAbort);
      waiting = undefined;
      if (isWhole) return;
      controller.abort();
      // Not awaited: a provider that ignores its signal would hold the caller up.
      parts?.return?.().catch(() => {
        // It was told to stop; how it takes that is of no interest.
      });
    },
  };
}

/**
 * How long to wait before a provider is asked again, or nothing where that
 * would not help. Where another provider is there it may only be a moment.
 */
function toWaitMs(
  error: unknown,
  tries: number,
  isOnlyLeft: boolean,
): number | undefined {
  if (!(error instanceof ProviderError) || !error.retryable) return undefined;
  const { status, retryAfterMs } = error;
  // A vendor that can't be reached at all will rarely be there seconds later.
  if (status === undefined && tries > 2) return undefined;
  const waitMs = retryAfterMs ??
    Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS) *
      (0.5 + Math.random() / 2);
  return isOnlyLeft || (tries === 1 && waitMs <= MOMENT_MS)
    ? waitMs
    : undefined;
}

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 2_000;
const MOMENT_MS = 500;

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    }
  });
}
