/**
 * A provider made of providers: the first that begins to answer in time. As
 * long as nothing was said, one that fails is asked again where that may help,
 * and then the next one is; afterwards another voice would begin the sentence
 * again.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { linkedSignal } from "./_link.ts";
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
  const { firstTokenTimeoutMs } = options;
  const records: Record[] = providers.map((provider) => ({
    provider,
    failures: 0,
    lastUntil: 0,
  }));

  async function* stream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    const alarms = request.alarms ?? createAlarms();
    const order = inOrder();
    let next = 0;
    let tries = 0;
    let deadline = 0;
    try {
      while (true) {
        const record = order[next] ?? order[0] as Record;
        if (tries++ === 0) deadline = performance.now() + firstTokenTimeoutMs;
        const { provider } = record;
        const answer = watch(
          provider,
          { ...request, alarms },
          deadline,
          options,
        );
        let spoke = false;
        try {
          for await (const part of answer) {
            if (!spoke && part.type !== "finish") {
              const { name, model } = provider;
              yield { type: "response-start", provider: name, model };
              spoke = true;
            }
            yield part;
          }
          record.failures = 0;
          return;
        } catch (error) {
          request.signal.throwIfAborted();
          const isLast = next === order.length - 1;
          const wait = spoke ? undefined : toWaitMs(error, tries, isLast);
          const waitMs =
            wait !== undefined && performance.now() + wait < deadline
              ? wait
              : undefined;
          note(record, error, spoke, waitMs);
          if (waitMs !== undefined) {
            await sleep(waitMs, alarms, request.signal);
            continue;
          }
          if (spoke || isLast) throw error;
        }
        next++;
        tries = 0;
      }
    } finally {
      if (request.alarms === undefined) alarms.close();
    }
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
        ? { failuresInARow: record.failures }
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

/** How long a model may take to load before the caller is told that it failed. */
const LOADING_MS = 5 * 60_000;

/**
 * One provider's answer, or its failure to give one in time. An iterator by
 * hand: each word passes through here.
 *
 * @param deadline when the first part must be there, as `performance.now()` tells
 */
function watch(
  provider: Provider,
  request: ProviderRequest & { alarms: Alarms },
  deadline: number,
  { log, firstTokenTimeoutMs, stallTimeoutMs }: FailoverOptions,
): AsyncIterableIterator<ProviderPart> {
  const { alarms, signal } = request;
  const attempt = linkedSignal(signal);
  const parts = provider.stream({ ...request, signal: attempt.signal })
    [Symbol.asyncIterator]();
  const startedAt = performance.now();
  let started = false;
  let fail = (_reason: unknown): void => {};
  const onAbort = () => fail(signal.reason);
  signal.addEventListener("abort", onAbort);

  async function onLate(): Promise<void> {
    const waiting = fail;
    if (!started && await isLoading()) {
      if (waiting === fail) alarms.set("model", firstTokenTimeoutMs, onLate);
      return;
    }
    const message = started
      ? `No more words within ${stallTimeoutMs} ms`
      : `No first words within ${firstTokenTimeoutMs} ms`;
    waiting(
      new ProviderError(message, { provider: provider.name, retryable: true }),
    );
  }

  async function isLoading(): Promise<boolean> {
    if (performance.now() - startedAt > LOADING_MS) return false;
    if (!await provider.isLoading?.(attempt.signal)) return false;
    const waitedMs = Math.round(performance.now() - startedAt);
    const { name, model } = provider;
    log.info("provider.loading", { provider: name, model, waitedMs });
    return true;
  }

  function release(): void {
    alarms.clear("model");
    signal.removeEventListener("abort", onAbort);
    attempt.release();
  }

  function abandon(): void {
    attempt[Symbol.dispose]();
    release();
    // Not awaited: a provider that ignores its signal would hold the caller up.
    parts.return?.().catch(() => {
      // It was told to stop; how it takes that is of no interest.
    });
  }

  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      return new Promise((resolve, reject) => {
        fail = (reason) => {
          abandon();
          reject(reason);
        };
        if (signal.aborted) return fail(signal.reason);
        const leftMs = deadline - performance.now();
        alarms.set("model", started ? stallTimeoutMs : leftMs, onLate);
        parts.next().then((step) => {
          alarms.clear("model");
          if (step.done) release();
          else if (step.value.type !== "finish") started = true;
          resolve(step);
        }, fail);
      });
    },
    return() {
      abandon();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
}
