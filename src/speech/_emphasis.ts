/**
 * Marks of emphasis, left out as they come.
 *
 * A run of `*`, `_` or `~~` opens when a boundary is before it and no white
 * space after it. It is then left out at once, for nobody can wait to see
 * whether it will be closed. It closes when one is open and no white space is
 * before it. Within a word, `_` is always a character, and so is `*` unless one
 * is open; `**` is one when its like follows in the same word. All others stay,
 * as in "2 * 3", "2*3*4" and "Terms apply*"; but `**` after a word goes.
 *
 * @module
 */
import type { Form, Outcome, Rule, Scan } from "./_scan.ts";

const WORDY = /[\p{L}\p{M}\p{N}]/u;
/** Letters of scripts that put spaces between words, which emphasis needs. */
export const SPACED = /[\p{Lu}\p{Ll}\p{Lt}\p{Lm}\p{N}]/u;
const SLASH = /[/\\]/;
/** Before it, and after it in the text: nothing or white space. */
const BLANK = /^\s?$/;
const CLOSING_IN_WORD: Form = {
  whole: /^\S{1,40}?\*\*/,
  begun: /^\S{0,40}$/,
};

/** A run of one mark. */
export const EMPHASIS: Rule = {
  whole: /^([*_~])\1{0,62}(?!\1)(?=[^])|^([*_~])\2{63}/,
  begun: /^([*_~])\1{0,62}$/,
  read(scan, [{ length }]) {
    const mark = scan.char() as Mark;
    const after = scan.char(length);
    return mark === "*"
      ? readStars(scan, length, after)
      : readOthers(scan, mark, length, after);
  },
};

type Mark = keyof Scan["open"];

function readStars(scan: Scan, length: number, after: string): Outcome {
  const { before } = scan;
  const isSpaceAfter = BLANK.test(after);
  const isSpaceBefore = BLANK.test(before);
  if (scan.open["*"] > 0) {
    const isProduct = length === 1 && /\d/.test(before) && /\d/.test(after);
    if (isSpaceBefore ? isSpaceAfter && length > 1 : !isProduct) {
      if (isSpaceBefore) scan.output.leaveOut("mark");
      return close(scan, "*", length);
    }
  }
  if (!isSpaceAfter && !SPACED.test(before) && !SLASH.test(before)) {
    const notOpening = length === 1 ? /[.,;:!?)\]}/]/ : /\//;
    if (!notOpening.test(after)) return open(scan, "*", length);
  }
  if (length < 2 || isSpaceBefore) return keep(scan, length);
  if (SPACED.test(after)) {
    // Part of a word is marked, or "f**k" and "2**3" are meant.
    if (/\d/.test(after)) return keep(scan, length);
    const closing = scan.look(CLOSING_IN_WORD, length);
    if (closing === "more") return "more";
    return closing ? open(scan, "*", length) : keep(scan, length);
  }
  return SLASH.test(before + after)
    ? keep(scan, length)
    : scan.passMark(length, "*");
}

function readOthers(
  scan: Scan,
  mark: "_" | "~",
  length: number,
  after: string,
): true {
  const { before } = scan;
  if (mark === "~" && length < 2) return keep(scan, length);
  const isInWord = mark === "_" && WORDY.test(after);
  if (scan.open[mark] > 0 && !BLANK.test(before) && !isInWord) {
    return close(scan, mark, length);
  }
  const notOpening = mark === "_"
    ? /[\p{L}\p{M}\p{N}/\\.@]/u
    : /[\p{Lu}\p{Ll}\p{Lt}\p{Lm}\p{N}\p{Script=Hangul}]/u;
  return notOpening.test(before) || /^[\s.,;:!?)\]}/]?$/.test(after)
    ? keep(scan, length)
    : open(scan, mark, length);
}

function open(scan: Scan, mark: Mark, length: number): true {
  scan.open[mark] += length;
  return scan.passMark(length, mark);
}

function close(scan: Scan, mark: Mark, length: number): true {
  scan.open[mark] = Math.max(scan.open[mark] - length, 0);
  return scan.passMark(length, mark);
}

/** Speaks a run of marks that are none, each by itself. */
function keep(scan: Scan, length: number): true {
  for (let count = 0; count < length; count++) scan.speak(1);
  return true;
}
