/**
 * The words on their way out: where white space goes once something between
 * them was taken out, and where a sentence has to end.
 *
 * White space is held until a word follows it. Nothing having been taken out,
 * it then goes out as it came.
 *
 * @module
 */

/**
 * What was taken out: a mark, which leaves nothing; something that stood
 * between words; or such a thing whose punctuation goes with it.
 */
export type Gone = "mark" | "block" | "word";

/** The words on their way out. */
export interface Spoken {
  /** Says one piece, without white space. */
  say(text: string): void;
  /** White space. */
  space(text: string): void;
  /** Something was taken out here. */
  drop(gone: Gone): void;
  /** Whether no word was spoken yet. */
  isSilent(): boolean;
  /** Ends the sentence, unless it has ended. */
  stop(): void;
  /** The next words are another cell of the row. */
  cell(): void;
  /** Gives what can be spoken by now. */
  take(): string;
  /** The white space at the end, less the line break that was added to it. */
  finish(): void;
}

/** The scripts without spaces, for classes in expressions. */
export const UNSPACED =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}";
const CHINESE_OR_JAPANESE = new RegExp(`[${UNSPACED}]`, "u");

/** Nothing more is needed after these, nor room between them and a word before. */
const ENDED = /[.!?…:;,。！？：；，、؟۔،؛।॥።፡–—-]/;
const CLOSING = /["'”’»)\]}›』」】]/;
const NO_ROOM_BEFORE = /[,.;:!?…)\]}”’»。，、！？：；]/;
/** What is left over when the thing it stood at is gone. */
const ORPHAN = /[,.;:!?。，、！？]/;
const WORDY = /[\p{L}\p{N}\p{M}]/u;

/** Makes it. */
export function createSpoken(): Spoken {
  let out = "";
  /** White space not yet out, and opening brackets that may have to go. */
  let gap = "";
  /** The same once something was taken out in it: what little is needed of it. */
  let tidy = false;
  let room: "" | " " | "\n" = "";
  let brackets = 0;
  let apart = false;
  let orphaned = false;
  let next: "" | "cell" = "";
  /** The last two characters that went out, and whether this sentence has any. */
  let last = "";
  let before = "";
  let begun = false;

  /** The gap as it is to be spoken, something having been taken out in it. */
  function tidied(text: string): string {
    const opening = "(".repeat(brackets);
    if (last === "") return opening;
    if (next === "cell") return (ENDED.test(last) ? " " : comma()) + opening;
    if (room === "\n") return `\n${opening}`;
    if (room === " ") {
      const close = orphaned && NO_ROOM_BEFORE.test(text) && brackets === 0;
      return close ? "" : ` ${opening}`;
    }
    const touching = apart && WORDY.test(text) &&
      (WORDY.test(last) || ENDED.test(last));
    return touching && brackets === 0 ? " " : opening;
  }

  function comma(): string {
    if (CHINESE_OR_JAPANESE.test(last)) return "、";
    return /\p{Script=Arabic}/u.test(last) ? "، " : ", ";
  }

  /** Whether the piece is left over from something that is gone. */
  function isOrphan(text: string): boolean {
    if (!orphaned) return false;
    if (text === ")" && brackets > 0) {
      brackets--;
      return true;
    }
    return ORPHAN.test(text) && brackets === 0 &&
      (last === "" || room === "\n" || ENDED.test(last));
  }

  function settle(text: string): void {
    out += tidy ? tidied(text) : gap;
    gap = next = room = "";
    brackets = 0;
    tidy = apart = orphaned = false;
  }

  return {
    say(text) {
      if (text === "(") {
        if (!tidy) gap += text;
        brackets++;
        return;
      }
      if (isOrphan(text)) return;
      settle(text);
      out += text;
      begun = true;
      const points = [...text.slice(-4)];
      before = points.at(-2) ?? last;
      last = points.at(-1) ?? "";
    },
    space(text) {
      if (!tidy) gap += text;
      if (text === "" || brackets > 0) return;
      if (text.includes("\n")) room = "\n";
      else if (room === "") room = " ";
    },
    drop(gone) {
      tidy = true;
      apart ||= gone !== "mark";
      orphaned ||= gone === "word";
    },
    isSilent: () => last === "",
    stop() {
      next = "";
      if (!begun) return;
      begun = false;
      tidy = true;
      const end = CLOSING.test(last) ? before : last;
      if (ENDED.test(last) || ENDED.test(end)) return;
      last = fullStop(end);
      out += last;
    },
    cell() {
      tidy = true;
      if (!begun) return;
      next = "cell";
      gap = room = "";
      brackets = 0;
    },
    take() {
      const taken = out;
      out = "";
      return taken;
    },
    finish() {
      out += tidy ? "(".repeat(brackets) : gap.replace(/\n$/, "");
      gap = "";
    },
  };
}

/** As the script of the last word has it. */
function fullStop(last: string): string {
  if (CHINESE_OR_JAPANESE.test(last)) return "。";
  return /\p{Script=Devanagari}|\p{Script=Bengali}/u.test(last) ? "।" : ".";
}
