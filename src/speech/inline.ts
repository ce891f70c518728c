/**
 * What stands within a line: words, emphasis, code, escapes, entities,
 * pictographs. Words are passed on as they come; a mark is held until the
 * character after it tells what it is.
 *
 * @module
 */
import { readHost } from "./address.ts";
import { readStars, readUnderscores, SPACED } from "./emphasis.ts";
import { readAngle } from "./hidden.ts";
import { readBracket, readCitationMark } from "./links.ts";
import {
  charAt,
  endLine,
  type Form,
  look,
  matchAt,
  pass,
  passMark,
  type Scan,
  speak,
} from "./scan.ts";
import { UNSPACED } from "./spoken.ts";
import { readCellBar } from "./table.ts";

const SPACE = /[^\S\n]+/y;
/** Of one kind, as an address may follow what is written without spaces. */
const WORD = new RegExp(
  `[${UNSPACED}]+|(?:(?![\\ufe0e\\ufe0f\\u20e3${UNSPACED}])[\\p{L}\\p{M}\\p{N}\\u200c])+`,
  "uy",
);
const WORDY = /[\p{L}\p{M}\p{N}]/u;
/** What no address begins after. */
const IN_ADDRESS = new RegExp(`(?![${UNSPACED}])[\\p{L}\\p{N}_@]`, "u");

/** Reads one thing within a line; false when more text is needed. */
export function readInline(scan: Scan): boolean {
  const char = charAt(scan);
  if (char === "\n") {
    endLine(scan);
    return true;
  }
  const space = matchAt(scan, SPACE)?.[0];
  if (space) {
    scan.spoken.space(space);
    scan.before = " ";
    pass(scan, space.length);
    return true;
  }
  const done = readMark(scan, char);
  if (done !== undefined) return done;
  speak(scan, matchAt(scan, WORD)?.[0].length ?? char.length);
  return true;
}

/** Reads what is no plain word; `undefined` when it is plain after all. */
function readMark(scan: Scan, char: string): boolean | undefined {
  const pictograph = readPictograph(scan, char);
  if (pictograph !== undefined) return pictograph;
  if (/[hfw]/i.test(char)) {
    return IN_ADDRESS.test(scan.before) ? undefined : readHost(scan);
  }
  if (char === "`") return readTicks(scan);
  if (scan.ticks > 0) return char === "<" ? readCodeTag(scan) : undefined;
  switch (char) {
    case "*":
      return readStars(scan);
    case "_":
    case "~":
      return readUnderscores(scan, char);
    case "\\":
      return readEscape(scan);
    case "&":
      return readEntity(scan);
    case "<":
    case "◁":
      return readAngle(scan);
    case "[":
      return readBracket(scan);
    case "!":
      return readImage(scan);
    case "【":
      return readCitationMark(scan);
    case "|":
      return readCellBar(scan);
    case "#":
      return scan.heading ? readHeadingEnd(scan) : undefined;
    default:
      return undefined;
  }
}

const EMOJI =
  /[\u{1f000}-\u{1faff}\u2600-\u266c\u2670-\u27bf\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55]/u;
