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

/** A record, and the JSON that is kept of it. */
export interface Line {
  /** What it says. */
  record: SessionRecord;
  /** The same, as a line without its end. */
  json: string;
}

/**
 * Makes lines of a record, each short enough: one, for all but long texts.
 *
 * @throws {StoreError} as {@linkcode fitRecord} does
 */
export function toLines(record: SessionRecord): Line[] {
  const json = JSON.stringify(record);
  if (isSurelyShort(json)) return [{ record, json }];
  return fitRecord(record).map((record) => ({
    record,
    json: JSON.stringify(record),
  }));
}

/**
 * Makes records of one that fit; none of a page's answer that doesn't.
 *
 * @throws {StoreError} when its ids alone are too long
 */
export function fitRecord(record: SessionRecord): SessionRecord[] {
  if (fits(record)) return [record];
  switch (record.type) {
    case "user":
    case "assistant":
      return split(record.text, (text) => ({ ...record, text }));
    case "heard":
    case "memory":
    case "result":
      return [cut(record.text, (text) => ({ ...record, text }))];
    case "calls":
      return [fitCalls(record)];
    case "end":
      return [cut(record.written ?? "", (written) => ({ ...record, written }))];
    case "note":
      return [
        cut(
          toJson(record.content),
          (text) => ({ ...record, content: { cut_off: text } }),
        ),
      ];
    case "data":
      // The page's next one of the kind is handed to the owner's handler again.
      return [];
    default:
      throw tooLong(record);
  }
}

/** Keeps calls without their vendor's form; and where that is not enough, without the end of their arguments. */
function fitCalls(
  { raw: _, ...record }: SessionRecord & { type: "calls" },
): SessionRecord {
  if (fits(record)) return record;
  const longest = Math.max(
    record.text?.length ?? 0,
    ...record.calls.map(({ arguments: given }) => toJson(given).length),
  );
  return cutTo(longest, (length) => ({
    ...record,
    ...(record.text === undefined ? {} : { text: head(record.text, length) }),
    calls: record.calls.map((call) => {
      const json = toJson(call.arguments);
      return json.length <= length
        ? call
        : { ...call, arguments: { cut_off: head(json, length) } };
    }),
  }), record);
}

function split(
  text: string,
  make: (text: string) => SessionRecord,
): SessionRecord[] {
  const records: SessionRecord[] = [];
  for (let rest = text; rest !== "";) {
    const length = longestFit(
      rest.length,
      (length) => make(head(rest, length)),
    );
    const piece = head(rest, length);
    if (piece === "") throw tooLong(make(""));
    records.push(make(piece));
    rest = rest.slice(piece.length);
  }
  return records;
}

function cut(
  text: string,
  make: (text: string) => SessionRecord,
): SessionRecord {
  const mark = " [cut off]";
  return cutTo(
    text.length,
    (length) => make(head(text, length) + mark),
    make(""),
  );
}

function cutTo(
  longest: number,
  make: (length: number) => SessionRecord,
  record: SessionRecord,
): SessionRecord {
  const fitting = make(longestFit(longest, make));
  if (!fits(fitting)) throw tooLong(record);
  return fitting;
}

/** The largest length of which a record fits, by halving; 0 where none does. */
function longestFit(
  longest: number,
  make: (length: number) => SessionRecord,
): number {
  let low = 0;
  // No letter takes less than a byte.
  let high = Math.min(longest, MAX_RECORD_BYTES);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(make(middle))) low = middle;
    else high = middle - 1;
  }
  return low;
}

function fits(record: SessionRecord): boolean {
  const json = JSON.stringify(record);
  return isSurelyShort(json) ||
    new TextEncoder().encode(json).length <= MAX_RECORD_BYTES;
}

/** No letter takes more than three bytes, so most texts need not be encoded. */
function isSurelyShort(json: string): boolean {
  return json.length * 3 <= MAX_RECORD_BYTES;
}

/** A text's first letters, no pair of surrogates cut in two. */
export function head(text: string, length: number): string {
  const isHigh = /[\uD800-\uDBFF]/.test(text[length - 1] ?? "");
  const isPair = isHigh && /[\uDC00-\uDFFF]/.test(text[length] ?? "");
  return text.slice(0, isPair ? length - 1 : length);
}

function toJson(value: unknown): string {
  return JSON.stringify(value) ?? "";
}

function tooLong({ type }: SessionRecord): StoreError {
  return new StoreError(
    `Cannot keep a record of type "${type}": its ids take more than ${MAX_RECORD_BYTES} bytes; use shorter ones`,
  );
}
