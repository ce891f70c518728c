/**
 * A provider made of providers: the first that begins to answer in time. As
 * long as nothing was said, one that fails is asked again where that may help,
 * and then the next one is; afterwards another voice would begin the sentence
 * again.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import { type Candidate, FailoverAnswer } from "./_failover_answer.ts";
import { createAlarms } from "./alarms.ts";
import type {
  PromptBeginning,
  Provider,
  ProviderPart,
  ProviderRequest,
} from "./provider.ts";

/** How long to wait for whom. */
export interface FailoverOptions {
  /** Told of every failure, also where the next provider made up for it. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
  /** How long each may take to its first words, in milliseconds, all its tries together. */
  firstTokenTimeoutMs: number;
  /** How long it may be silent after that. */
  stallTimeoutMs: number;
  /** After so many failed turns in a row a provider comes last. Default 3. */
  failuresUntilLast?: number;
  /** For how long. Default 30,000. */
  lastForMs?: number;
}

/** How a provider has been doing. */
interface Record extends Candidate {
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
    const asked = { ...request, alarms };
    const answer = new FailoverAnswer(order, asked, {
      ...options,
      onFailure: note,
      onSuccess: (record) => record.failures = 0,
    });
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
