/**
 * The words on their way out: where white space goes once something between
 * them was left out, and where a sentence has to end.
 *
 * White space is held until a word follows it. If nothing was left out in
 * between, it then goes out as it came.
 *
 * @module
 */

/**
 * What was left out: a mark, which leaves no trace; something that stood
 * between words; or such a thing whose punctuation goes with it.
 */
export type LeftOut = "mark" | "block" | "word";

/** The scripts without spaces, for classes in expressions. */
export const UNSPACED =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}";
const CHINESE_OR_JAPANESE = new RegExp(`[${UNSPACED}]`, "u");

/** No full stop is needed after these, nor a space between them and what precedes. */
const ENDED = /[.!?…:;,。！？：；，、؟۔،؛।॥।፡–—-]/;
const CLOSING = /["'”’»)\]}›』」】]/;
const NO_SPACE_BEFORE = /[,.;:!?…)\]}”’»。，、！？：；]/;
/** What goes along with the thing it stood at. */
const ORPHAN = /[,.;:!?。，、！？]/;
const WORDY = /[\p{L}\p{N}\p{M}]/u;

/** Collects what may be spoken. */
export class Output {
  #out = "";
  /** White space that waits for a word, and opening brackets that may have to go. */
  #gap = "";
  /** Something was left out in the gap: all that is kept of it is what follows here. */
  #tidy = false;
  #space: "" | " " | "\n" = "";
  #brackets = 0;
  #apart = false;
  #orphaned = false;
  #isCell = false;
  /** The end of what went out, and whether the sentence has begun. */
  #tail = "";
  #begun = false;

  /** Whether no word was spoken yet. */
  get isSilent(): boolean {
    return this.#tail === "";
  }

  /** Says one piece, without white space. */
  say(text: string): void {
    if (text === "(") {
      if (!this.#tidy) this.#gap += text;
      this.#brackets++;
      return;
    }
    if (this.#orphaned && this.#isOrphan(text)) return;
    this.#out += (this.#tidy ? this.#tidied(text) : this.#gap) + text;
    this.#gap = this.#space = "";
    this.#brackets = 0;
    this.#tidy =
      this.#apart =
      this.#orphaned =
      this.#isCell =
        false;
    this.#begun = true;
    this.#tail = (this.#tail + text).slice(-4);
  }

  /** Takes white space. */
  space(text: string): void {
    if (!this.#tidy) this.#gap += text;
    if (this.#brackets > 0) return;
    if (text.includes("\n")) this.#space = "\n";
    else this.#space ||= " ";
  }

  /** Something was left out here. */
  leaveOut(what: LeftOut): void {
    this.#tidy = true;
    this.#apart ||= what !== "mark";
    this.#orphaned ||= what === "word";
  }

  /** Ends the sentence, unless it has ended. */
  endSentence(): void {
    this.#isCell = false;
    if (!this.#begun) return;
    this.#begun = false;
    this.#tidy = true;
    const last = this.#last;
    const end = CLOSING.test(last) ? [...this.#tail].at(-2) ?? "" : last;
    if (ENDED.test(last) || ENDED.test(end)) return;
    const stop = fullStop(end);
    this.#out += stop;
    this.#tail += stop;
  }

  /** The next words are another cell of the row. */
  beginCell(): void {
    this.#tidy = true;
    if (!this.#begun) return;
    this.#isCell = true;
    this.#gap = this.#space = "";
    this.#brackets = 0;
  }

  /** Gives what can be spoken by now. */
  take(): string {
    const taken = this.#out;
    this.#out = "";
    return taken;
  }

  /** Puts out the white space at the end, but for the line break that was added to it. */
  finish(): void {
    this.#out += this.#tidy
      ? "(".repeat(this.#brackets)
      : this.#gap.replace(/\n$/, "");
    this.#gap = "";
  }

  get #last(): string {
    return lastCharacter(this.#tail);
  }

  /** The gap as it is to be spoken, something having been left out in it. */
  #tidied(text: string): string {
    const last = this.#last;
    const opening = "(".repeat(this.#brackets);
    if (last === "") return opening;
    if (this.#isCell) return (ENDED.test(last) ? " " : comma(last)) + opening;
    if (this.#space === "\n") return `\n${opening}`;
    const isBare = this.#brackets === 0;
    if (this.#space === " ") {
      const close = this.#orphaned && isBare && NO_SPACE_BEFORE.test(text);
      return close ? "" : ` ${opening}`;
    }
    const touching = this.#apart && isBare && WORDY.test(text) &&
      (WORDY.test(last) || ENDED.test(last));
    return touching ? " " : opening;
  }

  /** Whether the piece belonged to something that was left out. */
  #isOrphan(text: string): boolean {
    if (text === ")" && this.#brackets > 0) {
      this.#brackets--;
      return true;
    }
    const last = this.#last;
    return ORPHAN.test(text) && this.#brackets === 0 &&
      (last === "" || this.#space === "\n" || ENDED.test(last));
  }
}

/** The last character of a text, both halves of it. */
export function lastCharacter(text: string): string {
  return text.slice(text.codePointAt(text.length - 2)! > 0xffff ? -2 : -1);
}

function comma(last: string): string {
  if (CHINESE_OR_JAPANESE.test(last)) return "、";
  return /\p{Script=Arabic}/u.test(last) ? "، " : ", ";
}

/** As the script of the last word has it. */
function fullStop(last: string): string {
  if (CHINESE_OR_JAPANESE.test(last)) return "。";
  return /\p{Script=Devanagari}|\p{Script=Bengali}/u.test(last) ? "।" : ".";
}
