/**
 * The stand-in for a language model, which needs no key, network or model. It
 * says what it is and repeats what it heard, so that a fresh clone can be tried,
 * and is replaced as soon as a model is found.
 *
 * @module
 */
import type { Provider, ProviderPart, ProviderRequest } from "./provider.ts";
import type { Vendor } from "./vendor.ts";

/** The stand-in, declared as a vendor without settings. */
export const echo: Vendor = { settings: {}, create: createEcho };

/** Makes the stand-in provider. */
export function createEcho(): Provider {
  return {
    name: "echo",
    model: "echo",
    stream,
    check: () => Promise.resolve(),
  };
}

async function* stream(
  { messages, signal }: ProviderRequest,
): AsyncIterable<ProviderPart> {
  const heard = messages.filter(({ role }) => role === "user");
  const reply = `This is Parley's echo, a stand-in for a language model. ` +
    `You said: ${heard.at(-1)?.text ?? "nothing yet"}. ` +
    `That was message number ${heard.length} of our conversation.`;
  const words = reply.match(/\S+\s*/g) ?? [];
  for (const word of words) {
    signal.throwIfAborted();
    yield { type: "text-delta", text: word };
  }
  yield { type: "finish", usage: { outputTokens: words.length } };
}

/** The shortest time between two searches, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/**
 * Creates a provider that searches for a model before each turn, by a monotonic
 * clock. Once one is found, that one answers for good: a caller who has heard a
 * model is never answered by an echo again.
 */
export function createStandIn(
  standIn: Provider,
  find: () => Promise<Provider | undefined>,
  now: () => number,
): Provider {
  let current = standIn;
  let lookedAt = -Infinity;
  let looking: Promise<void> | undefined;

  /** Searches, unless that was done a moment ago. Requests that come meanwhile wait for the same search. */
  async function look(): Promise<void> {
    if (current !== standIn || now() - lookedAt < LOOK_EVERY_MS) return;
    looking ??= find().then((found) => {
      current = found ?? standIn;
    }).finally(() => {
      looking = undefined;
      lookedAt = now();
    });
    await looking;
  }

  async function* lookAndStream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    await look();
    request.signal.throwIfAborted();
    yield* current.stream(request);
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
      current === standIn ? lookAndStream(request) : current.stream(request),
    async check(signal) {
      await look();
      await current.check(signal);
    },
  };
}
