/**
 * What is kept of a conversation: one record for each thing that happened, the
 * lines that they are kept as, and reading one back.
 *
 * No line is longer than what any engine takes as one value: a longer text
 * becomes several records, and anything else is cut and says so.
 *
 * @module
 */
import type { ProviderMetadata, ToolCall } from "../providers/provider.ts";
import { nodeCrypto } from "../server/builtin.ts";
import { StoreError } from "./store.ts";

/** How a turn ended: said whole, cut off by the caller, or given up after a fault. */
export type TurnStatus = "complete" | "interrupted" | "failed";

/** Who answered a turn, and what it took. */
export type TurnDetails = {
  /** The vendor, as `LLM_PROVIDER` spells it, and the model, as the vendor does. */
  provider?: string | undefined;
  model?: string | undefined;
  /** From the caller's words to the first of the agent's and to the end, in milliseconds. */
  firstWordsMs?: number | undefined;
  totalMs?: number | undefined;
  /** What the model was shown and what it answered, as its vendor counted. */
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  /** How long the model took to read its prompt, in milliseconds, as its vendor says. */
  promptMs?: number | undefined;
  /** How many of the input tokens the vendor had read before. */
  cachedTokens?: number | undefined;
  /** What ended an answer that the model itself had not ended. */
  ended?: TurnEnding | undefined;
};

/** A turn's details as programs outside read them. */
export type SpeltDetails = {
  [Name in keyof TurnDetails as SnakeCase<Name>]: TurnDetails[Name];
};

/** `firstWordsMs` becomes `first_words_ms`. */
export type SnakeCase<Name> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First
    : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name;

/** Spells a turn's details as programs outside read them. */
export function spell(details: TurnDetails): SpeltDetails {
  const spelt = Object.entries(details).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return Object.fromEntries(spelt);
}

/** Why an answer was ended for the model: it was too long, said the same over and over, or took too long. */
export type TurnEnding = "max-tokens" | "repetition" | "max-seconds";

/** What all records of a turn have: the platform's id of it, and when it happened, ISO 8601. */
export type OfTurn = { turnId: string; at: string };

/** What those of an answer have: which time it is that the turn is answered. Absent: 0, the first. */
export type OfAttempt = OfTurn & { attempt?: number | undefined };

/**
 * One thing that happened in a conversation. A line of its file.
 *
 * Two processes may answer the same turn for a moment. So that their words
 * don't mix, `again` begins an attempt, and each record of it says which one
 * it belongs to; {@linkcode Session.apply} takes no notice of those of others.
 */
export type SessionRecord =
  /** The file's first line. Written by the store. */
  | { type: "session"; version: number; id: string }
  /** The caller said something; a second one continues the first. `note` is what the model is told beside it. */
  | OfTurn & { type: "user"; text: string; note?: string | undefined }
  /** The next piece of what the agent said in that turn. */
  | OfAttempt & { type: "assistant"; text: string }
  /** The model called tools. `text` is what it wrote before, where that isn't what was said, `raw` its vendor's own form, where that is needed, and `handedOn` the ids of calls that the platform runs. */
  | OfAttempt & {
    type: "calls";
    calls: ToolCall[];
    text?: string | undefined;
    raw?: ProviderMetadata | undefined;
    handedOn?: string[] | undefined;
  }
  /** What a tool returned, as JSON. */
  | OfAttempt & { type: "result"; callId: string; name: string; text: string }
  /** Something to keep in mind for the rest of the conversation. */
  | OfAttempt & { type: "memory"; text: string }
  /** The turn is over. `written` is what the model wrote since the last calls, where that isn't what was said. */
  | OfAttempt & TurnDetails & {
    type: "end";
    status: TurnStatus;
    written?: string | undefined;
  }
  /** The turn is answered anew: what was said of it so far reached nobody. `isReworded`: the caller's words were others, too; those that follow count. */
  | OfAttempt & { type: "again"; isReworded?: boolean | undefined }
  /** What the caller heard of an interrupted turn. */
  | OfTurn & { type: "heard"; text: string }
  /** The page sent something, told by a {@linkcode toDataKey}, and was answered. */
  | OfTurn & { type: "data"; key: string; reply?: unknown }
  /** The platform told something about the conversation: a recording, its end. */
  | { type: "note"; name: string; content?: unknown; at: string }
  /** All before it was deleted. What is left of that are its turns, told by {@linkcode toTurnKey}. */
  | { type: "deleted"; turns: string[]; at: string };

