/**
 * One turn of a conversation, added up from its records. Pure.
 *
 * @module
 */
import type { ProviderMetadata, ToolCall } from "../providers/provider.ts";
import type { SessionRecord, TurnDetails, TurnStatus } from "./record.ts";

/** One turn: what the caller said, if anything, and the agent's answer. */
export interface Turn {
  /** The platform's; unlike any other in this conversation. */
  readonly id: string;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** Absent when the agent spoke first. */
  user?: string;
  /** What the model is told beside it. */
  note?: string;
  /** What was streamed so far. */
  assistant: string;
  /** What the model wrote after the last step; absent: what was said then. */
  written?: string;
  /** The tools that were called on the way to it, if any. */
  steps: readonly Step[];
  /** What tools were told to keep in mind, oldest first. */
  memories: readonly string[];
  /** What the caller heard of it; absent: all, as far as is known. */
  heard?: string;
  /** Absent while the answer is under way, and for good when the process died in it. */
  status?: TurnStatus;
  /** The attempt whose records count: how often it was answered anew. Absent: 0. */
  attempt?: number;
  /** Absent for turns that asked no model, and for those under way. */
  details?: TurnDetails;
}

/** One time that the model called tools. */
export interface Step {
  /** What was said before, since the step before. */
  text: string;
  /** What the model wrote before, since the step before; absent: what was said. */
  written?: string;
  /** What was called. */
  calls: ToolCall[];
  /** The model's own form of both, where its vendor wants it back. */
  raw?: ProviderMetadata;
  /** The ids of the calls that the platform runs, if any. */
  handedOn?: string[];
  /** What the tools returned; fewer than calls when the turn was cut short. */
  results: StepResult[];
}

/** What a tool returned. */
export interface StepResult {
  /** Which call it answers. */
  callId: string;
  /** The tool's name. */
  name: string;
  /** What it returned, as JSON. */
  text: string;
}

/** A record that belongs to a turn. */
type TurnRecord = Exclude<
  SessionRecord,
  { type: "session" | "data" | "note" | "deleted" }
>;

/** Begins a turn. */
export function toTurn(id: string, at: string): Turn {
  return { id, at, assistant: "", steps: NONE, memories: NONE };
}

/** Most turns have neither steps nor memories. */
const NONE: readonly never[] = Object.freeze([]);

/** Takes in the next record of a turn. */
export function applyToTurn(turn: Turn, record: TurnRecord): void {
  switch (record.type) {
    case "user":
      turn.user = (turn.user ?? "") + record.text;
      if (record.note !== undefined) turn.note = record.note;
      return;
    case "heard":
      turn.heard = record.text;
      return;
    case "again":
      if (record.isReworded) delete turn.user;
      return beginAttempt(turn, record.attempt);
  }
  // What another process says, which answers the same turn.
  if ((record.attempt ?? 0) !== (turn.attempt ?? 0)) return;
  switch (record.type) {
    case "assistant":
      turn.assistant += record.text;
      break;
    case "calls":
      turn.steps = [...turn.steps, toStep(record, turn)];
      break;
    case "result": {
      const { callId, name, text } = record;
      turn.steps.at(-1)?.results.push({ callId, name, text });
      break;
    }
    case "memory":
      turn.memories = [...turn.memories, record.text];
      break;
    case "end":
      end(turn, record);
      break;
  }
}

function toStep(
  { calls, raw, text, handedOn }: SessionRecord & { type: "calls" },
  { assistant, steps }: Turn,
): Step {
  const before = steps.reduce((sum, { text }) => sum + text.length, 0);
  return {
    text: assistant.slice(before),
    ...(text === undefined ? {} : { written: text }),
    calls,
    ...(raw ? { raw } : {}),
    ...(handedOn ? { handedOn } : {}),
    results: [],
  };
}

function end(turn: Turn, record: SessionRecord & { type: "end" }): void {
  const { type: _, turnId: __, at: ___, attempt: ____, ...rest } = record;
  const { status, written, ...details } = rest;
  turn.status = status;
  turn.assistant = toOneText(turn.assistant);
  if (written !== undefined) turn.written = written;
  if (Object.keys(details).length > 0) turn.details = details;
}

/** What was said and called before counts no more; what was remembered does. */
function beginAttempt(turn: Turn, attempt: number | undefined): void {
  turn.assistant = "";
  turn.steps = NONE;
  delete turn.written;
  delete turn.status;
  delete turn.details;
  delete turn.heard;
  delete turn.attempt;
  if (attempt) turn.attempt = attempt;
}

/** A text that was put together from many pieces holds on to all of them, until it is copied. */
function toOneText(text: string): string {
  return JSON.parse(JSON.stringify(text));
}
