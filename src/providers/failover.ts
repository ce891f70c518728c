/**
 * A provider made of providers: the first that begins to answer in time. As
 * long as nothing was said, one that fails is asked again where that may help,
 * and then the next one is; afterwards another voice would begin the sentence
 * again.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { type LinkedSignal, linkedSignal } from "./_link.ts";
import { type Alarms, createAlarms } from "./alarms.ts";
import {
  type PromptBeginning,
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";

/** How long to wait for whom. */
export interface FailoverOptions {
  /** Told of every failure, also where the next provider made up for it. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
  /** How long each may take to its first words, all its tries together. */
  firstTokenTimeoutMs: number;
  /** How long it may be silent after that. */
  stallTimeoutMs: number;
  /** After so many failed turns in a row a provider comes last. Default 3. */
  failuresUntilLast?: number;
  /** For how long. Default 30,000. */
  lastForMs?: number;
}

/** How a provider has been doing. */
interface Record {
  provider: Provider;
  failures: number;
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
  const { log, now, failuresUntilLast = 3, lastForMs = 30_000 } = options;
  const records: Record[] = providers.map((provider) => ({
    provider,
    failures: 0,
    lastUntil: 0,
  }));

  function stream(request: ProviderRequest): AsyncIterable<ProviderPart> {
    const alarms = request.alarms ?? createAlarms();
    const close = request.alarms ? () => {} : alarms.close;
    const order = inOrder();
    const answer = new Answer(order, { ...request, alarms }, options, note);
    return { [Symbol.asyncIterator]: () => answer.read(close) };
  }

  /** Those that failed lately come after all others. */
  function inOrder(): Record[] {
    const at = now();
    const isFit = ({ lastUntil }: Record) => lastUntil <= at;
    return [
      ...records.filter(isFit),
      ...records.filter((record) => !isFit(record)),
    ];
  }

  function note(
    record: Record,
    error: unknown,
    afterFirstWords: boolean,
    retryInMs: number | undefined,
  ): void {
    const { provider } = record;
    if (retryInMs === undefined) record.failures++;
    if (record.failures >= failuresUntilLast) {
      record.lastUntil = now() + lastForMs;
    }
    log.warn("provider.failed", {
      provider: provider.name,
      model: provider.model,
      afterFirstWords,
      ...(retryInMs === undefined
        ? {
          failuresInARow: record.failures,
          ...(record.lastUntil > now() ? { lastForMs } : {}),
        }
        : { retryInMs: Math.round(retryInMs) }),
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

  async function prepare(
    signal: AbortSignal,
    beginning: PromptBeginning,
  ): Promise<void> {
    await first?.prepare?.(signal, beginning);
  }

  const first = providers[0];
  if (first === undefined) throw new RangeError("No provider given");
  return {
    get name() {
      return first.name;
    },
    get model() {
      return first.model;
    },
    stream,
    check,
    ...(first.prepare ? { prepare } : {}),
  };
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

/** Takes note of a provider's failure: before or after its first words, and when it is asked again. */
type Note = (
  record: Record,
  error: unknown,
  afterFirstWords: boolean,
  retryInMs: number | undefined,
) => void;

/**
 * One answer, whoever gives it. Every word passes through here, so that it is
 * an iterator by hand: a word costs one promise and a look at the time.
 */
class Answer {
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

  constructor(
    readonly order: readonly Record[],
    readonly request: ProviderRequest & { alarms: Alarms },
    readonly options: FailoverOptions,
    readonly note: Note,
  ) {}

  /** @param close called when the answer is over, however it ends */
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

  get #record(): Record {
    return this.order[this.#next] as Record;
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
    return this.#record.provider.stream({ ...request, signal })
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
      this.#record.failures = 0;
      this.#end();
      settle.resolve({ done: true, value: undefined });
      return;
    }
    if (!this.#hasStarted && step.value.type !== "finish") {
      this.#hasStarted = true;
      this.#watchLater(this.options.stallTimeoutMs);
      const { name: provider, model } = this.#record.provider;
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
      this.note(this.#record, error, this.#hasStarted, retryInMs);
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
    const { name: provider } = this.#record.provider;
    this.#fail(new ProviderError(message, { provider, retryable: true }));
  }

  async #isLoading(): Promise<boolean> {
    const waitedMs = performance.now() - this.#askedAt;
    const { provider } = this.#record;
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
