/**
 * One answer of a provider made of providers: its tries, and the time that each
 * may take.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import { type LinkedSignal, linkedSignal } from "./_link.ts";
import type { Alarms } from "./alarms.ts";
import {
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";

/** A provider that may answer. */
export interface Candidate {
  /** Itself. */
  provider: Provider;
}

/** How long a provider may take. */
export interface Waits {
  /** To its first words, in milliseconds, all its tries together. */
  firstTokenTimeoutMs: number;
  /** To any word after that. */
  stallTimeoutMs: number;
}

/** How an answer is had, and who is told of it. */
export interface AnswerOptions<C> extends Waits {
  /** Told of a model that is still loading. */
  log: Log;
  /** Told of a failure: before or after the first words, and when the same is asked again. */
  onFailure: (
    candidate: C,
    error: unknown,
    afterFirstWords: boolean,
    retryInMs: number | undefined,
  ) => void;
  /** Told of an answer that came whole. */
  onSuccess: (candidate: C) => void;
}

/**
 * How long to wait before a provider is asked again, or nothing where that
 * would not help. Where another provider is there it may only be a moment.
 */
function toWaitMs(
  error: unknown,
  tries: number,
  isLast: boolean,
): number | undefined {
  if (!(error instanceof ProviderError) || !error.retryable) return undefined;
  const { status, retryAfterMs } = error;
  // A vendor that can't be reached at all will rarely be there seconds later.
  if (status === undefined && tries > 2) return undefined;
  const waitMs = retryAfterMs ??
    Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS) *
      (0.5 + Math.random() / 2);
  return isLast || (tries === 1 && waitMs <= MOMENT_MS) ? waitMs : undefined;
}

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 2_000;
const MOMENT_MS = 500;

/** How long a model may take to load before the caller is told that it failed. */
const LOADING_MS = 5 * 60_000;

/**
 * One answer, whoever gives it. Every word passes through here, so that it is
 * an iterator by hand: a word costs one promise and a look at the time.
 */
export class FailoverAnswer<C extends Candidate> {
  #parts: AsyncIterator<ProviderPart> | undefined;
  #attempt: LinkedSignal | undefined;
  /** Which of the providers is asked, for the how-many-eth time, and since when. */
  #next = 0;
  #tries = 0;
  #askedAt = 0;
  #deadline = 0;
  #hasStarted = false;
  /** What comes before the next part of the provider's. */
  #held: ProviderPart | undefined;
  /** Since when a part is waited for; 0: none is. */
  #waitingSince = 0;
  #settle: PromiseWithResolvers<Step> | undefined;
  #end = (): void => {};

  /** Makes an answer of which nothing was asked yet. */
  constructor(
    readonly order: readonly C[],
    readonly request: ProviderRequest & { alarms: Alarms },
    readonly options: AnswerOptions<C>,
  ) {}

