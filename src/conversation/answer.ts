/**
 * The turn that answers what the caller said: the caller's words are kept, the
 * model is asked, and each of its words is made speakable, kept, and handed on.
 * However the turn ends, its record says so.
 *
 *     provider -> tool loop -> speech buffer -> record -> output
 *
 * @module
 */
import type { ToolCall, Usage } from "../providers/provider.ts";
import type {
  SessionRecord,
  TurnDetails,
  TurnStatus,
} from "../sessions/record.ts";
import type { Session } from "../sessions/session.ts";
import type { SessionWriter } from "../sessions/store.ts";
import { AnswerSpeech } from "./answer_speech.ts";
import { type Opening, type Said, toOpening } from "./opening.ts";
import { fitNote } from "./prompt.ts";
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

/** From here on a model may begin to drop what it was shown. */
const NEARLY_FULL = 0.9;

/** One turn under way. */
class Answer {
  /** Which turn it is, for the log. */
  readonly #id;
  /** Ends what the turn waits for: the caller left, the turn is superseded, or it can't be kept. */
  readonly #stop = new AbortController();
  /** Not a time of day: a clock may be set while a turn is under way. */
  readonly #startedAt = performance.now();
  readonly #speech: AnswerSpeech;
  #writer!: SessionWriter;
  #lookTimer: ReturnType<typeof setTimeout> | undefined;
  #opening!: Opening;
  #isSuperseded = false;
  #status: TurnStatus = "interrupted";
  /** Who answers, and what that takes. */
  readonly #took: TurnDetails = {};
  /** The calls that the platform runs. */
  #handedOn: ToolCall[] = [];

