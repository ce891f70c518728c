/**
 * The turn that answers what the caller said: the caller's words are kept, the
 * model is asked, and each of its words is made speakable, kept, and handed on.
 * However the turn ends, its record says so.
 *
 *     provider -> tool loop -> speech buffer -> record -> output
 *
 * @module
 */
import { createTimers } from "./timers.ts";
import type { ToolCall, Usage } from "../providers/provider.ts";
import type {
  SessionRecord,
  TurnDetails,
  TurnStatus,
} from "../sessions/record.ts";
import type { Session, Turn } from "../sessions/session.ts";
import type { SessionWriter } from "../sessions/store.ts";
import { AnswerSpeech } from "./answer_speech.ts";
import { fitNote } from "./notes.ts";
import { type Said, toOpening } from "./opening.ts";
import { toQuestion } from "./question.ts";
import { askWithTools, type ToolPart } from "./tool_loop.ts";
import {
  type CallContext,
  type RunTurn,
  toParts,
  type TurnOutput,
  type TurnParts,
} from "./turn.ts";

/** Makes the turn that answers what the caller said. */
export function answer(
  call: CallContext,
  said: Said,
  parts: TurnParts,
): RunTurn {
  return (signal, out) => new Answer(call, said, parts, signal, out).run();
}

/** How often a turn looks whether another instance has begun a newer one. */
const LOOK_EVERY_MS = 400;

/** How long the sentence under way may go on when the turn's time is up. */
const LAST_SENTENCE_MS = 5_000;

/** From here on a model may begin to drop what it was shown. */
const NEARLY_FULL = 0.9;

/** One turn under way. */
class Answer {
  readonly #timers = createTimers();
  /** Ends what the turn waits for: the caller left, the turn is superseded, or it can't be kept. */
  readonly #stop = new AbortController();
  /** Not a time of day: a clock may be set while a turn is under way. */
  readonly #startedAt = performance.now();
  readonly #speech: AnswerSpeech;
  #writer!: SessionWriter;
  /** Which time it is that this turn is answered. */
  #attempt = 0;
  /** The turn as it was answered before, where it only comes again. */
  #answered: Turn | undefined;
  #isSuperseded = false;
  #status: TurnStatus = "interrupted";
  #who: { provider?: string; model?: string } = {};
  #usage: Usage = {};
  /** The calls that the platform runs. */
  #handedOn: ToolCall[] = [];

