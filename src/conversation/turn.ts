/**
 * One turn: the caller's words are stored, the model is asked, and what it
 * says is stored piece by piece just before it is spoken. However the turn
 * ends, its record says so.
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { Provider, ProviderPart, Usage } from "../providers/provider.ts";
import type {
  Session,
  SessionRecord,
  Turn,
  TurnStatus,
} from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import { withFiller } from "./filler.ts";
import {
  estimateTokens,
  findInterrupted,
  type Interruption,
  MARKS_NOTE,
  toHistory,
} from "./history.ts";

/** One piece of what a turn produces. */
export type TurnPart =
  /** Words to speak. */
  | { type: "speech"; text: string }
  /** JSON for the page that the caller looks at. */
  | { type: "data"; content: unknown };

/** What the owner decided about the agent. */
export interface Agent {
  /** Who the agent is and how it speaks; the model sees it before every history. */
  systemPrompt: string;
  /** Empty: the agent waits for the caller to speak. */
  welcomeMessage: string;
  /** Said to a caller who comes back. Empty: nothing is. */
  welcomeBackMessage: string;
  /** Said when no answer can be had. */
  errorMessage: string;
  /** Said when the first words take long. */
  fillerMessage: string;
  /** How long that is. 0: nothing is said. */
  fillerAfterMs: number;
  /** The model's window: system prompt, history and answer. */
  contextTokens: number;
}

