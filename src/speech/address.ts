/**
 * Addresses, of which the name of the site is spoken, as one would say it.
 *
 * @module
 */
import { beginLine, charAt, type Form, look, pass, type Scan } from "./scan.ts";
import { UNSPACED } from "./spoken.ts";

const HOST = `(?:(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}._-])`;
const ADDRESS: Form = {
  whole: new RegExp(
    `(?:(?:https?|ftp)://|(?=www\\.))(${HOST}{1,255})(?!${HOST})(?=[^])`,
    "iuy",
  ),
  begun: new RegExp(
    `(?:h(?:t(?:t(?:p(?:s?(?::/?)?)?)?)?)?|f(?:t(?:p(?::/?)?)?)?|w{1,3}|(?:(?:https?|ftp)://|www\\.)${HOST}{0,255})$`,
    "iuy",
  ),
};
const ALONE = new RegExp(
  `^\\s*(?:https?://|ftp://|(?=www\\.))(${HOST}+)\\S*\\s*$`,
  "iu",
);

/** Reads the beginning of an address, and speaks the name of its site. */
export function readHost(scan: Scan): boolean | undefined {
  const found = look(scan, ADDRESS);
  if (found === "more") return false;
  const host = found?.[1]?.replace(/[._-]+$/, "") ?? "";
  const named = /[^.]/.test(host.replace(/^www(?:\.|$)/i, ""));
  if (!found || !named) return undefined;
  const mail = scan.text[scan.at + found[0].length] === "@";
  if (mail && found[0] === found[1]) return undefined;
  const cut = (found[1]?.length ?? 0) - host.length;
  beginLine(scan);
  scan.spoken.say(host.replace(/^www\./i, ""));
  pass(scan, found[0].length - cut);
  scan.before = "/";
  if (cut === 0) scan.address = 0;
  return true;
}

/** The name of the site, of a text that is an address and no more. */
export function toSiteName(text: string): string | undefined {
  return ALONE.exec(text)?.[1]?.replace(/^www\./i, "");
}

const PART = new RegExp(
  `(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}._~:/?#[\\]@!$&'()*+,;=%-]`,
  "u",
);
/** These end the sentence around it rather than belong to it, unless more follows. */
const TRAILING = /[.,;:!?'*_~)\]]/;
const MOST_TRAILING = 32;

/** Leaves out the rest of an address. */
export function readAddress(scan: Scan): boolean {
  let depth = scan.address ?? 0;
  while (scan.at < scan.text.length) {
    const char = charAt(scan);
    if (!PART.test(char)) {
      scan.address = undefined;
      return true;
    }
    if (char === "(") depth++;
    else if (char === ")" && depth > 0) depth--;
    else if (TRAILING.test(char)) {
      const goesOn = looksPast(scan);
      scan.address = depth;
      if (goesOn === "more") return false;
      if (!goesOn) {
        scan.address = undefined;
        return true;
      }
    }
    scan.address = depth;
    scan.at += char.length;
  }
  return true;
}

/** Whether the address goes on after the punctuation here. */
function looksPast(scan: Scan): boolean | "more" {
  for (let length = 1; length < MOST_TRAILING; length++) {
    const char = scan.text[scan.at + length];
    if (char === undefined) return scan.ended ? false : "more";
    if (!PART.test(char)) return false;
    if (!TRAILING.test(char)) return true;
  }
  return true;
}

const AUTOLINK: Form = {
  whole:
    /<(?:(?:https?|ftp):\/\/([^\s<>/?#:@]{1,255})[^\s<>]{0,500}|(?:mailto:)?([\w.+-]{1,64}@[\w.-]{1,255}))>/iy,
  begun:
    /<(?:h(?:t(?:t(?:p(?:s?(?::\/?)?)?)?)?)?|f(?:t(?:p(?::\/?)?)?)?|(?:https?|ftp):\/\/[^\s<>]{0,755}|(?:mailto:)?[\w.+-]{1,64}(?:@[\w.-]{0,255})?)$/iy,
};

/** Reads an address in angle brackets. */
export function readAutolink(scan: Scan): boolean | undefined {
  const found = look(scan, AUTOLINK);
  if (found === "more") return false;
  if (!found) return undefined;
  beginLine(scan);
  const name = found[1]?.replace(/^www\./i, "") ?? found[2] ?? "";
  scan.spoken.say(name);
  pass(scan, found[0].length);
  scan.before = ">";
  return true;
}
