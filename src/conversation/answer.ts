/**
 * The turn that answers what the caller said: the caller's words are stored, the
 * model is asked, and each of its words is made speakable, stored, and sent.
 * However the turn ends, its record says so.
 *
 *     provider -> tool loop -> speech buffer -> record -> output
 *
 * @module
 */
import type { ToolCall, Usage } from "../providers/provider.ts";
import type { TurnDetails, TurnStatus } from "../sessions/record.ts";
import { AnswerSpeech } from "./answer_speech.ts";
import type { Opening } from "./opening.ts";
import { checkRoom, toQuestion } from "./question.ts";
import { askWithTools, type ToolPart } from "./tool_loop.ts";
import {
  replay,
  type RunTurn,
  type Said,
  type TurnOutput,
  type TurnParts,
} from "./turn.ts";
import { TurnRecord } from "./turn_record.ts";

/** Makes the turn that answers what the caller said. */
export function answer(said: Said, parts: TurnParts): RunTurn {
  return (signal, out) => new Answer(said, parts, signal, out).run();
}

class Answer {
  readonly #id;
  /** Aborts what the turn waits for: the caller left, the turn was superseded, or it can't be stored. */
  readonly #stop = new AbortController();
  /** Resolves when that happens. */
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop.signal.addEventListener("abort", () => resolve());
  });
  /** By a clock that nobody can set while the turn is under way. */
  readonly #startedAt = performance.now();
  readonly #record: TurnRecord;
  readonly #speech: AnswerSpeech;
  #status: TurnStatus = "interrupted";
  /** The provider and model that answer, and the tokens they used. */
  readonly #took: TurnDetails = {};
  /** The calls that the platform runs. */
  #handedOn: ToolCall[] = [];
  /** How many calls have no result yet. */
  #running = 0;

  constructor(
    readonly call: Said,
    readonly parts: TurnParts,
    readonly signal: AbortSignal,
    readonly out: TurnOutput,
  ) {
    const { conversationId, turnId } = call;
    this.#id = { conversationId, turnId };
    this.#record = new TurnRecord(call, parts, this.#stop);
    this.#speech = new AnswerSpeech({
      ...parts,
      stop: this.#stop,
      write: out.write,
      keep: (text) => this.#record.add({ type: "assistant", text }),
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

  /** Stores what the caller said. Returns whether the model should be asked. */
  async #begin(): Promise<boolean> {
    const { agent, log } = this.parts;
    const record = this.#record;
    let opening: Opening;
    try {
      opening = await record.open();
    } catch (error) {
      log.error("turn.failed", { ...this.#id, error });
      // Nothing more is stored: the caller has already waited for the store
      // once.
      this.#status = "failed";
      const text = agent.errorMessage;
      if (!this.signal.aborted) this.out.write({ type: "speech", text });
      this.#tell();
      return false;
    }
    const { answered, ignored: reason } = opening;
    if (reason) log.warn("interruption.ignored", { ...this.#id, reason });
    if (answered === undefined) {
      // The model is asked meanwhile. The platform gets its 200 after this.
      record.writer.flush().then(
        () => this.out.stored(),
        (error) => this.#stop.abort(error),
      );
      return true;
    }
    // The turn was answered before; this is a repeated delivery.
    this.out.stored();
    replay(answered, this.call, log, this.out.write);
    await record.close();
    return false;
  }

  async #ask(): Promise<void> {
    const { provider, agent, log } = this.parts;
    const { session } = this.#record.writer;
    this.#speech.begin(session.turns.length);
    const { steps = [] } = session.turn(this.call.turnId) ?? {};
    await askWithTools({
      ...await toQuestion(session, this.parts, this.call),
      platformTools: this.call.platformTools,
      provider,
      maxTokens: agent.maxAnswerTokens,
      earlierCalls: steps.flatMap(({ calls }) => calls),
      context: {
        ...this.call,
        signal: this.#stop.signal,
        remember: (text) => this.#record.remember(text),
      },
      onFailure: ({ name: tool }, error) => {
        const isRight = error instanceof Deno.errors.NotCapable;
        const fix = isRight ? { fix: "name its host in TOOL_HOSTS" } : {};
        log.warn("tool.failed", { ...this.#id, tool, error, ...fix });
      },
    }, (part) => this.#take(part));
  }

  /** Takes a part from the model or its tools. Returns whether the answer goes on. */
  #take(part: ToolPart): boolean | Promise<boolean> {
    this.#takePart(part);
    const wait = this.#waitAfter(part);
    // Every word comes by here: it takes no promise where nothing is awaited.
    if (wait === undefined) return !this.#speech.isOver;
    // A turn can be stopped even while it waits.
    return Promise.race([wait, this.#stopped])
      .then(() => !this.#speech.isOver);
  }

  #waitAfter({ type }: ToolPart): Promise<void> | undefined {
    // Calls are stored before they are run, and results before they are used.
    if (type === "calls" || type === "result") {
      return this.#record.writer.flush();
    }
    // A slow reader slows the model down, but not the end of the turn.
    return type === "finish" ? undefined : this.out.room();
  }

  #takePart(part: ToolPart): void {
    const speech = this.#speech;
    switch (part.type) {
      case "response-start":
        this.#took.provider = part.provider;
        this.#took.model = part.model;
        break;
      case "text-delta":
        speech.push(part.text);
        break;
      case "say":
        speech.interject(part.text);
        break;
      case "data":
        speech.send();
        this.out.write(part);
        break;
      case "calls":
        this.#takeCalls(part);
        break;
      case "result":
        speech.send();
        this.#record.add(part);
        this.#running--;
        if (this.#running === 0) speech.endTools();
        break;
      case "finish":
        this.#count(part.usage);
        if (part.isCut) speech.ended = "max-tokens";
    }
  }

  #takeCalls(part: ToolPart & { type: "calls" }): void {
    const speech = this.#speech;
    speech.flush();
    // Records call the provider's metadata `raw`.
    const { providerMetadata: raw, ...calls } = part;
    const { handedOn = [] } = calls;
    this.#handedOn = calls.calls.filter(({ id }) => handedOn.includes(id));
    const text = speech.written;
    const written = text === undefined ? {} : { text };
    this.#record.add({ ...calls, ...raw ? { raw } : {}, ...written });
    this.#running = calls.calls.length - this.#handedOn.length;
    if (this.#running > 0) speech.beginTools();
    speech.endStep();
  }

  #count(usage: Usage): void {
    for (const [name, value] of Object.entries(usage)) {
      // The entries are those of a `Usage`.
      const key = name as keyof Usage;
      this.#took[key] = (this.#took[key] ?? 0) + value;
    }
    checkRoom(usage, this.#id, this.parts);
  }

  /** Ends an answer that is whole, or was cut at its limit. */
  #complete(): void {
    const speech = this.#speech;
    // The process is shutting down, and the current sentence is complete.
    const isCutShort = speech.isOver && speech.ended === undefined;
    speech.flush();
    const hasAnswered = speech.hasAnswered || this.#handedOn.length > 0;
    if (!hasAnswered && !isCutShort) {
      throw new Error("The answer held nothing to speak");
    }
    this.#stop.signal.throwIfAborted();
    if (!isCutShort) this.#status = "complete";
  }

  /** Apologizes to the caller, unless they have moved on. */
  #fail(error: unknown): void {
    const { log, isDraining } = this.parts;
    const speech = this.#speech;
    if (this.#record.isSuperseded) return;
    if (this.signal.aborted) {
      // The process ends before the model's first word: an apology is better
      // than silence.
      if (isDraining?.() && !speech.hasAnswered) speech.apologize();
    } else if (speech.isOver && speech.ended === "max-seconds") {
      // The time was up at the end of a sentence.
      this.#status = "complete";
      speech.send();
    } else {
      this.#status = "failed";
      log.error("turn.failed", { ...this.#id, error });
      speech.apologize();
    }
  }

  /** Stores how the turn ended. Nothing is recorded or spoken after that. */
  async #end(): Promise<void> {
    const speech = this.#speech;
    speech.close();
    this.#stop.abort();
    const status = this.#status;
    const isWhole = status === "complete" && !speech.isOver;
    const written = isWhole ? speech.written : undefined;
    const last = { type: "end", status, ...this.#details, written } as const;
    try {
      await this.#record.close(last);
    } catch (error) {
      // The caller has heard everything; there is nothing left to do but log it.
      this.parts.log.error("turn.not_stored", { ...this.#id, error });
    }
  }

  /** Logs how the turn ended, and tells the platform. */
  #tell(): void {
    const status = this.#status;
    const details = this.#details;
    this.parts.log.info("turn.end", { ...this.#id, status, ...details });
    if (this.signal.aborted || this.#record.isSuperseded) return;
    const calls = this.#handedOn;
    const handedOn = calls.length > 0 ? { calls } : {};
    this.out.write({ type: "summary", status, details, ...handedOn });
  }

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
}
