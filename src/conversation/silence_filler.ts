/**
 * Says a few words when the caller would otherwise hear nothing for long,
 * whatever takes so long.
 *
 * @module
 */
import { Deadline } from "../server/deadline.ts";
import type { Agent } from "./turn.ts";

/** How long a character takes to be spoken, in milliseconds: about 15 a second. */
const LETTER_MS = 65;

/** Watches the silence of one turn. */
export class SilenceFiller {
  readonly #deadline = new Deadline(() => this.#fill());
  #next = 0;
  #isOn = false;
  /** When all that was said so far will have been heard, by `performance.now()`. */
  #silentFrom = 0;

  /**
   * Makes the filler of one turn.
   *
   * @param say says a message, and then calls {@linkcode onSpeech} with it
   */
  constructor(
    readonly agent: Pick<Agent, "fillerMessages" | "fillerAfterMs">,
    readonly say: (text: string) => void,
  ) {}

  /**
   * Starts the clock: the caller has spoken and is waiting.
   *
   * @param turnNumber chooses the message to begin with, so that they vary
   */
  begin(turnNumber: number): void {
    const { fillerMessages, fillerAfterMs } = this.agent;
    this.#next = turnNumber;
    this.#silentFrom = performance.now();
    this.#isOn = fillerAfterMs > 0 && fillerMessages.length > 0;
    if (this.#isOn) this.#deadline.set(fillerAfterMs);
  }

  /** Counts the time that it takes to speak a text. */
  onSpeech(text: string): void {
    if (!this.#isOn) return;
    const now = performance.now();
    const from = Math.max(this.#silentFrom, now);
    this.#silentFrom = from + text.length * LETTER_MS;
    this.#deadline.set(this.#silentFrom - now + this.agent.fillerAfterMs);
  }

  /** Says nothing more, as the turn is over. */
  end(): void {
    this.#isOn = false;
    this.#deadline.clear();
  }

  #fill(): void {
    const { fillerMessages, fillerAfterMs } = this.agent;
    this.#deadline.set(fillerAfterMs);
    this.say(fillerMessages[this.#next++ % fillerMessages.length] ?? "");
  }
}
