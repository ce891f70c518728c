/**
 * A provider made of providers: the first that begins to answer in time. As
 * long as nothing was said, one that fails is asked again where that may help,
 * and then the next one is; afterwards another model would begin the sentence
 * again.
 *
 * @module
 */
import { builtin } from "../server/builtin.ts";
import type { Log } from "../server/log.ts";
import { Attempt } from "./_attempt.ts";
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
      const attempt = new Attempt(provider, request, dueAt, options);
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
      const waitMs = hasBegun ? undefined : toWaitMs(error, tries, isOnlyLeft);
      const isRetried = waitMs !== undefined &&
        performance.now() + waitMs < dueAt;
      const retry = isRetried ? { retryInMs: Math.round(waitMs) } : undefined;
      note(candidate, { error, afterFirstWords: hasBegun }, retry, options);
      if (!isRetried && (hasBegun || isOnlyLeft)) throw error;
      if (!isRetried) break;
      const { signal } = request;
      const { setTimeout: sleep } = builtin("node:timers/promises");
      await sleep(waitMs, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }
}

/** Logs a failure, and remembers one that the provider wasn't asked again after. */
function note(
  candidate: Candidate,
  failure: { error: unknown; afterFirstWords: boolean },
  retry: { retryInMs: number } | undefined,
  { log, now }: FailoverOptions,
): void {
  const { provider: { name: provider, model } } = candidate;
  const fields = { provider, model, ...failure };
  if (retry) return log.warn("provider.failed", { ...fields, ...retry });
  const failuresInARow = ++candidate.failures;
  const isLast = failuresInARow >= FAILURES_UNTIL_LAST;
  if (isLast) candidate.lastUntil = now() + LAST_FOR_MS;
  const lastForMs = isLast ? { lastForMs: LAST_FOR_MS } : {};
  log.warn("provider.failed", { ...fields, failuresInARow, ...lastForMs });
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
