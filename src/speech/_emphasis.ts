/**
 * Marks of emphasis, left out as they come.
 *
 * A run of `*`, `_` or `~~` opens when a boundary is before it and no white
 * space after it. It is then left out at once, for nobody can wait to see
 * whether it will be closed. It closes when one is open and no white space is
 * before it. Within a word, `_` is always a character, and so is `*` unless one
 * is open. All others stay, as in "2 * 3", "2*3*4" and "Terms apply*"; but
 * `**` within or after a word goes.
 *
 * @module
 */
import { IS_SPACED, WORDY } from "./_characters.ts";
import type { Rule, Scan } from "./_scan.ts";

const SLASH = /[/\\]/;
const DIGIT = /\d/;
/** Before it, and after it in the text: nothing or white space. */
const BLANK = /^\s?$/;

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

function readStars(scan: Scan, length: number, after: string): true {
  const { before } = scan;
  const isPair = length > 1;
  const isAfterSpace = BLANK.test(before);
  const isProduct = !isPair && DIGIT.test(before) && DIGIT.test(after);
  if (scan.open["*"] > 0 && !isProduct) {
    if (!isAfterSpace) return close(scan, "*", length);
    if (isPair && BLANK.test(after)) {
      scan.output.leaveOut("mark");
      return close(scan, "*", length);
    }
  }
  const notOpening = isPair ? /^[\s/]?$/ : /^[\s.,;:!?)\]}/]?$/;
  const isInWord = IS_SPACED.test(before) || SLASH.test(before);
  if (!isInWord && !notOpening.test(after)) return open(scan, "*", length);
  const isCharacter = !isPair || isAfterSpace || /[\d/\\]/.test(after);
  if (isCharacter) return keep(scan, length);
  // A part of a word is marked.
  if (IS_SPACED.test(after)) return open(scan, "*", length);
  return SLASH.test(before) ? keep(scan, length) : scan.passMark(length, "*");
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
  const isAfterWord = mark === "_"
    ? WORDY.test(before) || /[/\\.@]/.test(before)
    : IS_SPACED.test(before);
  return isAfterWord || /^[\s.,;:!?)\]}/]?$/.test(after)
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
