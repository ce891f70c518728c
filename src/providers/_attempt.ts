/**
 * One try with one provider: who waits for its next part, until when, and how
 * it is ended.
 *
 * @module
 */
import type { FailoverOptions } from "./failover.ts";
import {
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";

/** How long a model may take to load before the caller is told that it failed. */
const LOADING_MS = 5 * 60_000;

/**
 * One try with one provider. Every word passes through it: one timer watches a
 * whole answer, and is set anew only when it goes off.
 */
export class Attempt {
  readonly #controller = new AbortController();
  readonly #askedAt = performance.now();
  #parts: AsyncIterator<ProviderPart> | undefined;
  #reject: (reason: unknown) => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasBegun = false;
  #isOver = false;

  /** @param dueAt when the next part is due, by `performance.now()`; of no meaning while none is waited for */
  constructor(
    readonly provider: Provider,
    readonly request: ProviderRequest,
    private dueAt: number,
    readonly options: FailoverOptions,
  ) {
    request.signal.addEventListener("abort", this.#onAbort);
    this.#watch();
  }

  /** The next part. Rejects when it doesn't come in time, or nobody wants it any more. */
  next(): Promise<IteratorResult<ProviderPart>> {
    const { provider, request } = this;
    const { signal: left } = request;
    if (left.aborted) return Promise.reject(left.reason);
    const { promise, resolve, reject } = Promise.withResolvers<
      IteratorResult<ProviderPart>
    >();
    this.#reject = reject;
    if (this.#hasBegun) {
      this.dueAt = performance.now() + this.options.stallTimeoutMs;
    }
    const { signal } = this.#controller;
    this.#parts ??= provider.stream({ ...request, signal })
      [Symbol.asyncIterator]();
    this.#parts.next().then((step) => {
      this.#hasBegun = true;
      // Nobody waits for a part while this one is being said.
      this.dueAt = Infinity;
      this.#isOver = step.done === true;
      resolve(step);
    }, reject);
    return promise;
  }

  /** Ends it, whatever the provider is at. */
  close(): void {
    clearTimeout(this.#timer);
    this.request.signal.removeEventListener("abort", this.#onAbort);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.abort();
    // Not awaited: a provider that ignores its signal would hold the caller up.
    this.#parts?.return?.().catch(() => {
      // It was told to stop; how it takes that is of no interest.
    });
  }

  readonly #onAbort = () => {
    const { reason } = this.request.signal;
    this.#controller.abort(reason);
    this.#reject(reason);
  };

  #watch(): void {
    if (this.#isOver) return;
    const leftMs = Math.max(this.dueAt - performance.now(), 0);
    const waitMs = Math.min(leftMs, this.options.stallTimeoutMs);
    this.#timer = setTimeout(() => this.#onTimer(), waitMs);
  }

  async #onTimer(): Promise<void> {
    const { dueAt, options: { firstTokenTimeoutMs, stallTimeoutMs } } = this;
    if (dueAt - performance.now() > 1) return this.#watch();
    const isLoading = !this.#hasBegun && await this.#isLoading();
    // The part came while that was looked at.
    if (dueAt !== this.dueAt) return this.#watch();
    if (isLoading) {
      this.dueAt = performance.now() + firstTokenTimeoutMs;
      return this.#watch();
    }
    const what = this.#hasBegun
      ? `No more words within ${stallTimeoutMs} ms`
      : `No first words within ${firstTokenTimeoutMs} ms`;
    const { name: provider } = this.provider;
    this.#reject(new ProviderError(what, { provider, retryable: true }));
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
