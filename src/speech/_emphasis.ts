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

const DIGIT = /\d/;
/** Before it, and after it in the text: nothing or white space. */
const BLANK = /^\s?$/;

type Mark = keyof Scan["open"];

/** A run of one mark. */
export const EMPHASIS: Rule = {
  whole: /^([*_~])\1{0,62}(?!\1)(?=[^])|^([*_~])\2{63}/,
  begun: /^([*_~])\1{0,62}$/,
  read(scan, [{ length }]) {
    // The expression begins with nothing else.
    const mark = scan.char() as Mark;
    const after = scan.char(length);
    const { before, open } = scan;
    const isPair = length > 1;
    const isAfterSpace = BLANK.test(before);
    if (mark === "~" && !isPair) return keep(scan, length);
    if (open[mark] > 0) {
      const isCharacter = mark === "_"
        ? WORDY.test(after)
        : !isPair && DIGIT.test(before) && DIGIT.test(after);
      const isLoose = isPair && mark === "*" && BLANK.test(after);
      if (isAfterSpace ? isLoose : !isCharacter) {
        if (isAfterSpace) scan.output.leaveOut("mark");
        open[mark] = Math.max(open[mark] - length, 0);
        return scan.passMark(length, mark);
      }
    }
    const isInWord = mark === "_"
      ? WORDY.test(before) || /[/\\.@]/.test(before)
      : IS_SPACED.test(before) || /[/\\]/.test(before);
    const isStars = isPair && mark === "*";
    const notOpening = isStars ? /^[\s/]?$/ : /^[\s.,;:!?)\]}/]?$/;
    const isPart = isStars && !isAfterSpace && !DIGIT.test(after);
    if (isInWord ? isPart && IS_SPACED.test(after) : !notOpening.test(after)) {
      open[mark] += length;
      return scan.passMark(length, mark);
    }
    return isPart && !/[/\\]/.test(before + after)
      ? scan.passMark(length, mark)
      : keep(scan, length);
  },
};

/** Speaks a run of marks that are none, each by itself. */
function keep(scan: Scan, length: number): true {
  for (let count = 0; count < length; count++) scan.speak(scan.char());
  return true;
}
