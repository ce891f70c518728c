/**
 * One turn: the caller's words are stored, the model is asked, and what it
 * says is stored piece by piece just before it is spoken. However the turn
 * ends, its record says so.
 *
 * @module
 */
import type { Log } from "../log.ts";
import {
  type Provider,
  ProviderError,
  type Usage,
} from "../providers/provider.ts";
import type { SessionRecord, TurnStatus } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import { toMessages } from "./history.ts";

/** One piece of what a turn produces. */
export type TurnPart =
  /** Words to speak. */
  | { type: "speech"; text: string }
  /** JSON for the page that the caller looks at. */
  | { type: "data"; content: unknown };

/** What the owner decided about the agent. */
export interface Agent {
  systemPrompt: string;
  /** Empty: the agent waits for the caller to speak. */
  welcomeMessage: string;
  /** Said when no answer can be had. */
  errorMessage: string;
}

/** What turns are made of. */
export interface TurnParts {
  store: SessionStore;
  provider: Provider;
  agent: Agent;
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** Which turn of which conversation. */
export interface TurnId {
  conversationId: string;
  turnId: string;
}

/** A turn to be run; the signal ends it early. */
export type RunTurn = (signal: AbortSignal) => AsyncGenerator<TurnPart, void>;

/** The turn that speaks first. */
export function welcome(id: TurnId, parts: TurnParts): RunTurn {
  const { store, agent, now } = parts;
  return async function* () {
    const text = agent.welcomeMessage;
    if (text === "") return;
    const { turnId } = id;
    const at = toIso(now());
    await store.update(id.conversationId, () => [
      { type: "assistant", turnId, text, at },
      { type: "end", turnId, status: "complete", at },
    ]);
    yield { type: "speech", text };
  };
}

/** The turn that answers what the caller said. */
export function answer(id: TurnId, text: string, parts: TurnParts): RunTurn {
  const { store, provider, agent, log, now } = parts;
  const { conversationId, turnId } = id;

  function add(record: SessionRecord) {
    return store.update(conversationId, () => [record]);
  }

  return async function* (signal) {
    const startedAt = now();
    let firstWordsAt: number | undefined;
    let usage: Usage = {};
    let status: TurnStatus = "interrupted";

    async function* speak(words: string): AsyncGenerator<TurnPart, void> {
      // Stored first: what was heard must be in the record, whatever happens.
      const at = toIso(now());
      await add({ type: "assistant", turnId, text: words, at });
      firstWordsAt ??= now();
      yield { type: "speech", text: words };
    }

    try {
      const at = toIso(startedAt);
      const session = await add({ type: "user", turnId, text, at });
      const answer = provider.stream({
        system: agent.systemPrompt,
        messages: toMessages(session),
        signal,
      });
      for await (const part of answer) {
        signal.throwIfAborted();
        if (part.type === "text-delta") yield* speak(part.text);
        else usage = part.usage;
      }
      status = "complete";
    } catch (error) {
      if (!signal.aborted) {
        status = "failed";
        const event = error instanceof ProviderError
          ? "provider.failed"
          : "turn.failed";
        log.error(event, { conversationId, turnId, error });
        yield* apologise();
      }
    } finally {
      await add({ type: "end", turnId, status, at: toIso(now()) })
        // Nothing more can be done for this turn, and the answer must end.
        .catch((error) => log.error("turn.not_stored", { turnId, error }));
      log.info("turn.end", {
        conversationId,
        turnId,
        status,
        provider: provider.name,
        model: provider.model,
        firstWordsMs: firstWordsAt && firstWordsAt - startedAt,
        totalMs: now() - startedAt,
        ...usage,
      });
    }

    /** Says so even where the store is what failed. */
    async function* apologise(): AsyncGenerator<TurnPart, void> {
      const words = agent.errorMessage;
      await add({ type: "assistant", turnId, text: words, at: toIso(now()) })
        .catch((error) => log.error("turn.not_stored", { turnId, error }));
      yield { type: "speech", text: words };
    }
  };
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}
