/**
 * What the records of a conversation add up to. Pure; where they lie is the
 * stores' business.
 *
 * @module
 */
import type { ProviderMetadata, ToolCall } from "../providers/provider.ts";
import {
  type OfTurn,
  type SessionRecord,
  toDataKey,
  toTurnKey,
  type TurnDetails,
  type TurnStatus,
} from "./record.ts";

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
  /** What the tools returned, as JSON; fewer than calls when the turn was cut short. */
  results: { callId: string; name: string; text: string }[];
}

/** What the platform told, under its own name for it, and when, ISO 8601. */
export type Note = { name: string; content?: unknown; at: string };

/** A conversation, read back. Unknown ids are conversations without a turn. */
export class Session {
  /** Oldest first. */
  readonly turns: Turn[] = [];
  /** What the platform told besides, oldest first. */
  readonly notes: Note[] = [];
  /** Whether nothing is kept of it. */
  isEmpty = true;
  /** When one that had this id was deleted, ISO 8601. */
  deletedAt: string | undefined;
  /** About how much memory it takes. */
  bytes: number = EMPTY_BYTES;
  readonly #turnsById = new Map<string, Turn>();
  /** By {@linkcode toTurnKey}. */
  #deletedTurns = new Set<string>();
  readonly #replies = new Map<string, unknown>();

  /** Makes a conversation without a turn; {@linkcode apply} fills it. */
  constructor(readonly id: string) {}

  /** What tools were told to keep in mind, oldest first. */
  get memories(): string[] {
    return this.turns.flatMap(({ memories }) => memories);
  }

  /** The turn with this id, if it is known. One that was deleted is over and has no words. */
  turn(id: string): Turn | undefined {
    return this.#turnsById.get(id) ??
      (this.#isDeleted(id)
        ? { ...toTurn(id, this.deletedAt ?? ""), status: "complete" }
        : undefined);
  }

  /** Whether the very same was noted before. */
  hasNote(name: string, content: unknown): boolean {
    const json = JSON.stringify(content);
    return this.notes.some((note) =>
      note.name === name && JSON.stringify(note.content) === json
    );
  }

  /** What the page was answered when it sent the very same in the same turn. */
  replyTo(turnId: string, data: unknown): { reply: unknown } | undefined {
    const reply = this.#replies.get(toDataKey(turnId, data));
    return reply === undefined ? undefined : { reply };
  }

  /** Whether a record still belongs here: it doesn't where it comes late, of what was deleted. */
  takes(record: SessionRecord): boolean {
    if (this.deletedAt === undefined) return true;
    const { type } = record;
    if (type === "note" || type === "data") return !this.isEmpty;
    return !("turnId" in record && this.#isDeleted(record.turnId));
  }

  /** What is to be known of this conversation once it is deleted. */
  toDeleted(at: string): SessionRecord {
    const keys = this.turns.map(({ id }) => toTurnKey(id));
    const turns = [...this.#deletedTurns, ...keys].slice(-MAX_DELETED_TURNS);
    return { type: "deleted", turns, at };
  }

  /** Takes in the next record, and its JSON where that is at hand. One that deletes is the first. */
  apply(record: SessionRecord, json?: string): void {
    // Words become one text; all else takes about what its JSON does, on V8.
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

  #open({ turnId, at }: OfTurn): Turn {
    const found = this.turn(turnId);
    if (found) return found;
    const turn = toTurn(turnId, at);
    this.turns.push(turn);
    this.#turnsById.set(turnId, turn);
    return turn;
  }
}

/** A conversation without a turn, with what its store holds of it: measured on V8. */
const EMPTY_BYTES = 1_700;

/** How many turns of a deleted conversation are known by their hashes; what comes late is of the last. */
const MAX_DELETED_TURNS = 500;

/** V8 keeps all letters of a text in two bytes where one of them is not Latin. */
// deno-lint-ignore no-control-regex -- these are letters like any other
const WIDE = /[^\x00-\xff]/;

function toTurn(id: string, at: string): Turn {
  return { id, at, assistant: "", steps: NONE, memories: NONE };
}

/** Most turns have neither steps nor memories. */
const NONE: readonly never[] = Object.freeze([]);

function applyToTurn(turn: Turn, record: Extract<SessionRecord, OfTurn>): void {
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
    case "data":
      return;
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
    case "end": {
      const { type: _, turnId: __, at: ___, attempt: ____, ...rest } = record;
      const { status, written, ...details } = rest;
      turn.status = status;
      // A text of many pieces holds on to all of them, until it is copied.
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

/** What was said and called before counts no more; what was remembered does. */
function beginAttempt(turn: Turn, attempt: number | undefined): void {
  turn.assistant = "";
  turn.steps = NONE;
  for (const name of OF_ANSWER) delete turn[name];
  if (attempt) turn.attempt = attempt;
}

const OF_ANSWER = ["written", "status", "details", "heard", "attempt"] as const;
