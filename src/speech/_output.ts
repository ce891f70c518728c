/**
 * Joins the words to be spoken: fixes the white space where something was left out,
 * and adds full stops where a block ends without one.
 *
 * White space is held until a word follows. If nothing was left out in between,
 * it stays unchanged.
 *
 * @module
 */
import {
  IS_UNSPACED,
  IS_WORD_CHARACTER,
  lastCharacter,
} from "./_characters.ts";

/** What was left out: a mark, which does not separate words, or a thing that stood between words. */
export type LeftOut = "mark" | "thing";

/** After these, no full stop is added. */
const ENDED = /[.!?…:;,。！？：；，、؟۔،؛।॥።፡–—-]/;
const CLOSING = /["'”’»)\]}›』」】]/;
const NO_SPACE_BEFORE = /^[,.;:!?…)\]}”’»。，、！？：；]/;
const HINDI_OR_BENGALI = /[\u0900-\u09ff]/;

/** Collects what may be spoken. */
export class Output {
  #out = "";
  /** White space that is held until a word follows. */
  #gap = "";
  /** What was left out in the gap. If it is set, only `#space` is known of the gap. */
  #leftOut: LeftOut | "cell" | undefined;
  #space: "" | " " | "\n" = "";
  /** The last characters of the output, and whether a sentence has begun. */
  #tail = "";
  #isBegun = false;

  /** Adds a text without white space. */
  say(text: string): void {
    if (this.#leftOut) {
      this.#gap = this.#toGap(text);
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

  /** Adds a full stop, unless the sentence has ended. */
  endSentence(): void {
    if (!this.#isBegun) return;
    this.#isBegun = false;
    // The cell is over, so it only separates words.
    this.leaveOut("mark");
    if (this.#leftOut === "cell") this.#leftOut = "thing";
    const last = lastCharacter(this.#tail);
    const end = CLOSING.test(last) ? [...this.#tail].at(-2) ?? "" : last;
    if (ENDED.test(last) || ENDED.test(end)) return;
    // The full stop of the script that the last word is in.
    const stop = IS_UNSPACED.test(end)
      ? "。"
      : HINDI_OR_BENGALI.test(end)
      ? "।"
      : ".";
    this.#out += stop;
    this.#tail += stop;
  }

  beginCell(): void {
    if (!this.#isBegun) return this.leaveOut("mark");
    this.#leftOut = "cell";
    this.#gap = this.#space = "";
  }

  take(): string {
    const taken = this.#out;
    this.#out = "";
    return taken;
  }

  /** Returns the rest, with the white space at the end except the line break that `flush` added. */
  end(): string {
    return this.take() + (this.#leftOut ? "" : this.#gap.replace(/\n$/, ""));
  }

  /** Returns the white space for a gap in which something was left out. */
  #toGap(text: string): string {
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
    const isTouching = isApart && IS_WORD_CHARACTER.test(text);
    return isTouching && (IS_WORD_CHARACTER.test(last) || ENDED.test(last))
      ? " "
      : "";
  }
}
