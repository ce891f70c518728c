/**
 * Reads the text within a line: words, emphasis, code, escapes, entities, emoji.
 * Words are output at once; a mark is held until the next character decides what
 * it is.
 *
 * @module
 */
import {
  IS_SPACED,
  IS_WORD_CHARACTER,
  SPACED,
  UNSPACED,
} from "./_characters.ts";
import { ADDRESS, ANGLES, BRACKET, LINK } from "./_brackets.ts";
import { type Outcome, type Rule, type Scan, toRules } from "./_scan.ts";

const SPACE = /[^\S\n]+/y;
/** Letters of one kind only, since a URL may follow Chinese or Japanese without a space. */
const WORD = new RegExp(`[${SPACED}]+|[${UNSPACED}]+`, "uy");

/** Reads the next characters, words or marks of a line. */
export function readInline(scan: Scan): Outcome {
  const char = scan.char();
  if (char === "\n") return scan.endLine();
  const isAscii = char <= "~";
  if (char <= " " || !isAscii) {
    const space = scan.match(SPACE);
    if (space !== "") {
      scan.output.space(space);
      return scan.passMark(space.length, " ");
    }
  }
  return scan.apply(scan.ticks > 0 ? IN_CODE : RULES, char) ??
    (isAscii ? undefined : readEmoji(scan, char)) ??
    scan.speak(scan.match(WORD) || char);
}

const EMOJI =
  /[\u{1f000}-\u{1faff}\u2600-\u266c\u2670-\u27bf\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55]/u;
/** Continues the emoji before it; a selector makes the character before it an emoji. */
const JOINER = /[\u200d\u{e0020}-\u{e007f}]/u;
const SELECTOR = /[\ufe0e\ufe0f\u20e3]/;

function readEmoji(scan: Scan, char: string): Outcome {
  if (SELECTOR.test(char) || (scan.emoji && JOINER.test(char))) {
    scan.at += char.length;
    return true;
  }
  return EMOJI.test(char) ? leaveOutEmoji(scan, char.length) : undefined;
}

function leaveOutEmoji(scan: Scan, length: number): true {
  // At the start of a line, an emoji counts as a bullet.
  if (/^\n?$/.test(scan.before)) scan.item = true;
  scan.before = " ";
  scan.leaveOut(length, "thing");
  scan.emoji = true;
  return true;
}

/** A character that becomes an emoji by the one after it. */
const KEYCAP: Rule = {
  complete: /^[0-9#*]\ufe0f?\u20e3|^[^0-9#*]\ufe0f/,
  partial: /^(?:[0-9#*]\ufe0f?|[^0-9#*])$/,
  when: ({ before }) => !IS_WORD_CHARACTER.test(before),
  read: (scan, [{ length }]) => leaveOutEmoji(scan, length),
};

const DIGIT = /\d/;
/** Matches white space, or the start or end of the text. */
const BLANK = /^\s?$/;

/**
 * A run of one emphasis mark.
 *
 * A run of `*`, `_` or `~~` opens emphasis after a word boundary, if no white space
 * follows. It is left out at once, since the caller can't wait to see whether it
 * will be closed. It closes emphasis if some is open and no white space precedes
 * it. Within a word, `_` is always spoken, and so is `*` unless emphasis is open.
 * All others are spoken, as in "2 * 3", "2*3*4" and "Terms apply*"; but `**` within
 * or after a word is left out.
 */
const EMPHASIS: Rule = {
  complete: /^([*_~])\1{0,62}(?!\1)(?=[^])|^([*_~])\2{63}/,
  partial: /^([*_~])\1{0,62}$/,
  read(scan, [run]) {
    const { length } = run;
    // The expression matches only these marks.
    const mark = run[0] as keyof Scan["open"];
    const after = scan.char(length);
    const { before, open } = scan;
    const isPair = length > 1;
    const isAfterSpace = BLANK.test(before);
    if (mark === "~" && !isPair) return scan.speak(run);
    if (open[mark] > 0) {
      const isCharacter = mark === "_"
        ? IS_WORD_CHARACTER.test(after)
        : !isPair && DIGIT.test(before) && DIGIT.test(after);
      const isLoose = isPair && mark === "*" && BLANK.test(after);
      if (isAfterSpace ? isLoose : !isCharacter) {
        if (isAfterSpace) scan.output.leaveOut("mark");
        open[mark] = Math.max(open[mark] - length, 0);
        return scan.passMark(length, mark);
      }
    }
    const isInWord = mark === "_"
      ? IS_WORD_CHARACTER.test(before) || /[/\\.@]/.test(before)
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
      : scan.speak(run);
  },
};

const TICKS: Rule = {
  complete: /^`{1,64}(?=[^`])|^`{64}/,
  partial: /^`{1,64}$/,
  read(scan, [{ length }]) {
    if (scan.ticks === length) {
      scan.ticks = 0;
    } else if (scan.ticks > 0) {
      return undefined;
    } else {
      const after = scan.char(length);
      const isWithin = IS_SPACED.test(scan.before) && IS_SPACED.test(after);
      if (isWithin && length === 1) return undefined;
      if (/^\s$/.test(after)) scan.output.leaveOut("mark");
      else scan.ticks = length;
    }
    return scan.passMark(length, "`");
  },
};

const ESCAPE: Rule = {
  complete: /^\\([^])/,
  partial: /^\\$/,
  // Paths contain backslashes, as in "C:\_tmp".
  when: ({ before }) => before !== ":",
  read(scan, [, after = ""]) {
    if (/[\r\n]/.test(after)) return scan.passMark(1, "\\");
    if (!/[-.+#!*_`{}[\]()~<>|&"'$]/.test(after)) return undefined;
    scan.at++;
    return scan.speak(after);
  },
};

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  "#39": "'",
  nbsp: " ",
};

const ENTITY: Rule = {
  complete: /^&(#?\w{2,4});/,
  partial: /^&#?\w{0,4}$/,
  read(scan, [{ length }, name = ""]) {
    const char = ENTITIES[name];
    if (char === undefined) return undefined;
    if (char === " ") scan.output.space(char);
    else scan.output.say(char);
    return scan.passMark(length, char);
  },
};

const BAR: Rule = {
  complete: /^\|/,
  when: ({ row }) => row,
  read(scan) {
    scan.output.beginCell();
    scan.open = { "*": 0, "_": 0, "~": 0 };
    scan.before = "|";
    return scan.leaveOut(1);
  },
};

const RULES = toRules({
  "0123456789#ℹ↔↕↖↗↘↙↩↪Ⓜ〰〽㊗㊙⤴⤵": [KEYCAP],
  "*": [KEYCAP, EMPHASIS],
  "_~": [EMPHASIS],
  "`": [TICKS],
  "\\": [ESCAPE],
  "&": [ENTITY],
  "<◁": ANGLES,
  "[": [LINK, BRACKET],
  "!": [LINK],
  "|": [BAR],
  "hwHW": [ADDRESS],
});
const IN_CODE = toRules({
  "`": [TICKS],
  "hwHW": [ADDRESS],
});