/** Part of an emoji if what follows says so. */
const MAY_BE_EMOJI = /[0-9#*ℹ↔-↙↩↪Ⓜ〰〽㊗㊙⤴⤵]/;
const KEYCAP: Form = {
  whole: /[0-9#*]\ufe0f?\u20e3|[^0-9#*]\ufe0f/y,
  begun: /[0-9#*]\ufe0f?$|[^0-9#*]$/y,
};
/** Says that the character before is an emoji, or goes on with it. */
const SELECTOR = /[\ufe0e\ufe0f\u20e3]/;
const JOINED = /[\u200d\u{e0020}-\u{e007f}]/u;

function readPictograph(scan: Scan, char: string): boolean | undefined {
  if (SELECTOR.test(char) || (scan.emoji && JOINED.test(char))) {
    scan.at += char.length;
    if (char === "\u200d") scan.emoji = "joined";
    return true;
  }
  if (MAY_BE_EMOJI.test(char)) {
    if (WORDY.test(scan.before)) return undefined;
    const found = look(scan, KEYCAP);
    if (found === "more") return false;
    if (found) return dropEmoji(scan, found[0].length);
    const arrow = scan.emoji === "joined" && !/[0-9#*]/.test(char);
    return arrow ? dropEmoji(scan, char.length) : undefined;
  }
  return EMOJI.test(char) ? dropEmoji(scan, char.length) : undefined;
}

function dropEmoji(scan: Scan, length: number): true {
  // At the start of a line it serves as a bullet.
  if (/^\n?$/.test(scan.before) && !scan.heading && !scan.row) scan.item = true;
  scan.spoken.drop("word");
  scan.before = " ";
  pass(scan, length);
  scan.emoji = "whole";
  return true;
}

const TICKS: Form = { whole: /`{1,64}(?=[^`])|`{64}/y, begun: /`{1,64}$/y };

function readTicks(scan: Scan): boolean | undefined {
  const found = look(scan, TICKS);
  if (found === "more") return false;
  if (!found) return undefined;
  const { length } = found[0];
  if (scan.ticks === 0) {
    const after = charAt(scan, scan.at + length);
    const within = SPACED.test(scan.before) && SPACED.test(after);
    if (within && length === 1) return undefined;
    if (/^\s?$/.test(after)) scan.spoken.drop("mark");
    else scan.ticks = length;
  } else if (scan.ticks === length) {
    scan.ticks = 0;
  } else {
    return undefined;
  }
  return passMark(scan, length, "`");
}

const CODE_TAG: Form = {
  whole: /<(\/?)([a-z][\w-]{0,40})([^<>`\n]{0,100})>/iy,
  begun: /<\/?(?:[a-z][\w-]{0,40}[^<>`\n]{0,100})?$/iy,
};

/** Of a tag that is spoken of, the name is spoken. */
function readCodeTag(scan: Scan): boolean | undefined {
  const found = look(scan, CODE_TAG);
  if (found === "more") return false;
  if (!found) return undefined;
  const [whole, slash = "", name = ""] = found;
  scan.at += slash.length + 1;
  const rest = whole.length - slash.length - 1 - name.length;
  speak(scan, name.length);
  return passMark(scan, rest, "`");
}

function readEscape(scan: Scan): boolean | undefined {
  const after = scan.text[scan.at + 1];
  if (after === undefined) return false;
  const path = scan.before === ":";
  if (/[\r\n]/.test(after)) return path ? undefined : passMark(scan, 1, "\\");
  const escapes = /[-.+#!]/.test(after)
    ? !/\p{L}/u.test(scan.before)
    : /[*_`{}[\]()~<>|&"'$]/.test(after);
  if (!escapes || path) return undefined;
  scan.at++;
  speak(scan, 1);
  return true;
}

const ENTITIES: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  ensp: " ",
  emsp: " ",
  thinsp: " ",
  ndash: "–",
  mdash: "—",
  hellip: "…",
  lsquo: "‘",
  rsquo: "’",
  ldquo: "“",
  rdquo: "”",
  laquo: "«",
  raquo: "»",
  bull: "•",
  middot: "·",
  copy: "©",
  reg: "®",
  trade: "™",
  deg: "°",
  times: "×",
  euro: "€",
  pound: "£",
};
const ENTITY: Form = {
  whole: /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}));/iy,
  begun: /&(?:#(?:\d{0,7}|x[\da-f]{0,6})|[a-z]{0,6})$/iy,
};

function readEntity(scan: Scan): boolean | undefined {
  const found = look(scan, ENTITY);
  if (found === "more") {
    const name = scan.text.slice(scan.at + 1);
    const known = name.startsWith("#") ||
      Object.keys(ENTITIES).some((key) => key.startsWith(name));
    return known ? false : undefined;
  }
  if (!found) return undefined;
  const [{ length }, decimal, hex, name = ""] = found;
  const point = decimal ? Number(decimal) : parseInt(hex ?? "", 16);
  const char = Number.isNaN(point)
    ? ENTITIES[name]
    : point > 0 && point <= 0x10ffff && (point & ~0x7ff) !== 0xd800
    ? String.fromCodePoint(point)
    : undefined;
  if (char === undefined) return undefined;
  pass(scan, length);
  scan.before = char;
  if (/\s/.test(char)) scan.spoken.space(" ");
  else if (EMOJI.test(char)) scan.spoken.drop("word");
  else if (!SELECTOR.test(char)) scan.spoken.say(char);
  return true;
}

function readImage(scan: Scan): boolean | undefined {
  const after = scan.text[scan.at + 1];
  if (after === undefined) return false;
  return after === "[" ? readBracket(scan, true) : undefined;
}

const HEADING_END: Form = {
  whole: /#{1,64}[ \t]{0,32}(?=\r?\n)/y,
  begun: /#{1,64}[ \t]{0,32}\r?$/y,
};

function readHeadingEnd(scan: Scan): boolean | undefined {
  if (scan.before !== " ") return undefined;
  const found = look(scan, HEADING_END);
  if (found === "more") return false;
  return found && passMark(scan, found[0].length, " ");
}