  constructor(
    readonly call: CallContext,
    readonly said: Said,
    readonly parts: TurnParts,
    readonly signal: AbortSignal,
    readonly out: TurnOutput,
  ) {
    const { conversationId, turnId } = call;
    this.#id = { conversationId, turnId };
    this.#speech = new AnswerSpeech({
      ...parts,
      stop: this.#stop,
      write: out.write,
      keep: (text) => this.#add({ type: "assistant", text }),
    });
  }

  async run(): Promise<void> {
    if (!await this.#begin()) return;
    const stop = () => this.#stop.abort(this.signal.reason);
    this.signal.addEventListener("abort", stop);
    if (this.signal.aborted) stop();
    try {
      await this.#ask();
      this.#complete();
    } catch (error) {
      this.#fail(error);
    }
    await this.#end();
    this.#tell();
  }

  /**
   * Keeps what the caller said.
   *
   * @returns whether it is to be answered
   */
  async #begin(): Promise<boolean> {
    const { store, agent, log } = this.parts;
    try {
      this.#writer = await store.open(
        this.call.conversationId,
        (session) => this.#open(session),
        { onOthers: (session) => this.#onOthers(session) },
      );
    } catch (error) {
      log.error("turn.failed", { ...this.#id, error });
      // Nothing of it is kept, nor tried to be: the caller has waited for the
      // store once.
      this.#status = "failed";
      const text = agent.errorMessage;
      if (!this.signal.aborted) this.out.write({ type: "speech", text });
      this.#tell();
      return false;
    }
    const { answered, ignored: reason } = this.#opening;
    if (reason) log.warn("interruption.ignored", { ...this.#id, reason });
    if (answered === undefined) {
      // The model is asked meanwhile; nobody is told before that all is well.
      this.#writer.flush().then(
        () => this.out.stored(),
        (error) => this.#stop.abort(error),
      );
      return true;
    }
    this.out.stored();
    log.info("turn.replayed", this.#id);
    for (const part of toParts(answered)) this.out.write(part);
    await this.#writer.close();
    return false;
  }

  #open(session: Session): SessionRecord[] {
    this.#opening = toOpening(session, {
      call: this.call,
      said: this.said,
      systemPrompt: this.parts.agent.systemPrompt,
      at: this.#now(),
    });
    return this.#opening.records;
  }

  /**
   * Another instance has added to the conversation.
   *
   * @returns whether this turn's records still count: it wasn't deleted there,
   * nor answered anew
   */
  #onOthers(session: Session): boolean {
    const turn = session.turn(this.call.turnId);
    const isOurs = turn !== undefined &&
      (turn.attempt ?? 0) === this.#opening.attempt;
    if (!isOurs || session.turns.at(-1) !== turn) {
      this.#isSuperseded = true;
      this.#stop.abort();
    }
    return isOurs;
  }

  async #ask(): Promise<void> {
    const { provider, agent, log } = this.parts;
    const { session } = this.#writer;
    this.#speech.begin(session.turns.length);
    this.#lookLater();
    const { steps = [] } = session.turn(this.call.turnId) ?? {};
    await askWithTools({
      ...await toQuestion(session, this.parts, this.said),
      platformTools: this.said.platformTools,
      provider,
      maxTokens: agent.maxAnswerTokens,
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
        log.warn("tool.failed", { ...this.#id, tool, error, ...fix });
      },
    }, (part) => this.#take(part));
  }

  /** Looks now and then for a newer turn elsewhere, one look at a time. */
  #lookLater(): void {
    if (this.#stop.signal.aborted) return;
    this.#lookTimer = setTimeout(() => {
      this.#writer.look().then(
        () => this.#lookLater(),
        (error) => this.#stop.abort(error),
      );
    }, LOOK_EVERY_MS);
  }

  /** Takes what the model and its tools produce. Gives whether the answer goes on. */
  #take(part: ToolPart): boolean | Promise<boolean> {
    const room = this.#takePart(part);
    // Nothing is waited for where there is nothing to wait for.
    return room ? room.then(() => !this.#speech.isOver) : !this.#speech.isOver;
  }

  #takePart(part: ToolPart): Promise<void> | undefined {
    const speech = this.#speech;
    switch (part.type) {
      case "response-start":
        this.#took.provider = part.provider;
        this.#took.model = part.model;
        return undefined;
      case "text-delta":
        return speech.push(part.text);
      case "say":
        return part.isFiller
          ? speech.fill(part.text)
          : speech.interject(part.text);
      case "data":
        return speech.hand(part);
      case "calls": {
        speech.flush();
        speech.send();
        // The name that the metadata has in records.
        const { providerMetadata: raw, ...calls } = part;
        const { handedOn = [] } = calls;
        this.#handedOn = calls.calls.filter(({ id }) => handedOn.includes(id));
        const text = speech.written;
        const written = text === undefined ? {} : { text };
        this.#add({ ...calls, ...raw ? { raw } : {}, ...written });
        speech.endStep();
        // Kept before they are acted on.
        return this.#writer.flush();
      }
      case "result":
        speech.send();
        this.#add(part);
        return this.#writer.flush();
      case "finish":
        this.#count(part.usage);
        if (part.isCut) speech.ended = "max-tokens";
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
      const key = name as keyof Usage;
      this.#took[key] = (this.#took[key] ?? 0) + value;
    }
    const { contextTokens } = this.parts.agent;
    const { inputTokens = 0 } = usage;
    if (inputTokens <= contextTokens * NEARLY_FULL) return;
    this.parts.log.warn("history.nearly_full", {
      ...this.#id,
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
    const speech = this.#speech;
    if (this.#isSuperseded) return;
    if (this.signal.aborted) {
      // The process ends before the model has a word: better this than silence,
      // or a filler and nothing after it.
      if (isDraining?.() && !speech.hasAnswered) speech.apologize();
    } else if (speech.isOver && speech.ended === "max-seconds") {
      // The time was up just after a sentence.
      this.#status = "complete";
      speech.send();
    } else {
      this.#status = "failed";
      log.error("turn.failed", { ...this.#id, error });
      speech.apologize();
    }
  }

  /** Keeps how the turn went. Nothing is added after that, nor said. */
  async #end(): Promise<void> {
    const speech = this.#speech;
    clearTimeout(this.#lookTimer);
    speech.close();
    this.#stop.abort();
    const status = this.#status;
    const isWhole = status === "complete" && !speech.isOver;
    const written = isWhole ? speech.written : undefined;
    try {
      try {
        this.#add({ type: "end", status, ...this.#details, written });
      } finally {
        await this.#writer.close();
      }
    } catch (error) {
      // All has been said, and nothing more can be done for this turn.
      this.parts.log.error("turn.not_stored", { ...this.#id, error });
    }
  }

  /** Tells how the turn went. */
  #tell(): void {
    const status = this.#status;
    const details = this.#details;
    this.parts.log.info("turn.end", { ...this.#id, status, ...details });
    if (this.signal.aborted || this.#isSuperseded) return;
    const calls = this.#handedOn;
    const handedOn = calls.length > 0 ? { calls } : {};
    this.out.write({ type: "summary", status, details, ...handedOn });
  }

  /** Who answered, and what it took so far. */
  get #details(): TurnDetails {
    const { firstWordsAt, ended } = this.#speech;
    const since = (at: number) => Math.round(at - this.#startedAt);
    return {
      ...this.#took,
      ...firstWordsAt ? { firstWordsMs: since(firstWordsAt) } : {},
      totalMs: since(performance.now()),
      ...ended ? { ended } : {},
    };
  }

  /** Adds a record of this turn, stamped with the time. */
  #add({ type, ...rest }: Fields): void {
    const { turnId } = this.#id;
    const { attempt } = this.#opening;
    const which = attempt > 0 ? { attempt } : {};
    const record = { type, turnId, ...rest, ...which, at: this.#now() };
    this.#writer.add(record as SessionRecord);
  }

  #now(): string {
    return new Date(this.parts.now()).toISOString();
  }
}

/** A record of a turn without what all of them have. */
type Fields = SessionRecord extends infer R
  ? R extends { turnId: string; at: string } ? Omit<R, "turnId" | "at"> : never
  : never;
