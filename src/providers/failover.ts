/**
 * A provider made of providers: the first that begins to answer in time. Only
 * as long as nothing was said is one that fails asked again, and then the next:
 * afterwards another model would begin the sentence again.
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

interface Candidate {
  provider: Provider;
  /** How many turns it failed in, one after the other. */
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
      // One that answers is enough to serve callers.
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

/** Counts a turn in which it failed, and has one that keeps failing asked last. */
function giveUp(candidate: Candidate, now: number): { lastForMs?: number } {
  if (++candidate.failures < FAILURES_UNTIL_LAST) return {};
  candidate.lastUntil = now + LAST_FOR_MS;
  return { lastForMs: LAST_FOR_MS };
}

const FIRST_WAIT_MS = 400;
const MOMENT_MS = 500;

/**
 * How long to wait before a provider is asked again: for ever where that would
 * not help. Where another provider is there it may only be a moment.
 */
function toWaitMs(error: unknown, tries: number, isOnlyLeft: boolean): number {
  if (!(error instanceof ProviderError) || !error.retryable) return Infinity;
  const { status, retryAfterMs } = error;
  // A vendor that can't be reached at all will rarely be there seconds later.
  if (status === undefined && tries > 2) return Infinity;
  const shareOfWait = 0.5 + Math.random() / 2;
  const waitMs = retryAfterMs ??
    Math.round(FIRST_WAIT_MS * 2 ** (tries - 1) * shareOfWait);
  return isOnlyLeft || (tries === 1 && waitMs <= MOMENT_MS) ? waitMs : Infinity;
}

/** How long a model may take to load before the caller is told that it failed. */
const LOADING_MS = 5 * 60_000;

/** One try with one provider. Every word passes through it. */
class Attempt {
  readonly #controller = new AbortController();
  readonly #askedAt = performance.now();
  #parts: AsyncIterator<ProviderPart> | undefined;
  #reject: (reason: unknown) => void = () => {};
  /** When the next part is due. */
  readonly #deadline = new Deadline(() => void this.#onLate());
  #hasBegun = false;
  /** Nobody waits for the next part while one is being said. */
  #isWaiting = false;
  #isOver = false;

  constructor(
    readonly provider: Provider,
    readonly request: ProviderRequest,
    firstPartMs: number,
    readonly options: FailoverOptions,
  ) {
    request.signal.addEventListener("abort", this.#onAbort);
    this.#deadline.set(firstPartMs);
  }

  /** Rejects when the next part doesn't come in time, or nobody wants it any more. */
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
    // Not awaited: a provider that ignores its signal would hold the caller up.
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
    // The first part came, or nobody wants it any more.
    if (this.#hasBegun || this.#isOver) return;
    if (isLoading) this.#deadline.set(firstTokenTimeoutMs);
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
