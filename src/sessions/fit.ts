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
 * Makes lines of a record that fit. None where nothing is to be kept: of a
 * page's answer that is too long, or of data without an answer.
 *
 * @throws {StoreError} when its ids alone are too long
 */
export function toLines(record: SessionRecord): Line[] {
  const lines: Line[] = [];
  let rest = record;
  while (isLongText(rest)) {
    const text = head(rest.text, PIECE_LETTERS);
    lines.push(...toLine({ ...rest, text }));
    rest = { ...rest, text: rest.text.slice(text.length) };
  }
  return [...lines, ...toLine(rest)];
}

function isLongText(
  record: SessionRecord,
): record is SessionRecord & { type: "user" | "assistant" } {
  if (record.type !== "user" && record.type !== "assistant") return false;
  const { length } = record.text;
  if (length <= PIECE_LETTERS) return false;
  return length > MAX_RECORD_BYTES || !fits(JSON.stringify(record));
}

function toLine(record: SessionRecord): Line[] {
  const isData = record.type === "data";
  if (isData && record.reply === undefined) return [];
  const json = JSON.stringify(record);
  if (fits(json)) return [{ record, json }];
  return isData ? [] : [cut(record)];
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
