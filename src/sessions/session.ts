/**
 * A conversation, built from its records. Pure: the stores read and write the
 * records.
 *
 * @module
 */
import type { ProviderMetadata, ToolCall } from "../providers/provider.ts";
import {
  type SessionRecord,
  toDataKey,
  toTurnKey,
  type TurnDetails,
  type TurnFields,
  type TurnStatus,
} from "./record.ts";

/** One turn: what the caller said, if anything, and the agent's answer. */
export interface Turn {
  /** The platform's id of the turn, unique in this conversation. */
  readonly id: string;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** Absent when the agent spoke first. */
  user?: string;
  /** What the model gets beside what the caller said. */
  note?: string;
  /** What the agent has said so far. */
  assistant: string;
  /** What the model wrote after the last step. Absent: the same as was said. */
  written?: string;
  /** The tool calls that led to the answer. */
  steps: readonly Step[];
  /** What tools remembered for the rest of the conversation, oldest first. */
  memories: readonly string[];
  /** What the caller heard of the answer. Absent: all of it, as far as is known. */
  heard?: string;
  /** Absent while the answer is under way, and for ever if the process died meanwhile. */
  status?: TurnStatus;
  /** The attempt whose records count, that is, how often the turn was answered again. Absent: 0. */
  attempt?: number;
  /** Absent for turns that asked no model, and for those under way. */
  details?: TurnDetails;
}

/** The calls that the model made at once, and their results. */
export interface Step {
  /** What was said between the previous step and these calls. */
  text: string;
  /** What the model wrote in that time. Absent: the same as was said. */
  written?: string;
  /** The tool calls. */
  calls: ToolCall[];
  /** The vendor's metadata of text and calls, if the vendor wants it back. */
  raw?: ProviderMetadata;
  /** The ids of the calls that the platform runs, if any. */
  handedOn?: string[];
  /** What the tools returned, as JSON; fewer results than calls if the turn was cut short. */
  results: { callId: string; name: string; text: string }[];
}

/** An event of the platform's that is only recorded, under the platform's name for it, and its time, ISO 8601. */
export type Note = { name: string; content?: unknown; at: string };

/** A conversation. One that the store does not know has no turns. */
export class Session {
  /** Oldest first. */
  readonly turns: Turn[] = [];
  /** The platform's other events, oldest first. */
  readonly notes: Note[] = [];
  /** Whether the store has no records of it, apart from a deletion. */
  isEmpty = true;
  /** When an earlier conversation of this id was deleted, ISO 8601. */
  deletedAt: string | undefined;
  /** About how much memory the conversation takes. */
  bytes: number = EMPTY_BYTES;
  readonly #turnsById = new Map<string, Turn>();
  #deletedTurns = new Set<string>();
  readonly #replies = new Map<string, unknown>();

  /** Makes a conversation without a turn; {@linkcode apply} fills it. */
  constructor(readonly id: string) {}

  /** What tools remembered in all turns, oldest first. */
  get memories(): string[] {
    return this.turns.flatMap(({ memories }) => memories);
  }

  /** Returns the turn with this id, if there is one. A deleted turn is complete and empty. */
  turn(id: string): Turn | undefined {
    return this.#turnsById.get(id) ??
      (this.#isDeleted(id)
        ? { ...toTurn(id, this.deletedAt ?? ""), status: "complete" }
        : undefined);
  }

  /** Whether a note with the same name and content is recorded. */
  hasNote(name: string, content: unknown): boolean {
    const json = JSON.stringify(content);
    return this.notes.some((note) =>
      note.name === name && JSON.stringify(note.content) === json
    );
  }

  /** Returns the recorded reply, if the page sent the same data in the same turn before. */
  replyTo(turnId: string, data: unknown): { reply: unknown } | undefined {
    const reply = this.#replies.get(toDataKey(turnId, data));
    return reply === undefined ? undefined : { reply };
  }

