/**
 * The provider of a server that found no language model when it started. It
 * looks for one before each turn, and once there is one hands everything to it
 * for good: a caller who has heard a model is never answered by an echo again.
 *
 * @module
 */
import type { Provider, ProviderPart, ProviderRequest } from "./provider.ts";

/** How a stand-in looks for what it stands in for. */
export interface StandInOptions {
  /** Looks once, for a bounded time; `undefined` where there is none. */
  find: () => Promise<Provider | undefined>;
  /** Milliseconds that only go forward, such as `performance.now`. */
  now: () => number;
}

/** The shortest time between two looks, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/**
 * Makes a provider that stands in for another until that one is there.
 *
 * @param echo answers meanwhile
 */
export function createStandIn(
  echo: Provider,
  { find, now }: StandInOptions,
): Provider {
  let current = echo;
  let lookedAt = -Infinity;
  let looking: Promise<void> | undefined;

  /** Looks, unless that was done a moment ago. All who ask meanwhile wait for the same look. */
  async function look(): Promise<void> {
    if (current !== echo) return;
    if (looking === undefined && now() - lookedAt >= LOOK_EVERY_MS) {
      lookedAt = now();
      looking = find()
        .then((found) => {
          current = found ?? echo;
        })
        .finally(() => {
          looking = undefined;
        });
    }
    await looking;
  }

  async function* lookAndStream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    await look();
    request.signal.throwIfAborted();
    yield* current.stream(request);
  }

  async function check(signal: AbortSignal): Promise<void> {
    await look();
    await current.check(signal);
  }

  return {
    get name() {
      return current.name;
    },
    get model() {
      return current.model;
    },
    get prepare() {
      return current.prepare;
    },
    stream: (request) =>
      current === echo ? lookAndStream(request) : current.stream(request),
    check,
  };
}
