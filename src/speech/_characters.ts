/**
 * Which characters are letters, as ranges that are written out: each expression
 * with `\p{…}` takes milliseconds to compile, at every start.
 *
 * @module
 */

/** Chinese and Japanese, which have no spaces between words. For use in a character class. */
export const UNSPACED =
  "\\u2e80-\\u2fdf\\u3005-\\u3007\\u3021-\\u3029\\u3031-\\u3035\\u303b\\u3041-\\u3096\\u3099-\\u309f\\u30a1-\\u30fa\\u30fc-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\uff66-\\uff9d\\u{20000}-\\u{3ffff}";

/** Letters, digits and accents of all other scripts. For use in a character class. */
export const SPACED =
  "0-9A-Za-zª²³µ¹º¼-¾À-ÖØ-öø-\\u037d\\u037f-\\u0386\\u0388-\\u0559\\u0560-\\u0588\\u0591-\\u05bd\\u05bf-\\u05f2\\u0610-\\u061a\\u0620-\\u0669\\u066e-\\u06d3\\u06d5-\\u0963\\u0966-\\u1360\\u1369-\\u1fff\\u200c\\u2c00-\\u2dff\\u3130-\\u318f\\ua000-\\ud7fb\\ufb00-\\ufdff\\ufe70-\\ufefc\\uff10-\\uff19\\uff21-\\uff3a\\uff41-\\uff5a\\u{10000}-\\u{1efff}";

/** Matches a letter or digit of a script with spaces between words. */
export const IS_SPACED = new RegExp(`[${SPACED}]`, "u");

/** Matches a letter or digit. */
export const IS_WORD_CHARACTER = new RegExp(`[${SPACED}${UNSPACED}]`, "u");

/** Matches a character of Chinese or Japanese. */
export const IS_UNSPACED = new RegExp(`[${UNSPACED}]`, "u");

/** Returns the last code point of a text. */
export function lastCharacter(text: string): string {
  return text.slice(text.codePointAt(text.length - 2)! > 0xffff ? -2 : -1);
}
