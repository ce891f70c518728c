/**
 * What stands within a line: words, emphasis, code, escapes, entities,
 * pictographs. Words are passed on as they come; a mark is held until the
 * character after it tells what it is.
 *
 * @module
 */
import { CELL_BAR } from "./_blocks.ts";
import { EMPHASIS, SPACED } from "./_emphasis.ts";
import { ANGLES } from "./_hidden.ts";
import { ADDRESS, BRACKET, CITATION_MARK } from "./_links.ts";
import { UNSPACED } from "./_output.ts";
import {
  type Form,
  type Outcome,
  type Rule,
  type Scan,
  toRules,
} from "./_scan.ts";

const SPACE = /[^\S\n]+/y;
/** Of one kind, as an address may follow what is written without spaces. */
const WORD = new RegExp(
  `[${UNSPACED}]+|(?:(?![\\ufe0e\\ufe0f\\u20e3${UNSPACED}])[\\p{L}\\p{M}\\p{N}\\u200c])+`,
  "uy",
);
const WORDY = /[\p{L}\p{M}\p{N}]/u;

/** Reads one thing within a line. */
export function readInline(scan: Scan): Outcome {
  const char = scan.char();
  if (char === "\n") return scan.endLine();
  const space = scan.match(SPACE);
  if (space) {
    scan.output.space(space);
    return scan.passMark(space.length, " ");
  }
  return readEmoji(scan, char) ??
    scan.apply(scan.ticks > 0 ? IN_CODE : RULES, char) ??
    scan.speak(scan.match(WORD)?.length ?? char.length);
}

const EMOJI =
  /[\u{1f000}-\u{1faff}\u2600-\u266c\u2670-\u27bf\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55]/u;
/** Part of an emoji if what follows says so. */
const MAY_BE_EMOJI = /[0-9#*ℹ↔-↙↩↪Ⓜ〰〽㊗㊙⤴⤵]/;
const KEYCAP: Form = {
  whole: /^[0-9#*]\ufe0f?\u20e3|^[^0-9#*]\ufe0f/,
  begun: /^(?:[0-9#*]\ufe0f?|[^0-9#*])$/,
};
/** Says that the character before is an emoji, or goes on with it. */
const SELECTOR = /[\ufe0e\ufe0f\u20e3]/;
const JOINED = /[\u200d\u{e0020}-\u{e007f}]/u;

function readEmoji(scan: Scan, char: string): Outcome {
  // Most of what comes is ASCII, of which these alone may be part of an emoji.
  if (char <= "~" && !/[0-9#*]/.test(char)) return undefined;
  if (SELECTOR.test(char) || (scan.emoji && JOINED.test(char))) {
    scan.at += char.length;
    if (char === "\u200d") scan.emoji = "joined";
    return true;
  }
  if (MAY_BE_EMOJI.test(char)) {
    if (WORDY.test(scan.before)) return undefined;
    const found = scan.look(KEYCAP);
    if (found === "more") return "more";
    if (found) return leaveOutEmoji(scan, found[0].length);
    const isArrow = scan.emoji === "joined" && !/[0-9#*]/.test(char);
    return isArrow ? leaveOutEmoji(scan, char.length) : undefined;
  }
  return EMOJI.test(char) ? leaveOutEmoji(scan, char.length) : undefined;
}

function leaveOutEmoji(scan: Scan, length: number): true {
  // At the start of a line it serves as a bullet.
  if (/^\n?$/.test(scan.before) && !scan.heading && !scan.row) scan.item = true;
  scan.before = " ";
  scan.leaveOut(length, "word");
  scan.emoji = "whole";
  return true;
}

const TICKS: Rule = {
  whole: /^`{1,64}(?=[^`])|^`{64}/,
  begun: /^`{1,64}$/,
  read(scan, [{ length }]) {
    if (scan.ticks === length) {
      scan.ticks = 0;
    } else if (scan.ticks > 0) {
      return undefined;
    } else {
      const after = scan.char(length);
      const isWithin = SPACED.test(scan.before) && SPACED.test(after);
      if (isWithin && length === 1) return undefined;
      if (/^\s$/.test(after)) scan.output.leaveOut("mark");
      else scan.ticks = length;
    }
    return scan.passMark(length, "`");
  },
};

/** Of a tag that is spoken of, the name is spoken. */
const CODE_TAG: Rule = {
  whole: /^<(\/?)([a-z][\w-]*)[^<>`\n]*>/i,
  begun: /^<\/?(?:[a-z][^<>`\n]*)?$/i,
  read(scan, [whole, slash = "", name = ""]) {
    scan.pass(1 + slash.length);
    scan.speak(name.length);
    const rest = whole.length - 1 - slash.length - name.length;
    return scan.passMark(rest, "`");
  },
};

const ESCAPE: Rule = {
  whole: /^\\([^])/,
  begun: /^\\$/,
  // A path may hold them, as in "C:\_tmp".
  when: ({ before }) => before !== ":",
  read(scan, [, after = ""]) {
    if (/[\r\n]/.test(after)) return scan.passMark(1, "\\");
    const escapes = /[-.+#!]/.test(after)
      ? !/\p{L}/u.test(scan.before)
      : /[*_`{}[\]()~<>|&"'$]/.test(after);
    if (!escapes) return undefined;
    scan.at++;
    return scan.speak(1);
  },
};

const ENTITIES = new Map(
  `amp & lt < gt > quot " apos ' ndash – mdash — hellip … lsquo ‘ rsquo ’
  ldquo “ rdquo ” laquo « raquo » bull • middot · copy © reg ® trade ™ deg °
  times × euro € pound £`.matchAll(/(\S+) (\S)/g).map((
    [, name = "", char = ""],
  ) => [name, char]),
);
for (const space of ["nbsp", "ensp", "emsp", "thinsp"]) {
  ENTITIES.set(space, " ");
}

const ENTITY: Rule = {
  whole: /^&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}));/i,
  begun: /^&(?:#(?:\d{0,7}|x[\da-f]{0,6})|[a-z]{0,6})$/i,
  read(scan, [{ length }, decimal, hex = "", name]) {
    const code = decimal ? Number(decimal) : parseInt(hex, 16);
    const isCharacter = code > 0 && code <= 0x10ffff &&
      (code < 0xd800 || code > 0xdfff);
    const char = name
      ? ENTITIES.get(name)
      : isCharacter
      ? String.fromCodePoint(code)
      : undefined;
    if (char === undefined) return undefined;
    if (/\s/.test(char)) scan.output.space(" ");
    else if (EMOJI.test(char)) scan.output.leaveOut("word");
    else if (!SELECTOR.test(char)) scan.output.say(char);
    return scan.passMark(length, char);
  },
};

/** The hashes that close a heading. */
const HEADING_END: Rule = {
  whole: /^#+[ \t]*(?=\r?\n)/,
  begun: /^#+[ \t]*\r?$/,
  when: ({ heading, before }) => heading && before === " ",
  read: (scan, [marks]) => scan.passMark(marks.length, " "),
};

const RULES = toRules({
  "`": [TICKS],
  "*_~": [EMPHASIS],
  "\\": [ESCAPE],
  "&": [ENTITY],
  "<◁": ANGLES,
  "[!": [BRACKET],
  "【": [CITATION_MARK],
  "|": [CELL_BAR],
  "#": [HEADING_END],
  "hfwHFW": [ADDRESS],
});
const IN_CODE = toRules({
  "`": [TICKS],
  "<": [CODE_TAG],
  "hfwHFW": [ADDRESS],
});
