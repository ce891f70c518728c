/**
 * When something is said: a few words where a caller would otherwise hear
 * nothing for long, whatever takes so long, and together what comes together.
 *
 * @module
 */
import type { Agent } from "./turn.ts";

/** How long a letter takes to be spoken, in milliseconds: some 15 are in a second. */
const LETTER_MS = 65;

/** Watches the silence of one turn. */
export class SilenceFiller {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next = 0;
  /** When all that was said will have been heard. */
  #silentFrom = 0;

  /**
   * Makes that of one turn.
   *
   * @param say says a message, which then comes back as {@linkcode onSpeech}
   */
  constructor(
    readonly agent: Pick<Agent, "fillerMessages" | "fillerAfterMs">,
    readonly say: (text: string) => void,
  ) {}

  /**
   * The caller has spoken and waits.
   *
   * @param turnNumber chooses the message to begin with, so that they vary
   */
  begin(turnNumber: number): void {
    const { fillerMessages, fillerAfterMs } = this.agent;
    this.#next = turnNumber;
    this.#silentFrom = performance.now();
    const isOff = fillerAfterMs === 0 || fillerMessages.length === 0;
    if (!isOff) this.#watch(fillerAfterMs);
  }

  /** Something is being said, which takes its time. */
  onSpeech(text: string): void {
    if (this.#timer === undefined) return;
    const from = Math.max(this.#silentFrom, performance.now());
    this.#silentFrom = from + text.length * LETTER_MS;
  }

  /** The turn is over. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #watch(afterMs: number): void {
    const { fillerMessages, fillerAfterMs } = this.agent;
    this.#timer = setTimeout(() => {
      // Setting the timer anew at each word would cost more than a look here.
      const leftMs = this.#silentFrom + fillerAfterMs - performance.now();
      if (leftMs > 1) return this.#watch(leftMs);
      this.#watch(fillerAfterMs);
      this.say(fillerMessages[this.#next++ % fillerMessages.length] ?? "");
    }, afterMs);
  }
}

/** Runs what may wait a moment together; one timer serves all turns. */
export class Ticker {
  readonly #tasks = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Makes one whose tasks wait no longer than a time, in milliseconds. */
  constructor(readonly afterMs: number) {}

  /** Has a task run once, at the next tick. It must not throw. */
  add(task: () => void): void {
    this.#tasks.add(task);
    this.#timer ??= setTimeout(() => this.#run(), this.afterMs);
  }

  /** Takes a task back. */
  cancel(task: () => void): void {
    this.#tasks.delete(task);
    if (this.#tasks.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #run(): void {
    this.#timer = undefined;
    const due = [...this.#tasks];
    this.#tasks.clear();
    for (const task of due) task();
  }
}
