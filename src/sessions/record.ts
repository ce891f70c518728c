/**
 * What is kept of a conversation: one record for each thing that happened, and
 * reading one back.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as v from "@badrap/valita";
import type { ProviderMetadata, ToolCall } from "../providers/provider.ts";

/** How a turn ended: said whole, cut off by the caller, or given up after a fault. */
export type TurnStatus = "complete" | "interrupted" | "failed";

/** Who answered a turn, and what it took. */
export interface TurnDetails {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  provider?: string | undefined;
  /** As the vendor spells it. */
  model?: string | undefined;
  /** From the caller's words to the first of the agent's, in milliseconds. */
  firstWordsMs?: number | undefined;
  /** From the caller's words to the end, in milliseconds. */
  totalMs?: number | undefined;
  /** What the model was shown, as its vendor counted. */
  inputTokens?: number | undefined;
  /** What the model answered, as its vendor counted. */
  outputTokens?: number | undefined;
  /** How long the model took to read its prompt, in milliseconds, as its vendor says. */
  promptMs?: number | undefined;
  /** How many of the input tokens the vendor had read before. */
  cachedTokens?: number | undefined;
  /** What ended an answer that the model itself had not ended. */
  ended?: TurnEnding | undefined;
}

/** Why an answer was ended for the model: it was too long, said the same over and over, or took too long. */
export type TurnEnding = "max-tokens" | "repetition" | "max-seconds";

/** What all records of a turn have. */
export type OfTurn = {
  /** The platform's id of the turn. */
  turnId: string;
  /** When it happened, ISO 8601. */
  at: string;
};

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
  /** The model called tools. `text` is what it wrote before, where that isn't what was said, and `raw` its vendor's own form, where that is needed. */
  | OfAttempt & {
    type: "calls";
    calls: ToolCall[];
    text?: string | undefined;
    raw?: ProviderMetadata | undefined;
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
  /** The turn is answered anew: what was said of it so far reached nobody. */
  | OfAttempt & { type: "again" }
  /** What the caller heard of an interrupted turn. */
  | OfTurn & { type: "heard"; text: string }
  /** The page sent something, told by a {@linkcode toDataKey}, and was answered. */
  | OfTurn & { type: "data"; key: string; reply?: unknown }
  /** The platform told something about the conversation: a recording, its end. */
  | { type: "note"; name: string; content?: unknown; at: string };

/** Tells what a page sent in a turn from anything else that it may send. */
export function toDataKey(turnId: string, data: unknown): string {
  return createHash("sha256").update(JSON.stringify([turnId, data]))
    .digest("base64url");
}

const text = v.string();
const maybeText = text.optional();
const maybeNumber = v.number().optional();
const ofTurn = { turnId: text, at: text };
const ofAnswer = { ...ofTurn, attempt: maybeNumber };

const recordSchema: v.Type<SessionRecord> = v.union(
  v.object({ type: v.literal("session"), version: v.number(), id: text }),
  v.object({ type: v.literal("user"), ...ofTurn, text, note: maybeText }),
  v.object({ type: v.literal("assistant"), ...ofAnswer, text }),
  v.object({
    type: v.literal("calls"),
    ...ofAnswer,
    calls: v.array(v.object({ id: text, name: text, arguments: v.unknown() })),
    text: maybeText,
    raw: v.object({ provider: text, content: v.unknown() }).optional(),
  }),
  v.object({
    type: v.literal("result"),
    ...ofAnswer,
    callId: text,
    name: text,
    text,
  }),
  v.object({ type: v.literal("memory"), ...ofAnswer, text }),
  v.object({
    type: v.literal("end"),
    ...ofAnswer,
    status: v.union(
      v.literal("complete"),
      v.literal("interrupted"),
      v.literal("failed"),
    ),
    written: maybeText,
    provider: maybeText,
    model: maybeText,
    firstWordsMs: maybeNumber,
    totalMs: maybeNumber,
    inputTokens: maybeNumber,
    outputTokens: maybeNumber,
    promptMs: maybeNumber,
    cachedTokens: maybeNumber,
    ended: v.union(v.literal("max-tokens"), v.literal("repetition")).optional(),
  }),
  v.object({ type: v.literal("again"), ...ofAnswer }),
  v.object({ type: v.literal("heard"), ...ofTurn, text }),
  v.object({
    type: v.literal("data"),
    ...ofTurn,
    key: text,
    reply: v.unknown().optional(),
  }),
  v.object({
    type: v.literal("note"),
    name: text,
    content: v.unknown().optional(),
    at: text,
  }),
);

/** Reads one record back, or nothing when it isn't one. */
export function parseRecord(json: string): SessionRecord | undefined {
  try {
    const result = recordSchema.try(JSON.parse(json), { mode: "passthrough" });
    return result.ok ? result.value : undefined;
  } catch {
    // Not JSON: a torn line, which the store reports.
    return undefined;
  }
}
