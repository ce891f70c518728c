/**
 * The turn that answers what the caller said: the caller's words are stored,
 * the model is asked, and what it says is stored piece by piece just before it
 * is spoken. However the turn ends, its record says so.
 *
 * @module
 */
import type { Usage } from "../providers/provider.ts";
import type {
  SessionRecord,
  TurnDetails,
  TurnStatus,
} from "../sessions/record.ts";
import type { Session, Turn } from "../sessions/session.ts";
import { withFiller } from "./filler.ts";
import {
  estimateTokens,
  findInterrupted,
  type Interruption,
  MARKS_NOTE,
  toHistory,
} from "./history.ts";
import { mergeText } from "./merge.ts";
import { fillPrompt } from "./prompt.ts";
import { attemptOf, isNewest, isOurs } from "./rival.ts";
import { findSentenceEnd } from "./sentence.ts";
import { askWithTools, type ToolPart } from "./tool_loop.ts";
import {
  answeredIn,
  type CallContext,
  type RunTurn,
  toIso,
  toParts,
  type TurnPart,
  type TurnParts,
} from "./turn.ts";
import { createVoice } from "./voice.ts";

/** What the caller said. */
export interface Question {
  /** Their words, as transcribed. */
  text: string;
  /** What the caller heard of the turn before, where it was cut off. */
  interruption?: Interruption | undefined;
}

