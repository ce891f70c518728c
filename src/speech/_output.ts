/**
 * The words on their way out: where white space goes once something between
 * them was left out, and where a sentence has to end.
 *
 * White space is held until a word follows it. If nothing was left out in
 * between, it then goes out as it came.
 *
 * @module
 */
import { IS_UNSPACED, lastCharacter, WORDY } from "./_characters.ts";

/** What was left out: a mark, which leaves no trace, or something that stood between words. */
export type LeftOut = "mark" | "thing";

/** No full stop is needed after these, nor a space between them and what precedes. */
const ENDED = /[.!?…:;,。！？：；，、؟۔،؛।॥።፡–—-]/;
const CLOSING = /["'”’»)\]}›』」】]/;
const NO_SPACE_BEFORE = /^[,.;:!?…)\]}”’»。，、！？：；]/;
const HINDI_OR_BENGALI = /[\u0900-\u09ff]/;

/** Collects what may be spoken. */
export class Output {
  #out = "";
  /** White space that waits for a word. */
  #gap = "";
  /** The most that was left out in the gap: all that is kept of it is what follows here. */
  #leftOut: LeftOut | "cell" | undefined;
  #space: "" | " " | "\n" = "";
  /** The end of what went out, and whether the sentence has begun. */
  #tail = "";
  #isBegun = false;

  /** Says one piece, without white space. */
  say(text: string): void {
    if (this.#leftOut) {
      this.#gap = this.#tidied(text);
      this.#leftOut = undefined;
    }
    this.#out += this.#gap + text;
    this.#gap = this.#space = "";
    this.#isBegun = true;
    this.#tail = text.length > 3 ? text : this.#tail.slice(-3) + text;
  }

  space(text: string): void {
    if (!this.#leftOut) this.#gap += text;
    if (text.includes("\n")) this.#space = "\n";
    else this.#space ||= " ";
  }

  leaveOut(what: LeftOut): void {
    if (!this.#leftOut || this.#leftOut === "mark") this.#leftOut = what;
  }

  /** Ends the sentence, unless it has ended. */
  endSentence(): void {
    if (!this.#isBegun) return;
    this.#isBegun = false;
    // A cell that is over stood between words.
    this.leaveOut("mark");
    if (this.#leftOut === "cell") this.#leftOut = "thing";
    const last = lastCharacter(this.#tail);
    const end = CLOSING.test(last) ? [...this.#tail].at(-2) ?? "" : last;
    if (ENDED.test(last) || ENDED.test(end)) return;
    // As the script of the last word has it.
    const stop = IS_UNSPACED.test(end)
      ? "。"
      : HINDI_OR_BENGALI.test(end)
      ? "।"
      : ".";
    this.#out += stop;
    this.#tail += stop;
  }

  /** The next words are another cell of the row. */
  beginCell(): void {
    if (!this.#isBegun) return this.leaveOut("mark");
    this.#leftOut = "cell";
    this.#gap = this.#space = "";
  }

  /** Gives what can be spoken by now. */
  take(): string {
    const taken = this.#out;
    this.#out = "";
    return taken;
  }

  /** Gives the rest: the white space at the end, but for the line break that was added to it. */
  end(): string {
    return this.take() + (this.#leftOut ? "" : this.#gap.replace(/\n$/, ""));
  }

  /** The gap as it is to be spoken, something having been left out in it. */
  #tidied(text: string): string {
    const isApart = this.#leftOut === "thing";
    const last = lastCharacter(this.#tail);
    if (last === "") return "";
    if (this.#leftOut === "cell") {
      if (ENDED.test(last)) return " ";
      return IS_UNSPACED.test(last) ? "、" : ", ";
    }
    if (this.#space === "\n") return "\n";
    if (this.#space === " ") {
      return isApart && NO_SPACE_BEFORE.test(text) ? "" : " ";
    }
    const isTouching = isApart && WORDY.test(text);
    return isTouching && (WORDY.test(last) || ENDED.test(last)) ? " " : "";
  }
}
