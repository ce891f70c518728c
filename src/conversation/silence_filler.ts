/**
 * A few words where a caller would otherwise hear nothing for long, whatever
 * takes so long.
 *
 * @module
 */
import { Deadline } from "../server/deadline.ts";
import type { Agent } from "./turn.ts";

/** How long a letter takes to be spoken, in milliseconds: some 15 are in a second. */
const LETTER_MS = 65;

/** Watches the silence of one turn. */
export class SilenceFiller {
  readonly #deadline = new Deadline(() => this.#fill());
  #next = 0;
  #isOn = false;
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
    this.#isOn = fillerAfterMs > 0 && fillerMessages.length > 0;
    if (this.#isOn) this.#deadline.set(fillerAfterMs);
  }

  /** Something is being said, which takes its time. */
  onSpeech(text: string): void {
    if (!this.#isOn) return;
    const now = performance.now();
    const from = Math.max(this.#silentFrom, now);
    this.#silentFrom = from + text.length * LETTER_MS;
    this.#deadline.set(this.#silentFrom - now + this.agent.fillerAfterMs);
  }

  /** The turn is over. */
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
