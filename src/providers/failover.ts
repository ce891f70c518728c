/**
 * A provider made of several: the first that begins to answer in time is used.
 * A failed one is retried, and then the next is asked, only before the first
 * words: afterwards another model would begin the sentence again.
 *
 * @module
 */
import { builtin } from "../server/builtin.ts";
import { Deadline } from "../server/deadline.ts";
import type { Log } from "../server/log.ts";
import {
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";

/** The log, the clock, and the time limits. */
export interface FailoverOptions {
  /** Gets every failure, even if the next provider answers. */
  log: Log;
  /** A monotonic clock in milliseconds, such as `performance.now`. */
  now: () => number;
  /** How long each provider may take to its first words, retries included, in milliseconds. */
  firstTokenTimeoutMs: number;
  /** How long it may pause after that, in milliseconds. */
  stallTimeoutMs: number;
}

/** After so many failed turns in a row, a provider is asked last for so many milliseconds. */
const FAILURES_UNTIL_LAST = 3;
const LAST_FOR_MS = 30_000;

interface Candidate {
  provider: Provider;
  /** The number of failed turns in a row. */
  failures: number;
  /** Until when it is asked after all others, by the clock. */
  lastUntil: number;
}

/** Creates one provider of several, at least one, in order of preference. */
export function createFailover(
  providers: readonly Provider[],
  options: FailoverOptions,
): Provider {
  const candidates = providers.map((provider): Candidate => ({
    provider,
    failures: 0,
    lastUntil: 0,
  }));
  const [first] = providers;
  if (first === undefined) throw new RangeError("No provider given");
  return {
    get name() {
      return first.name;
    },
    get model() {
      return first.model;
    },
    stream: (request) => streamFirst(candidates, request, options),
    async check(signal) {
      // One provider that answers is enough to serve callers.
      await Promise.any(providers.map((provider) => provider.check(signal)))
        .catch((error: AggregateError) => {
          throw error.errors[0];
        });
    },
    prepare: first.prepare,
  };
}

async function* streamFirst(
  candidates: readonly Candidate[],
  request: ProviderRequest,
  options: FailoverOptions,
): AsyncGenerator<ProviderPart, void> {
  const at = options.now();
  const isLast = ({ lastUntil }: Candidate) => Number(lastUntil > at);
  const order = candidates.toSorted((a, b) => isLast(a) - isLast(b));
  for (const candidate of order) {
    const { provider } = candidate;
    const isOnlyLeft = candidate === order.at(-1);
    const dueAt = performance.now() + options.firstTokenTimeoutMs;
    for (let tries = 1;; tries++) {
      const attempt = new Attempt(
        provider,
        request,
        dueAt - performance.now(),
        options,
      );
      let hasBegun = false;
      let error: unknown;
      try {
        for (let step; !(step = await attempt.next()).done;) {
          if (!hasBegun && step.value.type !== "finish") {
            hasBegun = true;
            // A provider may find out its model only now.
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
      const { signal } = request;
      signal.throwIfAborted();
      const leftMs = hasBegun ? 0 : dueAt - performance.now();
      const wantedMs = toWaitMs(error, tries, isOnlyLeft);
      const waitMs = wantedMs < leftMs ? wantedMs : undefined;
      const { name, model } = provider;
      const outcome = waitMs === undefined
        ? giveUp(candidate, options.now())
        : { retryInMs: waitMs };
      const failure = { provider: name, model, error, ...outcome };
      options.log.warn("provider.failed", failure);
      if (waitMs === undefined) {
        if (hasBegun || isOnlyLeft) throw error;
        break;
      }
      const { setTimeout: sleep } = builtin("node:timers/promises");
      await sleep(waitMs, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }
}

/** Counts a failed turn. A provider that keeps failing is asked last for a while. */
function giveUp(candidate: Candidate, now: number): { lastForMs?: number } {
  if (++candidate.failures < FAILURES_UNTIL_LAST) return {};
  candidate.lastUntil = now + LAST_FOR_MS;
  return { lastForMs: LAST_FOR_MS };
}

const FIRST_WAIT_MS = 400;
const SHORT_WAIT_MS = 500;

/**
 * How long to wait before a retry, in milliseconds; `Infinity` where a retry
 * would not help, or where another provider is left and the wait would not be
 * short.
 */
function toWaitMs(error: unknown, tries: number, isOnlyLeft: boolean): number {
  if (!(error instanceof ProviderError) || !error.retryable) return Infinity;
  const { status, retryAfterMs } = error;
  // A vendor that can't be reached rarely comes back within seconds.
  if (status === undefined && tries > 2) return Infinity;
  const shareOfWait = 0.5 + Math.random() / 2;
  const waitMs = retryAfterMs ??
    Math.round(FIRST_WAIT_MS * 2 ** (tries - 1) * shareOfWait);
  return isOnlyLeft || (tries === 1 && waitMs <= SHORT_WAIT_MS)
    ? waitMs
    : Infinity;
}

/** How long a model may take to load before the attempt fails. */
const LOADING_MS = 5 * 60_000;

/** One request to one provider, with its deadlines. Every word passes through it. */
class Attempt {
  readonly #controller = new AbortController();
  readonly #askedAt = performance.now();
  #parts: AsyncIterator<ProviderPart> | undefined;
  #reject: (reason: unknown) => void = () => {};
  /** When the next part is due. */
  readonly #deadline = new Deadline(() => void this.#onLate());
  #hasBegun = false;
  /** Whether a part is awaited; none is while the one before is being spoken. */
  #isWaiting = false;
  #isOver = false;
  /** Whether the model was still loading when the first part was late. */
  #wasLoading = false;

  constructor(
    readonly provider: Provider,
    readonly request: ProviderRequest,
    firstPartMs: number,
    readonly options: FailoverOptions,
  ) {
    request.signal.addEventListener("abort", this.#onAbort);
    this.#deadline.set(firstPartMs);
  }

  /** Resolves to the next part; rejects when it is late, or when the request is aborted. */
  next(): Promise<IteratorResult<ProviderPart>> {
    const { provider, request } = this;
    const { signal: left } = request;
    if (left.aborted) return Promise.reject(left.reason);
    const { promise, resolve, reject } = Promise.withResolvers<
      IteratorResult<ProviderPart>
    >();
    this.#reject = reject;
    this.#isWaiting = true;
    if (this.#hasBegun) this.#deadline.set(this.options.stallTimeoutMs);
    const { signal } = this.#controller;
    this.#parts ??= provider.stream({ ...request, signal })
      [Symbol.asyncIterator]();
    this.#parts.next().then((step) => {
      this.#hasBegun = true;
      this.#isWaiting = false;
      this.#isOver = step.done === true;
      resolve(step);
    }, reject);
    return promise;
  }

  close(): void {
    this.#deadline.clear();
    this.request.signal.removeEventListener("abort", this.#onAbort);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.abort();
    // Not awaited: a provider that ignores its signal would delay the caller.
    this.#parts?.return?.().catch(() => {});
  }

  readonly #onAbort = () => {
    const { reason } = this.request.signal;
    this.#controller.abort(reason);
    this.#reject(reason);
  };

  async #onLate(): Promise<void> {
    const { firstTokenTimeoutMs, stallTimeoutMs } = this.options;
    if (!this.#isWaiting) return this.#deadline.set(stallTimeoutMs);
    if (this.#hasBegun) {
      const message = `No more words within ${stallTimeoutMs} ms`;
      return this.#giveUp(message, "STALL_TIMEOUT_MS");
    }
    const isLoading = await this.#isLoading();
    // Meanwhile the first part came, or the attempt was closed.
    if (this.#hasBegun || this.#isOver) return;
    // A model that has loaded meanwhile still has to read the prompt.
    const hasTime = isLoading || this.#wasLoading;
    this.#wasLoading = isLoading;
    if (hasTime) this.#deadline.set(firstTokenTimeoutMs);
    else {
      const message = `No first words within ${firstTokenTimeoutMs} ms`;
      this.#giveUp(message, "FIRST_TOKEN_TIMEOUT_MS");
    }
  }

  #giveUp(message: string, setting: string): void {
    const { name: provider } = this.provider;
    const fix = `set ${setting} higher if the model needs longer`;
    const options = { provider, retryable: true, fix };
    this.#reject(new ProviderError(message, options));
  }

  async #isLoading(): Promise<boolean> {
    const { provider, options: { log } } = this;
    const waitedMs = Math.round(performance.now() - this.#askedAt);
    if (waitedMs > LOADING_MS) return false;
    if (!await provider.isLoading?.(this.#controller.signal)) return false;
    const { name, model } = provider;
    log.info("provider.loading", { provider: name, model, waitedMs });
    return true;
  }
}