/** What turns are made of. */
export interface TurnParts {
  /** Keeps what both say; the agent's words before they are spoken. */
  store: SessionStore;
  /** The model that is asked. */
  provider: Provider;
  /** What the owner decided. */
  agent: Agent;
  /** Told how each turn ended, and how long it took. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** Which turn of which conversation. */
export interface TurnId {
  /** The key of everything that is kept. */
  conversationId: string;
  /** The same when a turn comes again. */
  turnId: string;
}

/** What the caller said. */
export interface Question {
  /** Their words, as transcribed. */
  text: string;
  /** What the caller heard of the turn before, where it was cut off. */
  interruption?: Interruption | undefined;
}

/** A turn under way. */
export interface RunningTurn {
  /** Resolves when the caller's words are stored, or can't be. Never rejects. */
  stored: Promise<void>;
  /** The next piece. */
  next(): Promise<IteratorResult<TurnPart, void>>;
  /** Ends it, cancels what it waits for, and resolves when its record is written. */
  stop(): Promise<void>;
}

/**
 * A turn to be run.
 *
 * @param signal ends it early
 * @param onStored called when what the caller said is stored
 */
export type RunTurn = (
  signal: AbortSignal,
  onStored: () => void,
) => AsyncGenerator<TurnPart, void>;

/**
 * The turn's recorded answer, when the turn is over and only comes again: it
 * was finished, or the conversation has gone on since. A turn that was cut
 * short, and nothing followed, is to be answered anew.
 */
export async function findAnswered(
  { conversationId, turnId }: TurnId,
  store: SessionStore,
): Promise<Turn | undefined> {
  const session = await store.load(conversationId);
  const turn = session.turn(turnId);
  if (turn === undefined) return undefined;
  const finished = turn.status === "complete" || turn.status === "failed";
  return finished || session.turns.at(-1) !== turn ? turn : undefined;
}

/** Says a recorded turn again. Asks and stores nothing, and needs no floor. */
export function replay(turn: Turn): RunningTurn {
  const parts: TurnPart[] = turn.assistant === ""
    ? []
    : [{ type: "speech", text: turn.assistant }];
  const iterator = parts.values();
  return {
    stored: Promise.resolve(),
    next: () => Promise.resolve(iterator.next()),
    stop: () => Promise.resolve(),
  };
}

/** The turn that speaks first. */
export function welcome(id: TurnId, parts: TurnParts): RunTurn {
  const { store, agent, now } = parts;
  return async function* (_signal, onStored) {
    const { conversationId, turnId } = id;
    const at = toIso(now());
    let text = "";
    await store.update(conversationId, (session) => {
      const known = session.turns.some((turn) =>
        turn.id !== turnId && (turn.user || turn.assistant)
      );
      text = known ? agent.welcomeBackMessage : agent.welcomeMessage;
      const said: SessionRecord[] = text === ""
        ? []
        : [{ type: "assistant", turnId, text, at }];
      return [...said, { type: "end", turnId, status: "complete", at }];
    });
    onStored();
    if (text !== "") yield { type: "speech", text };
  };
}

/** The turn that answers what the caller said. */
export function answer(
  id: TurnId,
  question: Question,
  parts: TurnParts,
): RunTurn {
  const { store, provider, agent, log, now } = parts;
  const { conversationId, turnId } = id;

  function add(record: SessionRecord): Promise<Session> {
    return store.update(conversationId, () => [record]);
  }

  return async function* (signal, onStored) {
    const startedAt = now();
    let firstWordsAt: number | undefined;
    let usage: Usage = {};
    let status: TurnStatus = "interrupted";
    let who: { provider?: string; model?: string } = {};

    async function* speak(text: string): AsyncGenerator<TurnPart, void> {
      // Stored first: what was heard must be in the record, whatever happens.
      await add({ type: "assistant", turnId, text, at: toIso(now()) });
      firstWordsAt ??= now();
      yield { type: "speech", text };
    }

    try {
      const at = toIso(startedAt);
      const session = await store.update(
        conversationId,
        (session) => begin(session, at),
      );
      onStored();
      const filler: ProviderPart = {
        type: "text-delta",
        text: `${agent.fillerMessage} `,
      };
      const stream = withFiller(
        ask(session, signal),
        filler,
        agent.fillerAfterMs,
      );
      for await (const part of stream) {
        signal.throwIfAborted();
        switch (part.type) {
          case "response-start":
            who = { provider: part.provider, model: part.model };
            break;
          case "text-delta":
            yield* speak(part.text);
            break;
          case "finish":
            usage = part.usage;
            break;
        }
      }
      status = "complete";
    } catch (error) {
      if (!signal.aborted) {
        status = "failed";
        log.error("turn.failed", { conversationId, turnId, error });
        yield* apologise();
      }
    } finally {
      await add({ type: "end", turnId, status, ...who, at: toIso(now()) })
        // Nothing more can be done for this turn, and the answer must end.
        .catch((error) => log.error("turn.not_stored", { turnId, error }));
      report();
    }

    /** Says so even where the store is what failed. */
    async function* apologise(): AsyncGenerator<TurnPart, void> {
      const text = agent.errorMessage;
      await add({ type: "assistant", turnId, text, at: toIso(now()) })
        .catch((error) => log.error("turn.not_stored", { turnId, error }));
      yield { type: "speech", text };
    }

    function report(): void {
      log.info("turn.end", {
        conversationId,
        turnId,
        status,
        ...who,
        firstWordsMs: firstWordsAt && firstWordsAt - startedAt,
        totalMs: now() - startedAt,
        ...usage,
      });
      const used = usage.inputTokens ?? 0;
      if (used > agent.contextTokens * NEARLY_FULL) {
        log.warn("history.nearly_full", {
          conversationId,
          inputTokens: used,
          contextTokens: agent.contextTokens,
          mend: "set CONTEXT_TOKENS higher, or shorten SYSTEM_PROMPT",
        });
      }
    }
  };

  /** The first records of the turn: what was heard before, and what was said now. */
  function begin(session: Session, at: string): SessionRecord[] {
    const known = session.turn(turnId);
    if (known) {
      const untouched = known.assistant === "" && known.status === undefined;
      return untouched ? [] : [{ type: "again", turnId, at }];
    }
    const records: SessionRecord[] = [];
    if (question.interruption) {
      const { textHeard } = question.interruption;
      const turn = findInterrupted(session, question.interruption);
      if (turn) {
        records.push({ type: "heard", turnId: turn.id, text: textHeard, at });
      } else {
        log.warn("interruption.ignored", {
          conversationId,
          turnId,
          reason: "it fits no turn of the agent's",
        });
      }
    }
    return [...records, { type: "user", turnId, text: question.text, at }];
  }

  function ask(
    session: Session,
    signal: AbortSignal,
  ): AsyncIterable<ProviderPart> {
    const { systemPrompt, contextTokens } = agent;
    const room = contextTokens * INPUT_SHARE;
    const history = toHistory(session, room - estimateTokens(systemPrompt));
    const { messages, marked } = history;
    const system = marked ? `${systemPrompt}\n${MARKS_NOTE}` : systemPrompt;
    return provider.stream({ system, messages, signal });
  }
}

/** How much of the window the question may take; the answer needs the rest. */
const INPUT_SHARE = 0.75;

/** From here on a model may begin to drop what it was shown. */
const NEARLY_FULL = 0.9;

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}
