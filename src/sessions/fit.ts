/**
 * No record is longer than what any engine takes as one value: a longer text
 * becomes several records, and anything else is cut and says so. Pure.
 *
 * @module
 */
import type { SessionRecord } from "./record.ts";
import { StoreError } from "./store.ts";

/** The longest record, as JSON in UTF-8. Deno KV takes 64 KiB with what it adds. */
export const MAX_RECORD_BYTES = 60_000;

/** How much of a text a record holds: six bytes a letter, at worst, leave room for the rest. */
const PIECE_LETTERS = 9_000;

/** A record, and the JSON that is kept of it. */
export interface Line {
  /** What it says. */
  record: SessionRecord;
  /** The same, without a newline. */
  json: string;
}

/**
 * Makes lines of a record that fit; none of a page's answer that doesn't, whose
 * next one of the kind is handed to the owner's handler again.
 *
 * @throws {StoreError} when its ids alone are too long
 */
export function toLines(record: SessionRecord): Line[] {
  const json = JSON.stringify(record);
  if (fits(json)) return [{ record, json }];
  if (record.type === "data") return [];
  const isText = record.type === "user" || record.type === "assistant";
  if (!isText || record.text.length <= PIECE_LETTERS) return [cut(record)];
  const text = head(record.text, PIECE_LETTERS);
  const rest = record.text.slice(text.length);
  return [{ ...record, text }, { ...record, text: rest }].flatMap(toLines);
}

/** Leaves out a vendor's own form of calls, then the ends of what is longest. */
function cut(record: SessionRecord): Line {
  for (let most = MAX_RECORD_BYTES; most > 1; most = Math.floor(most * 0.8)) {
    const json = JSON.stringify(record, (key, value) => {
      if (key === "raw") return undefined;
      if (key === "arguments" || key === "content") {
        const text = JSON.stringify(value) ?? "";
        return text.length > most
          ? { cut_off: `${head(text, most)} [cut off]` }
          : value;
      }
      const isText = typeof value === "string" && TEXTS.has(key);
      return isText && value.length > most
        ? `${head(value, most)} [cut off]`
        : value;
    });
    if (fits(json)) return { record: JSON.parse(json), json };
  }
  throw new StoreError(
    `Cannot keep a record of type "${record.type}": its ids take more than ${MAX_RECORD_BYTES} bytes; use shorter ones`,
  );
}

/** What is told in a record, and no id. */
const TEXTS = new Set(["text", "note", "written"]);

function fits(json: string): boolean {
  // No letter takes more than three bytes, so most need not be encoded.
  return json.length * 3 <= MAX_RECORD_BYTES ||
    new TextEncoder().encode(json).length <= MAX_RECORD_BYTES;
}

/** A text's first letters, no pair of surrogates cut in two. */
export function head(text: string, length: number): string {
  const isHigh = /[\uD800-\uDBFF]/.test(text[length - 1] ?? "");
  const isPair = isHigh && /[\uDC00-\uDFFF]/.test(text[length] ?? "");
  return text.slice(0, isPair ? length - 1 : length);
}
