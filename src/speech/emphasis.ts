/**
 * Marks of emphasis, taken out as they come.
 *
 * A run of `*`, `_` or `~~` opens when a boundary is before it and no white
 * space after it. It is then taken out at once, for whether it will be closed
 * can't be waited for. It closes when one is open and no white space is before
 * it. Within a word, `_` is always a character, and so is `*` unless one is
 * open; `**` is one when its like follows in the same word. All others stay,
 * as in "2 * 3", "2*3*4" and "Terms apply*"; but `**` after a word goes.
 *
 * @module
 */
import { charAt, type Form, look, passMark, type Scan, speak } from "./scan.ts";

const WORDY = /[\p{L}\p{M}\p{N}]/u;
/** Letters of scripts that put spaces between words, which emphasis needs. */
export const SPACED = /[\p{Lu}\p{Ll}\p{Lt}\p{Lm}\p{N}]/u;

const STARS: Form = { whole: /\*{1,64}(?=[^*])|\*{64}/y, begun: /\*{1,64}$/y };
const WITHIN: Form = { whole: /\S{1,40}?\*\*/y, begun: /\S{0,40}$/y };

/** Reads a run of stars. */
export function readStars(scan: Scan): boolean | undefined {
  const found = look(scan, STARS);
  if (found === "more") return false;
  if (!found) return undefined;
  const { length } = found[0];
  const { before, open } = scan;
  const after = charAt(scan, scan.at + length);
  if (after === "" && !scan.ended) return false;
  const spaceAfter = /^\s?$/.test(after);
  const spaceBefore = /^\s?$/.test(before);

  if (open["*"] > 0) {
    const product = length === 1 && /\d/.test(before) && /\d/.test(after);
    const closes = spaceBefore ? spaceAfter && length > 1 : !product;
    if (closes) {
      if (spaceBefore) scan.spoken.drop("mark");
      open["*"] = Math.max(open["*"] - length, 0);
      return passMark(scan, length, "*");
    }
  }
  if (!spaceAfter && !SPACED.test(before) && !/[/\\]/.test(before)) {
    const notOpening = length === 1 ? /[.,;:!?)\]}/]/ : /\//;
    if (!notOpening.test(after)) return openMark(scan, "*", length);
  }
  if (length < 2 || spaceBefore) return keep(scan, length);
  if (SPACED.test(after)) {
    // Part of a word is marked, or "f**k" and "2**3" are meant.
    if (/\d/.test(after)) return keep(scan, length);
    const rest = look({ ...scan, at: scan.at + length }, WITHIN);
    if (rest === "more") return false;
    return rest ? openMark(scan, "*", length) : keep(scan, length);
  }
  return /[/\\]/.test(before + after)
    ? keep(scan, length)
    : passMark(scan, length, "*");
}

const RUNS: Record<"_" | "~", Form> = {
  "_": { whole: /_{1,64}(?=[^_])|_{64}/y, begun: /_{1,64}$/y },
  "~": { whole: /~{1,64}(?=[^~])|~{64}/y, begun: /~{1,64}$/y },
};

/** Reads a run of underscores or tildes. */
export function readUnderscores(
  scan: Scan,
  mark: "_" | "~",
): boolean | undefined {
  const found = look(scan, RUNS[mark]);
  if (found === "more") return false;
  if (!found) return undefined;
  const { length } = found[0];
  const { before, open } = scan;
  const after = charAt(scan, scan.at + length);
  if (after === "" && !scan.ended) return false;
  if (mark === "~" && length < 2) return keep(scan, length);
  const inWord = mark === "_" && WORDY.test(after);
  if (open[mark] > 0 && !/^\s?$/.test(before) && !inWord) {
    open[mark] = Math.max(open[mark] - length, 0);
    return passMark(scan, length, mark);
  }
  const boundary = mark === "_"
    ? !/[\p{L}\p{M}\p{N}/\\.@]/u.test(before)
    : !SPACED.test(before) && !/\p{Script=Hangul}/u.test(before);
  const opens = boundary && !/^[\s.,;:!?)\]}/]?$/.test(after);
  return opens ? openMark(scan, mark, length) : keep(scan, length);
}

function openMark(scan: Scan, mark: "*" | "_" | "~", length: number): true {
  scan.open[mark] += length;
  return passMark(scan, length, mark);
}

/** Speaks a run of marks that are none, each by itself. */
function keep(scan: Scan, length: number): true {
  for (let count = 0; count < length; count++) speak(scan, 1);
  return true;
}
