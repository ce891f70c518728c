/**
 * The records that a conversation is stored as, one for each thing that
 * happened, and their lines of JSON.
 *
 * Every line fits into one value of every engine: a longer text becomes several
 * records, and other records are cut, with a mark that says so.
 *
 * @module
 */
import type { ProviderMetadata, ToolCall } from "../providers/provider.ts";
import { hash } from "../server/builtin.ts";

/** How a turn ended: completely, interrupted by the caller, or with a fault. */
export type TurnStatus = "complete" | "interrupted" | "failed";

/** Which model answered a turn, and the time and tokens it took. */
export type TurnDetails = {
  /** The vendor, by its name in `LLM_PROVIDER`, and the model, by its name at the vendor. */
  provider?: string | undefined;
  model?: string | undefined;
  /** The time from the caller's words to the agent's first word, and to the end, in milliseconds. */
  firstWordsMs?: number | undefined;
  totalMs?: number | undefined;
  /** The tokens of the prompt and of the answer, by the vendor's count. */
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  /** How long the model took to read its prompt, in milliseconds, according to its vendor. */
  promptMs?: number | undefined;
  /** How many of the input tokens came from a cache of the vendor. */
  cachedTokens?: number | undefined;
  /** Why the server ended the answer; absent if the model ended it. */
  ended?: TurnEnding | undefined;
};

/** A turn's details with names in snake case, for other programs. */
export type SnakeCaseDetails = {
  [Name in keyof TurnDetails as SnakeCase<Name>]: TurnDetails[Name];
};

/** A name in snake case: `firstWordsMs` becomes `first_words_ms`. */
export type SnakeCase<Name> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First
    : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name;

/** Converts the names of a turn's details to snake case. */
export function toSnakeCase(details: TurnDetails): SnakeCaseDetails {
  const entries = Object.entries(details).map(([name, value]) => [
    name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
    value,
  ]);
  return Object.fromEntries(entries);
}

/** Why the server ended an answer: it was too long, repeated itself, or took too long. */
export type TurnEnding = "max-tokens" | "repetition" | "max-seconds";

/** The fields of every record of a turn: the platform's id of the turn, and the record's time, ISO 8601. */
export type TurnFields = { turnId: string; at: string };

/** The fields of every record of an answer: `attempt` is how often the turn was answered before. Absent: 0. */
export type AttemptFields = TurnFields & { attempt?: number | undefined };

/**
 * One thing that happened in a conversation.
 *
 * Two processes may answer the same turn for a moment. So that their words don't
 * mix, `again` begins a new attempt, and each record says which attempt it
 * belongs to; {@linkcode Session.apply} ignores the records of other attempts.
 */
export type SessionRecord =
  /** The first line of a file. Written by the file store. */
  | { type: "session"; version: number; id: string }
  /** The caller said something; a second record continues the first. `note` is what the model gets beside it. */
  | TurnFields & { type: "user"; text: string; note?: string | undefined }
  /** The agent said the next words of its answer. */
  | AttemptFields & { type: "assistant"; text: string }
  /** The model called tools. `text` is what it wrote before, if something else was said; `raw` is the vendor's metadata, if it is needed; `handedOn` has the ids of the calls that the platform runs. */
  | AttemptFields & {
    type: "calls";
    calls: ToolCall[];
    text?: string | undefined;
    raw?: ProviderMetadata | undefined;
    handedOn?: string[] | undefined;
  }
  /** A tool returned `text`, as JSON. */
  | AttemptFields & {
    type: "result";
    callId: string;
    name: string;
    text: string;
  }
  /** A tool remembered something for the rest of the conversation. */
  | AttemptFields & { type: "memory"; text: string }
  /** The turn ended. `written` is what the model wrote since the last calls, if something else was said. */
  | AttemptFields & TurnDetails & {
    type: "end";
    status: TurnStatus;
    written?: string | undefined;
  }
  /** The turn is answered again, since nobody heard the answer so far. `isReworded`: the `user` records that follow replace the caller's words. `keepsCalls`: tool calls that have results stay; older records repeat them instead. */
  | AttemptFields & {
    type: "again";
    isReworded?: boolean | undefined;
    keepsCalls?: boolean | undefined;
  }
  /** The caller heard this much of an interrupted answer. */
  | TurnFields & { type: "heard"; text: string }
  /** The page sent something and got a reply. `key` is its {@linkcode toDataKey}. */
  | TurnFields & { type: "data"; key: string; reply?: unknown }
  /** The platform reported something about the conversation, such as a recording or its end. */
  | { type: "note"; name: string; content?: unknown; at: string }
  /** All earlier records were deleted. `turns` has the {@linkcode toTurnKey} of each deleted turn. */
  | { type: "deleted"; turns: string[]; at: string };