  constructor(
    readonly call: CallContext,
    readonly said: Said,
    readonly parts: TurnParts,
    readonly signal: AbortSignal,
    readonly out: TurnOutput,
  ) {
    this.#speech = new AnswerSpeech({
      ...parts,
      timers: this.#timers,
      stop: this.#stop,
      out,
      keep: (text) => this.#add({ type: "assistant", text }),
    });
  }

  async run(): Promise<void> {
    if (!await this.#begin()) return;
    const onAbort = () => this.#stop.abort(this.signal.reason);
    this.signal.addEventListener("abort", onAbort);
    if (this.signal.aborted) onAbort();
    try {
      await this.#ask();
      this.#complete();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.signal.removeEventListener("abort", onAbort);
    }
    await this.#end();
    this.#report();
    this.#summarize();
  }

  /**
   * Keeps what the caller said.
   *
   * @returns whether it is to be answered
   */
  async #begin(): Promise<boolean> {
    const { store, agent, log } = this.parts;
    const { conversationId, turnId } = this.call;
    try {
      this.#writer = await store.open(
        conversationId,
        (session) => this.#opening(session),
        {
          onOthers: (session) => this.#onOthers(session),
        },
      );
    } catch (error) {
      log.error("turn.failed", { conversationId, turnId, error });
      // Nothing of it is kept, nor tried to be: the caller has waited for the
      // store once.
      this.#status = "failed";
      if (!this.signal.aborted) {
        this.out.write({ type: "speech", text: agent.errorMessage });
      }
      this.#report();
      this.#summarize();
      return false;
    }
    if (this.#answered === undefined) {
      // The model is asked meanwhile; nobody is told before that all is well.
      this.#writer.flush().then(
        () => this.out.stored(),
        (error) => this.#stop.abort(error),
      );
      return true;
    }
    this.out.stored();
    log.info("turn.replayed", { conversationId, turnId });
    for (const part of toParts(this.#answered)) this.out.write(part);
    await this.#writer.close();
    return false;
  }

  #opening(session: Session): SessionRecord[] {
    const { agent, log, now } = this.parts;
    const { records, attempt, answered, ignored } = toOpening(session, {
      call: this.call,
      said: this.said,
      systemPrompt: agent.systemPrompt,
      at: new Date(now()).toISOString(),
    });
    this.#attempt = attempt;
    this.#answered = answered;
    if (ignored !== undefined) {
      const { conversationId, turnId } = this.call;
      const fields = { conversationId, turnId, reason: ignored };
      log.warn("interruption.ignored", fields);
    }
    return records;
  }

  /**
   * Another instance has added to the conversation.
   *
   * @returns whether this turn's records still count: it wasn't deleted there,
   * nor answered anew
   */
  #onOthers(session: Session): boolean {
    const turn = session.turn(this.call.turnId);
    const isOurs = turn !== undefined && (turn.attempt ?? 0) === this.#attempt;
    if (!isOurs || session.turns.at(-1) !== turn) {
      this.#isSuperseded = true;
      this.#stop.abort();
    }
    return isOurs;
  }

  async #ask(): Promise<void> {
    const { provider, agent, log } = this.parts;
    const { conversationId, turnId } = this.call;
    this.#speech.begin(this.#writer.session.turns.length);
    this.#lookLater();
    this.#limitTime();
    const { session } = this.#writer;
    const { steps = [] } = session.turn(turnId) ?? {};
    const question = await toQuestion(session, this.parts, this.said);
    await askWithTools({
      ...question,
      provider,
      maxTokens: agent.maxAnswerTokens,
      timers: this.#timers,
      earlierCalls: steps.flatMap(({ calls }) => calls),
      context: {
        ...this.call,
        signal: this.#stop.signal,
        remember: (text) => this.#remember(text),
      },
      filler: {
        text: agent.toolFillerMessage,
        afterMs: agent.toolFillerAfterMs,
      },
      onFailure: ({ name: tool }, error) => {
        const isRight = error instanceof Deno.errors.NotCapable;
        const fix = isRight ? { fix: "name its host in TOOL_HOSTS" } : {};
        log.warn("tool.failed", {
          conversationId,
          turnId,
          tool,
          error,
          ...fix,
        });
      },
    }, (part) => this.#take(part));
  }

  /** Ends the turn in time: with its sentence, or else with the apology. */
  #limitTime(): void {
    const { maxTurnSeconds } = this.parts.agent;
    const giveUp = () => {
      this.#speech.ended = "max-seconds";
      const message = `The turn took longer than ${maxTurnSeconds} seconds`;
      this.#stop.abort(new Error(message));
    };
    this.#timers.set("turn limit", maxTurnSeconds * 1_000, () => {
      const isInSentence = this.#speech.endWithSentence();
      if (!isInSentence) return giveUp();
      this.#timers.set("turn limit", LAST_SENTENCE_MS, giveUp);
    });
  }

  /** Takes what the model and its tools produce. Gives whether the answer goes on. */
  #take(part: ToolPart): boolean | Promise<boolean> {
    const room = this.#takePart(part);
    // Nothing is waited for where there is nothing to wait for.
    return room ? room.then(() => !this.#speech.isOver) : !this.#speech.isOver;
  }

  #takePart(part: ToolPart): Promise<void> | undefined {
    switch (part.type) {
      case "response-start":
        this.#who = { provider: part.provider, model: part.model };
        return undefined;
      case "text-delta":
        return this.#speech.push(part.text);
      case "say":
        return this.#speech.interject(part.text, part.isFiller);
      case "data":
        return this.#speech.hand(part);
      case "calls": {
        this.#speech.flush();
        this.#speech.send();
        // The name that the metadata has in records.
        const { providerMetadata: raw, ...calls } = part;
        const text = this.#speech.toWritten("text");
        const { handedOn = [] } = calls;
        this.#handedOn = calls.calls.filter(({ id }) => handedOn.includes(id));
        this.#add({ ...calls, ...(raw ? { raw } : {}), ...text });
        this.#speech.endStep();
        // Kept before they are acted on.
        return this.#writer.flush();
      }
      case "result":
        this.#speech.send();
        this.#add(part);
        return this.#writer.flush();
      case "finish":
        this.#count(part.usage);
        if (part.isCut) this.#speech.ended = "max-tokens";
        return undefined;
    }
  }

  /** Keeps something in mind for a tool, which may have been given up meanwhile. */
  async #remember(note: string): Promise<void> {
    this.#stop.signal.throwIfAborted();
    const text = fitNote(this.#writer.session, note);
    this.#add({ type: "memory", text });
    await this.#writer.flush();
  }

  #count(usage: Usage): void {
    for (const [name, value] of Object.entries(usage)) {
      if (value === undefined) continue;
      const key = name as keyof Usage;
      this.#usage[key] = (this.#usage[key] ?? 0) + value;
    }
    const { conversationId } = this.call;
    const { contextTokens } = this.parts.agent;
    const { inputTokens = 0 } = usage;
    if (inputTokens <= contextTokens * NEARLY_FULL) return;
    this.parts.log.warn("history.nearly_full", {
      conversationId,
      inputTokens,
      contextTokens,
      fix: "set CONTEXT_TOKENS higher, or shorten SYSTEM_PROMPT",
    });
  }

  /** The model has said all it wants, or all it may. */
  #complete(): void {
    const speech = this.#speech;
    // The process ends, and the sentence under way has.
    const isCutShort = speech.isOver && speech.ended === undefined;
    speech.flush();
    const hasAnswered = speech.hasAnswered || this.#handedOn.length > 0;
    if (!hasAnswered && !isCutShort) {
      throw new Error("The answer held nothing to speak");
    }
    speech.send();
    this.#stop.signal.throwIfAborted();
    if (!isCutShort) this.#status = "complete";
  }

  /** Tells the caller that something went wrong, unless they have moved on. */
  #fail(error: unknown): void {
    const { log, isDraining } = this.parts;
    const { conversationId, turnId } = this.call;
    if (this.signal.aborted || this.#isSuperseded) {
      // The process ends before the model has a word: better this than silence,
      // or a filler and nothing after it.
      const isSilent = !this.#speech.hasAnswered;
      if (isDraining?.() && isSilent && !this.#isSuperseded) {
        this.#speech.apologize();
      }
    } else if (this.#speech.isOver && this.#speech.ended === "max-seconds") {
      // The time was up just after a sentence.
      this.#status = "complete";
      this.#speech.send();
    } else {
      this.#status = "failed";
      log.error("turn.failed", { conversationId, turnId, error });
      this.#speech.apologize();
    }
  }

  /** Keeps how the turn went. Nothing is added after that, nor said. */
  async #end(): Promise<void> {
    const { log } = this.parts;
    const { conversationId, turnId } = this.call;
    this.#timers.close();
    this.#speech.close();
    this.#stop.abort();
    try {
      await this.#close();
    } catch (error) {
      // All has been said, and nothing more can be done for this turn.
      log.error("turn.not_stored", { conversationId, turnId, error });
    }
  }

  async #close(): Promise<void> {
    const isWhole = this.#status === "complete" && !this.#speech.isOver;
    try {
      this.#add({
        type: "end",
        status: this.#status,
        ...this.#details,
        ...(isWhole ? this.#speech.toWritten("written") : {}),
      });
    } finally {
      await this.#writer.close();
    }
  }

  #summarize(): void {
    if (this.signal.aborted || this.#isSuperseded) return;
    const details = this.#details;
    const calls = this.#handedOn;
    this.out.write({
      type: "summary",
      status: this.#status,
      details,
      ...(calls.length > 0 ? { calls } : {}),
    });
  }

  #report(): void {
    const { conversationId, turnId } = this.call;
    this.parts.log.info("turn.end", {
      conversationId,
      turnId,
      status: this.#status,
      ...this.#details,
    });
  }

  /** Who answered, and what it took so far. */
  get #details(): TurnDetails {
    const startedAt = this.#startedAt;
    const { firstWordsAt, ended } = this.#speech;
    return {
      ...this.#who,
      ...(firstWordsAt === undefined
        ? {}
        : { firstWordsMs: Math.round(firstWordsAt - startedAt) }),
      totalMs: Math.round(performance.now() - startedAt),
      ...this.#usage,
      ...(ended ? { ended } : {}),
    };
  }

  /** Adds a record of this turn, stamped with the time. */
  #add(fields: Fields): void {
    const { type, ...rest } = fields;
    const { turnId } = this.call;
    const attempt = this.#attempt > 0 ? { attempt: this.#attempt } : {};
    const at = new Date(this.parts.now()).toISOString();
    this.#writer.add(
      { type, turnId, ...rest, ...attempt, at } as SessionRecord,
    );
  }

  /** Looks now and then for a newer turn elsewhere, one look at a time. */
  #lookLater(): void {
    this.#timers.set("look", LOOK_EVERY_MS, () => {
      this.#writer.look().then(
        () => this.#lookLater(),
        (error) => this.#stop.abort(error),
      );
    });
  }
}

/** A record of a turn without what all of them have. */
type Fields = SessionRecord extends infer R
  ? R extends { turnId: string; at: string } ? Omit<R, "turnId" | "at"> : never
  : never;