/** Tells what a page sent in a turn from anything else that it may send. */
export function toDataKey(turnId: string, data: unknown): string {
  return hash(JSON.stringify([turnId, data]), "base64url");
}

/** Tells a turn that was deleted, without its id. */
export function toTurnKey(turnId: string): string {
  return hash(turnId, "base64url").slice(0, 16);
}

/** What stands for a text, and doesn't tell it. */
export function hash(
  text: string,
  digest: "hex" | "base64url" = "hex",
  encoding: "utf8" | "utf16le" = "utf8",
): string {
  return nodeCrypto().createHash("sha256").update(text, encoding)
    .digest(digest);
}

/** The texts that a record of each type must have, so that one can be told from a torn or foreign line. */
const TEXTS: Record<SessionRecord["type"], readonly string[]> = {
  session: ["id"],
  user: ["turnId", "at", "text"],
  assistant: ["turnId", "at", "text"],
  calls: ["turnId", "at"],
  result: ["turnId", "at", "callId", "name", "text"],
  memory: ["turnId", "at", "text"],
  end: ["turnId", "at", "status"],
  again: ["turnId", "at"],
  heard: ["turnId", "at", "text"],
  data: ["turnId", "at", "key"],
  note: ["at", "name"],
  deleted: ["at"],
};

/** Reads one record back, or nothing when it isn't one. */
export function parseRecord(json: string): SessionRecord | undefined {
  try {
    const value = JSON.parse(json);
    const texts = Object.hasOwn(TEXTS, value.type)
      ? TEXTS[value.type as SessionRecord["type"]]
      : undefined;
    const isRecord = texts?.every((name) => typeof value[name] === "string") &&
      (value.type !== "calls" ||
        value.calls.every(({ id, name }: ToolCall) =>
          typeof id === "string" && typeof name === "string"
        )) &&
      (value.type !== "deleted" || Array.isArray(value.turns));
    return isRecord ? value : undefined;
  } catch {
    // Not JSON, or no object: a torn line, which the store reports.
    return undefined;
  }
}

/** The longest record, as JSON in UTF-8. Deno KV takes 64 KiB with what it adds. */
export const MAX_RECORD_BYTES = 60_000;

/** How much of a text a record holds: six bytes a letter, at worst, leave room for the rest. */
const PIECE_LETTERS = 9_000;

/** A record, and the JSON that is kept of it, without a newline. */
export type Line = { record: SessionRecord; json: string };

/**
 * Makes lines of a record that fit. None where nothing is to be kept: of a
 * page's answer that is too long, or of data without an answer.
 *
 * @throws {StoreError} when its ids alone are too long
 */
export function toLines(record: SessionRecord): Line[] {
  const { type } = record;
  if (type === "data" && record.reply === undefined) return [];
  const isText = type === "user" || type === "assistant";
  const isLong = isText && record.text.length > MAX_RECORD_BYTES;
  const json = isLong ? "" : JSON.stringify(record);
  if (!isLong && fits(json)) return [{ record, json }];
  if (isText && record.text.length > PIECE_LETTERS) {
    const text = head(record.text, PIECE_LETTERS);
    const rest = record.text.slice(text.length);
    return [
      ...toLines({ ...record, text }),
      ...toLines({ ...record, text: rest }),
    ];
  }
  return type === "data" ? [] : [cut(record)];
}

/** Leaves out a vendor's own form of calls, then the ends of what is longest. */
function cut(record: SessionRecord): Line {
  for (let most = MAX_RECORD_BYTES; most > 1; most = Math.floor(most * 0.8)) {
    const json = JSON.stringify(record, (key, value) => {
      if (key === "raw") return undefined;
      if (!LONG.has(key)) return value;
      const isText = typeof value === "string";
      const text: string = isText ? value : JSON.stringify(value) ?? "";
      if (text.length <= most) return value;
      const begun = `${head(text, most)} [cut off]`;
      return isText ? begun : { cut_off: begun };
    });
    if (fits(json)) return { record: JSON.parse(json), json };
  }
  throw new StoreError(
    `Cannot keep a record of type "${record.type}": its ids take more than ${MAX_RECORD_BYTES} bytes; use shorter ones`,
  );
}

/** What is told in a record, and no id. */
const LONG = new Set(["text", "note", "written", "arguments", "content"]);

function fits(json: string): boolean {
  // No letter takes more than three bytes, so most need not be encoded.
  return json.length * 3 <= MAX_RECORD_BYTES ||
    new TextEncoder().encode(json).length <= MAX_RECORD_BYTES;
}

/** A text's first letters, no pair of surrogates cut in two. */
export function head(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}
