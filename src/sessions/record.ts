/**
 * What is kept of a conversation: one record for each thing that happened, and
 * reading one back.
 *
 * @module
 */
import * as v from "@badrap/valita";
import type { Raw, ToolCall } from "../providers/provider.ts";

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
}

/** One thing that happened in a conversation. A line of its file. */
export type SessionRecord =
  /** The file's first line. Written by the store. */
  | { type: "session"; version: number; id: string }
  /** The caller said something. */
  | { type: "user"; turnId: string; text: string; at: string }
  /** The next piece of what the agent said in that turn. */
  | { type: "assistant"; turnId: string; text: string; at: string }
  /** The model called tools. `raw` is its vendor's own form, where that is needed. */
  | {
    type: "calls";
    turnId: string;
    calls: ToolCall[];
    raw?: Raw | undefined;
    at: string;
  }
  /** What a tool returned, as JSON. */
  | {
    type: "result";
    turnId: string;
    callId: string;
    name: string;
    text: string;
    at: string;
  }
  /** Something to keep in mind for the rest of the conversation. */
  | { type: "memory"; turnId: string; text: string; at: string }
  /** The turn is over. */
  | { type: "end"; turnId: string; status: TurnStatus; at: string }
    & TurnDetails
  /** The turn is answered anew: what was said of it so far reached nobody. */
  | { type: "again"; turnId: string; at: string }
  /** What the caller heard of an interrupted turn. */
  | { type: "heard"; turnId: string; text: string; at: string }
  /** The page sent something, and was answered. */
  | {
    type: "data";
    turnId: string;
    data?: unknown;
    reply?: unknown;
    at: string;
  }
  /** The platform told something about the conversation: a recording, its end. */
  | { type: "note"; name: string; content?: unknown; at: string };

const at = v.string();
const turnId = v.string();
const text = v.string();
const maybeNumber = v.number().optional();
const recordSchema: v.Type<SessionRecord> = v.union(
  v.object({ type: v.literal("session"), version: v.number(), id: v.string() }),
  v.object({ type: v.literal("user"), turnId, text, at }),
  v.object({ type: v.literal("assistant"), turnId, text, at }),
  v.object({
    type: v.literal("calls"),
    turnId,
    calls: v.array(v.object({
      id: v.string(),
      name: v.string(),
      arguments: v.unknown(),
    })),
    raw: v.object({ provider: v.string(), content: v.unknown() }).optional(),
    at,
  }),
  v.object({
    type: v.literal("result"),
    turnId,
    callId: v.string(),
    name: v.string(),
    text,
    at,
  }),
  v.object({ type: v.literal("memory"), turnId, text, at }),
  v.object({
    type: v.literal("end"),
    turnId,
    status: v.union(
      v.literal("complete"),
      v.literal("interrupted"),
      v.literal("failed"),
    ),
    provider: v.string().optional(),
    model: v.string().optional(),
    firstWordsMs: maybeNumber,
    totalMs: maybeNumber,
    inputTokens: maybeNumber,
    outputTokens: maybeNumber,
    at,
  }),
  v.object({ type: v.literal("again"), turnId, at }),
  v.object({ type: v.literal("heard"), turnId, text, at }),
  v.object({
    type: v.literal("data"),
    turnId,
    data: v.unknown().optional(),
    reply: v.unknown().optional(),
    at,
  }),
  v.object({
    type: v.literal("note"),
    name: v.string(),
    content: v.unknown().optional(),
    at,
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
