/**
 * The stand-in that needs nothing: no key, no network, no model. It says what
 * it is and repeats what it heard, so that a fresh clone can be talked to.
 *
 * @module
 */
import type {
  Message,
  Provider,
  ProviderPart,
  ProviderRequest,
} from "./provider.ts";
import type { Vendor } from "./vendor.ts";

/** The stand-in, as a vendor that has no settings. */
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

async function* stream(request: ProviderRequest): AsyncIterable<ProviderPart> {
  const words = reply(request.messages).match(/\S+\s*/g) ?? [];
  for (const word of words) {
    request.signal.throwIfAborted();
    yield { type: "text-delta", text: word };
  }
  yield { type: "finish", usage: { outputTokens: words.length } };
}

function reply(messages: readonly Message[]): string {
  const heard = messages.findLast((message) => message.role === "user")?.text;
  const sofar = messages.filter((message) => message.role === "user").length;
  return `This is Parley's echo, a stand-in for a language model. ` +
    `You said: ${heard ?? "nothing yet"}. ` +
    `That was message number ${sofar} of our conversation.`;
}