  /**
   * Begins it.
   *
   * @param close called when the answer is over, however it ends
   */
  read(close: () => void): AsyncIterator<ProviderPart, undefined> {
    const { signal, alarms } = this.request;
    const onAbort = () => this.#fail(signal.reason);
    signal.addEventListener("abort", onAbort);
    this.#end = () => {
      signal.removeEventListener("abort", onAbort);
      alarms.clear("model");
      close();
    };
    return {
      next: () => this.#ask(),
      return: () => {
        this.#abandon();
        this.#end();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  get #candidate(): C {
    return this.order[this.#next] as C;
  }

  #ask(): Promise<Step> {
    const settle = Promise.withResolvers<Step>();
    const { signal } = this.request;
    if (signal.aborted) {
      this.#abandon();
      this.#end();
      settle.reject(signal.reason);
      return settle.promise;
    }
    if (this.#held) {
      settle.resolve({ done: false, value: this.#held });
      this.#held = undefined;
      return settle.promise;
    }
    this.#settle = settle;
    try {
      const parts = this.#parts ??= this.#begin();
      this.#waitingSince = performance.now();
      parts.next().then(
        (step) => this.#take(settle, step),
        (error) => this.#recover(settle, error),
      );
    } catch (error) {
      this.#recover(settle, error);
    }
    return settle.promise;
  }

  #begin(): AsyncIterator<ProviderPart> {
    const { request, options: { firstTokenTimeoutMs } } = this;
    this.#askedAt = performance.now();
    if (this.#tries++ === 0) {
      this.#deadline = this.#askedAt + firstTokenTimeoutMs;
    }
    const leftMs = this.#deadline - this.#askedAt;
    request.alarms.set("model", leftMs, () => void this.#onLate());
    this.#attempt = linkedSignal(request.signal);
    const { signal } = this.#attempt;
    return this.#candidate.provider.stream({ ...request, signal })
      [Symbol.asyncIterator]();
  }

  #take(
    settle: PromiseWithResolvers<Step>,
    step: IteratorResult<ProviderPart>,
  ): void {
    // Who waited was told that it took too long, or has left.
    if (this.#settle !== settle) return;
    this.#waitingSince = 0;
    this.#settle = undefined;
    if (step.done) {
      this.#attempt?.release();
      this.options.onSuccess(this.#candidate);
      this.#end();
      settle.resolve({ done: true, value: undefined });
      return;
    }
    if (!this.#hasStarted && step.value.type !== "finish") {
      this.#hasStarted = true;
      this.#watchLater(this.options.stallTimeoutMs);
      const { name: provider, model } = this.#candidate.provider;
      this.#held = step.value;
      const value = { type: "response-start", provider, model } as const;
      settle.resolve({ done: false, value });
    } else settle.resolve(step);
  }

  /** Asks again, or another; fails where nobody is left, or words were said. */
  async #recover(
    settle: PromiseWithResolvers<Step>,
    error: unknown,
  ): Promise<void> {
    if (this.#settle !== settle) return;
    this.#settle = undefined;
    this.#waitingSince = 0;
    this.#abandon();
    const { signal, alarms } = this.request;
    try {
      signal.throwIfAborted();
      const isLast = this.#next === this.order.length - 1;
      const waitMs = this.#hasStarted
        ? undefined
        : toWaitMs(error, this.#tries, isLast);
      const isAgain = waitMs !== undefined &&
        performance.now() + waitMs < this.#deadline;
      const retryInMs = isAgain ? waitMs : undefined;
      this.options.onFailure(
        this.#candidate,
        error,
        this.#hasStarted,
        retryInMs,
      );
      if (isAgain) await sleep(waitMs, alarms, signal);
      else if (this.#hasStarted || isLast) throw error;
      else {
        this.#next++;
        this.#tries = 0;
      }
    } catch (error) {
      this.#end();
      settle.reject(error);
      return;
    }
    settle.resolve(this.#ask());
  }

  #watchLater(afterMs: number): void {
    this.request.alarms.set("model", afterMs, () => void this.#onLate());
  }

  /** The time may be up: it counts from when the part was asked for that is waited for. */
  async #onLate(): Promise<void> {
    const { firstTokenTimeoutMs, stallTimeoutMs } = this.options;
    const waiting = this.#settle;
    if (!this.#hasStarted) {
      if (await this.#isLoading()) {
        if (waiting === this.#settle) this.#watchLater(firstTokenTimeoutMs);
        return;
      }
      if (waiting !== this.#settle) return;
      return this.#giveUp(`No first words within ${firstTokenTimeoutMs} ms`);
    }
    const waitedMs = waiting === undefined
      ? 0
      : performance.now() - this.#waitingSince;
    const leftMs = stallTimeoutMs - waitedMs;
    if (leftMs > 1) this.#watchLater(leftMs);
    else this.#giveUp(`No more words within ${stallTimeoutMs} ms`);
  }

  #giveUp(message: string): void {
    const { name: provider } = this.#candidate.provider;
    this.#fail(new ProviderError(message, { provider, retryable: true }));
  }

  async #isLoading(): Promise<boolean> {
    const waitedMs = performance.now() - this.#askedAt;
    const { provider } = this.#candidate;
    const { signal } = this.#attempt ?? this.request;
    if (waitedMs > LOADING_MS) return false;
    if (!await provider.isLoading?.(signal)) return false;
    const { name, model } = provider;
    const fields = { provider: name, model, waitedMs: Math.round(waitedMs) };
    this.options.log.info("provider.loading", fields);
    return true;
  }

  /** Fails whoever waits for the next part. */
  #fail(reason: unknown): void {
    if (this.#settle) this.#recover(this.#settle, reason);
  }

  #abandon(): void {
    this.#attempt?.[Symbol.dispose]();
    // Not awaited: a provider that ignores its signal would hold the caller up.
    this.#parts?.return?.().catch(() => {
      // It was told to stop; how it takes that is of no interest.
    });
    this.#parts = undefined;
  }
}

type Step = IteratorResult<ProviderPart, undefined>;

function sleep(
  ms: number,
  alarms: Alarms,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    function onAbort() {
      alarms.clear("retry");
      reject(signal.reason);
    }
    signal.addEventListener("abort", onAbort, { once: true });
    alarms.set("retry", ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}