  /** Whether a record may be added. A late record of something that was deleted may not. */
  accepts(record: SessionRecord): boolean {
    if (this.deletedAt === undefined) return true;
    const { type } = record;
    if (type === "note" || type === "data") return !this.isEmpty;
    return !("turnId" in record && this.#isDeleted(record.turnId));
  }

  /** Makes the record that replaces all others when the conversation is deleted. */
  toDeleted(at: string): SessionRecord {
    const keys = this.turns.map(({ id }) => toTurnKey(id));
    const turns = [...this.#deletedTurns, ...keys].slice(-MAX_DELETED_TURNS);
    return { type: "deleted", turns, at };
  }

  /** Adds the next record; its JSON saves time if the caller has it. A `deleted` record comes first of all. */
  apply(record: SessionRecord, json?: string): void {
    // The agent's words are joined to one text. On V8 other records take about as much as their JSON.
    const isWords = record.type === "assistant";
    const text = isWords ? record.text : json ?? JSON.stringify(record);
    this.bytes += WIDE.test(text) ? 2 * text.length : text.length;
    this.isEmpty &&= record.type === "session" || record.type === "deleted";
    switch (record.type) {
      case "session":
        return;
      case "deleted":
        this.deletedAt = record.at;
        this.#deletedTurns = new Set(record.turns);
        return;
      case "data":
        this.#replies.set(record.key, record.reply);
        return;
      case "note": {
        const { name, content, at } = record;
        this.notes.push({ name, content, at });
        return;
      }
      default:
        applyToTurn(this.#open(record), record);
    }
  }

  #isDeleted(turnId: string): boolean {
    return this.#deletedTurns.size > 0 &&
      this.#deletedTurns.has(toTurnKey(turnId));
  }

  #open({ turnId, at }: TurnFields): Turn {
    const found = this.turn(turnId);
    if (found) return found;
    const turn = toTurn(turnId, at);
    this.turns.push(turn);
    this.#turnsById.set(turnId, turn);
    return turn;
  }
}

/** What a conversation without turns takes, its store's objects included, measured on V8. */
const EMPTY_BYTES = 1_700;

/** How many turns of a deleted conversation are remembered, as hashes. Late records belong to the last ones. */
const MAX_DELETED_TURNS = 500;

/** V8 takes two bytes for each character of a string if one of them is not Latin-1. */
// deno-lint-ignore no-control-regex -- control characters are Latin-1, too
const WIDE = /[^\x00-\xff]/;

function toTurn(id: string, at: string): Turn {
  return { id, at, assistant: "", steps: NONE, memories: NONE };
}

/** Shared by all turns without steps or memories, which most are. */
const NONE: readonly never[] = Object.freeze([]);

function applyToTurn(
  turn: Turn,
  record: Extract<SessionRecord, TurnFields>,
): void {
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
      return beginAttempt(turn, record);
    case "data":
      return;
  }
  // It belongs to the answer of another process to the same turn.
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
    case "end": {
      const { type: _, turnId: __, at: ___, attempt: ____, ...rest } = record;
      const { status, written, ...details } = rest;
      turn.status = status;
      // V8 keeps the pieces of a concatenated string until the string is copied.
      turn.assistant = JSON.parse(JSON.stringify(turn.assistant));
      if (written !== undefined) turn.written = written;
      if (Object.keys(details).length > 0) turn.details = details;
    }
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

/** Discards what was said and called in earlier attempts, but not what tools remembered. */
function beginAttempt(
  turn: Turn,
  { attempt, keepsCalls }: SessionRecord & { type: "again" },
): void {
  turn.assistant = "";
  turn.steps = keepsCalls ? turn.steps.flatMap(toFinished) : NONE;
  for (const name of ANSWER_FIELDS) delete turn[name];
  if (attempt) turn.attempt = attempt;
}

/** A step without the calls that have no result. */
function toFinished(step: Step): Step[] {
  const { text, written = text.trim(), results, raw } = step;
  const calls = step.calls.filter(({ id }) =>
    results.some(({ callId }) => callId === id)
  );
  // The vendor's metadata fits only all of the calls.
  const whole = raw && calls.length === step.calls.length ? { raw } : {};
  const wrote = written === "" ? {} : { written };
  return calls.length === 0
    ? []
    : [{ text: "", ...wrote, calls, ...whole, results }];
}

const ANSWER_FIELDS = [
  "written",
  "status",
  "details",
  "heard",
  "attempt",
] as const;