/** Returns a hash of what a page sent in a turn. */
export function toDataKey(turnId: string, data: unknown): string {
  return hash(JSON.stringify([turnId, data]), "base64url");
}

/** Returns a hash of a deleted turn's id. */
export function toTurnKey(turnId: string): string {
  return hash(turnId, "base64url").slice(0, 16);
}

/** The strings that a record of each type must have. A later version may have written others. */
const STRINGS: Record<SessionRecord["type"], readonly string[]> = {
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

/** Parses a record; `undefined` if the text is none, such as an incomplete line: one such record must not make a conversation or a list unusable. */
export function parseRecord(json: string): SessionRecord | undefined {
  try {
    const record: SessionRecord = JSON.parse(json);
    const { type } = record;
    const has = (part: object, name: string) =>
      typeof Reflect.get(part, name) === "string";
    const isRecord = STRINGS[type].every((name) => has(record, name)) &&
      (type !== "calls" ||
        record.calls.every((call) => has(call, "id") && has(call, "name"))) &&
      (type !== "deleted" || Array.isArray(record.turns));
    return isRecord ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The longest record, as JSON in UTF-8. A value of Deno KV may have 64 KiB, including its own overhead. */
export const MAX_RECORD_BYTES = 60_000;

/** How many characters of a long text a record holds. At six bytes each, the most, the other fields still fit. */
const PIECE_CHARACTERS = 9_000;

/** A record, and its JSON as it is stored, without a newline. */
export type Line = { record: SessionRecord; json: string };

/** Makes one or more lines of a record, each short enough; none for `data` without a reply, or with one that is too long. */
export function toLines(record: SessionRecord): Line[] {
  const { type } = record;
  if (type === "data" && record.reply === undefined) return [];
  const isText = type === "user" || type === "assistant";
  const isLong = isText && record.text.length > MAX_RECORD_BYTES;
  const json = isLong ? "" : JSON.stringify(record);
  if (!isLong && fits(json)) return [{ record, json }];
  if (isText && record.text.length > PIECE_CHARACTERS) {
    const text = head(record.text, PIECE_CHARACTERS);
    const rest = record.text.slice(text.length);
    return [
      ...toLines({ ...record, text }),
      ...toLines({ ...record, text: rest }),
    ];
  }
  return type === "data" ? [] : [cut(record)];
}

/** Shortens a record: drops the vendor's metadata, then cuts the longest fields until the record fits. */
function cut(record: SessionRecord): Line {
  for (let most = MAX_RECORD_BYTES; most > 1; most = Math.floor(most * 0.8)) {
    const json = JSON.stringify(record, (key, value) => {
      if (key === "raw") return undefined;
      if (!CUT_FIELDS.has(key)) return value;
      const isText = typeof value === "string";
      const text: string = isText ? value : JSON.stringify(value) ?? "";
      if (text.length <= most) return value;
      const begun = `${head(text, most)} [cut off]`;
      return isText ? begun : { cut_off: begun };
    });
    if (fits(json)) return { record: JSON.parse(json), json };
  }
  throw new Error(
    `Cannot store a record of type "${record.type}": its ids take more than ${MAX_RECORD_BYTES} bytes; use shorter ones`,
  );
}

/** The fields that may be cut, unlike ids. */
const CUT_FIELDS = new Set(["text", "note", "written", "arguments", "content"]);

function fits(json: string): boolean {
  // A UTF-16 unit takes at most three bytes, so that most texts need not be
  // encoded.
  return json.length * 3 <= MAX_RECORD_BYTES ||
    new TextEncoder().encode(json).length <= MAX_RECORD_BYTES;
}

/** Returns a text's first characters. Never cuts a surrogate pair in two. */
export function head(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}