/** The turn that answers what the caller said. */
export function answer(
  call: CallContext,
  question: Question,
  parts: TurnParts,
): RunTurn {
  const { store, provider, tools, agent, log, now } = parts;
  const { isDraining = () => false } = parts;
  const { conversationId, turnId } = call;

  let attempt = 0;
  /** As the last look at the conversation tells: the turn was answered meanwhile. */
  let answeredBefore: Turn | undefined;
  /** And the interruption is about no turn. */
  let isIgnored = false;

  /**
   * Adds a record of this turn, stamped with the time. Nothing where another
   * instance deleted it, or answers it anew, whose words they would mix with;
   * and no words once a newer turn has begun elsewhere, as they stay unsaid.
   */
  function add(fields: Fields): Promise<Session> {
    const { type, ...rest } = fields;
    const at = toIso(now());
    const record = { type, turnId, ...rest, at } as SessionRecord;
    const isWanted = type === "assistant" ? isNewest : isOurs;
    return store.update(
      conversationId,
      (session) => isWanted(session, turnId, attempt) ? [record] : [],
    );
  }

  return async function* (signal, onStored) {
    const startedAt = now();
    let firstWordsAt: number | undefined;
    let usage: Usage = {};
    let status: TurnStatus = "interrupted";
    let who: { provider?: string; model?: string } = {};
    let details: TurnDetails = {};
    let answered = false;
    let isCutShort = false;
    let said = "";
    /** How long the last words took to be stored. */
    let storeMs = 0;
    const voice = createVoice(agent.speechCleanup);

    async function* speak(words: string): AsyncGenerator<TurnPart, void> {
      const end = isDraining() ? findSentenceEnd(said, words) : undefined;
      isCutShort ||= end !== undefined;
      const text = words.slice(0, end);
      if (text === "") return;
      // Stored first: what was heard must be in the record, whatever happens.
      const askedAt = performance.now();
      const session = await add({ type: "assistant", text });
      storeMs = performance.now() - askedAt;
      // Another instance answers this turn now, or a newer one.
      if (!isNewest(session, turnId, attempt)) {
        isCutShort = true;
        return;
      }
      firstWordsAt ??= now();
      said += text;
      yield { type: "speech", text };
    }

    let session: Session;
    try {
      const at = toIso(startedAt);
      session = await store.update(
        conversationId,
        (session) => begin(session, at),
      );
    } catch (error) {
      log.error("turn.failed", { conversationId, turnId, error });
      // Nothing of it is stored, nor tried to be: the caller has waited for the
      // store once.
      if (!signal.aborted) yield { type: "speech", text: agent.errorMessage };
      details = { totalMs: now() - startedAt };
      report("failed");
      return yield { type: "summary", status: "failed", details };
    }
    attempt = attemptOf(session, turnId);
    onStored(attempt);
    if (answeredBefore) return yield* toParts(answeredBefore);
    if (isIgnored) {
      log.warn("interruption.ignored", {
        conversationId,
        turnId,
        reason: "it fits no turn of the agent's",
      });
    }

    try {
      const filler: ToolPart = { type: "say", text: agent.fillerMessage };
      const stream = mergeText(
        withFiller(ask(session, signal), filler, agent.fillerAfterMs),
        () => storeMs > FAR_MS,
      );
      for await (const part of stream) {
        signal.throwIfAborted();
        switch (part.type) {
          case "response-start":
            who = { provider: part.provider, model: part.model };
            break;
          case "text-delta": {
            const text = voice.say(part.text);
            answered ||= text.trim() !== "";
            yield* speak(text);
            break;
          }
          case "say":
            yield* speak(voice.flush());
            yield* speak(voice.interject(part.text));
            break;
          case "calls":
            yield* speak(voice.flush());
            await add(part);
            break;
          case "result":
            await add(part);
            break;
          case "data":
            yield part;
            break;
          case "finish":
            usage = part.usage;
            break;
        }
        if (isCutShort) break;
      }
      if (!isCutShort) {
        const rest = voice.flush();
        answered ||= rest.trim() !== "";
        yield* speak(rest);
        if (!answered) throw new Error("The answer held nothing to speak");
        status = "complete";
      }
    } catch (error) {
      if (!signal.aborted) {
        status = "failed";
        log.error("turn.failed", { conversationId, turnId, error });
        yield* apologise(voice.interject(agent.errorMessage));
      } else if (isDraining() && firstWordsAt === undefined) {
        // The process ends before the model has a word: better this than silence.
        yield* speak(voice.interject(agent.errorMessage));
      }
    } finally {
      details = {
        ...who,
        firstWordsMs: firstWordsAt && firstWordsAt - startedAt,
        totalMs: now() - startedAt,
        ...usage,
      };
      await add({ type: "end", status, ...details })
        // Nothing more can be done for this turn, and the answer must end.
        .catch((error) => log.error("turn.not_stored", { turnId, error }));
      report(status);
    }
    if (!signal.aborted) yield { type: "summary", status, details };

    /** Says so even where the store is what failed. */
    async function* apologise(text: string): AsyncGenerator<TurnPart, void> {
      await add({ type: "assistant", text })
        .catch((error) => log.error("turn.not_stored", { turnId, error }));
      yield { type: "speech", text };
    }

    function report(status: TurnStatus): void {
      log.info("turn.end", {
        conversationId,
        turnId,
        status,
        ...details,
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
    isIgnored = false;
    answeredBefore = answeredIn(session, turnId);
    if (answeredBefore) return [];
    // Even where nothing was said yet: another instance may be about to.
    if (session.turn(turnId)) return [{ type: "again", turnId, at }];
    const records: SessionRecord[] = [];
    if (question.interruption) {
      const { textHeard } = question.interruption;
      const turn = findInterrupted(session, question.interruption);
      isIgnored = turn === undefined;
      if (turn) {
        records.push({ type: "heard", turnId: turn.id, text: textHeard, at });
      }
    }
    return [...records, { type: "user", turnId, text: question.text, at }];
  }

  async function* ask(
    session: Session,
    signal: AbortSignal,
  ): AsyncGenerator<ToolPart, void> {
    const prompt = fillPrompt(agent.systemPrompt, call, new Date(now()));
    const notes = session.memories.map((text) => `- ${text}`);
    const lines = notes.length > 0 ? [prompt, MEMORIES, ...notes] : [prompt];
    const room = agent.contextTokens * INPUT_SHARE -
      estimateTokens(lines.join("\n"));
    const { messages, marked } = toHistory(session, room);
    if (marked) lines.push(MARKS_NOTE);
    yield* askWithTools({
      provider,
      tools: await tools,
      system: lines.join("\n"),
      messages,
      context: {
        ...call,
        signal,
        remember: async (text) => void await add({ type: "memory", text }),
      },
      filler: {
        text: agent.toolFillerMessage,
        afterMs: agent.toolFillerAfterMs,
      },
      onFailure: ({ name }, error) =>
        log.warn("tool.failed", { conversationId, turnId, tool: name, error }),
    });
  }
}

/** A record of a turn without what all of them have. */
type Fields = SessionRecord extends infer R
  ? R extends { turnId: string; at: string } ? Omit<R, "turnId" | "at"> : never
  : never;

/** Introduces what tools were told to keep in mind. */
const MEMORIES = "Keep in mind, from earlier in this conversation:";

/** A store that takes longer is on another machine, or busy. */
const FAR_MS = 5;

/** How much of the window the question may take; the answer needs the rest. */
const INPUT_SHARE = 0.75;

/** From here on a model may begin to drop what it was shown. */
const NEARLY_FULL = 0.9;
