/**
 * A conversation as it is kept: a list of records, only ever appended to, and
 * the {@linkcode Session} that they add up to. Pure; where the records lie is
 * the stores' business.
 *
 * @module
 */
import type { Raw, ToolCall } from "../providers/provider.ts";
import type { SessionRecord, TurnDetails, TurnStatus } from "./record.ts";

/** One turn: what the caller said, if anything, and the agent's answer. */
export interface Turn {
  /** The platform's; unlike any other in this conversation. */
  readonly id: string;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** Absent when the agent spoke first. */
  user?: string;
  /** What was streamed so far. */
  assistant: string;
  /** The tools that were called on the way to it, if any. */
  steps: Step[];
  /** What the caller heard of it; absent: all, as far as is known. */
  heard?: string;
  /** Absent while the answer is under way, and for good when the process died in it. */
  status?: TurnStatus;
  /** How often it was answered anew; absent: never. */
  again?: number;
  /** Absent for turns that asked no model, and for those under way. */
  details?: TurnDetails;
}

/** One time that the model called tools. */
export interface Step {
  /** What was said before, since the step before. */
  text: string;
  /** What was called. */
  calls: ToolCall[];
  /** The model's own form of both, where its vendor wants it back. */
  raw?: Raw;
  /** What the tools returned; fewer than calls when the turn was cut short. */
  results: { callId: string; name: string; text: string }[];
}

/** A conversation, read back. Unknown ids are conversations without a turn. */
export class Session {
  /** Oldest first. */
  readonly turns: Turn[] = [];
  /** What the platform told besides, oldest first. */
  readonly notes: { name: string; content?: unknown; at: string }[] = [];
  /** What is to be kept in mind, oldest first. */
  readonly memories: string[] = [];
  #isEmpty = true;
  readonly #turns = new Map<string, Turn>();
  readonly #notes = new Set<string>();
  readonly #replies = new Map<string, unknown>();

  /**
   * Makes a conversation without a turn; {@linkcode apply} fills it.
   *
   * @param id the conversation's id, any string
   */
  constructor(readonly id: string) {}

  /** Whether nothing was ever kept of it. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** The turn with this id, if it is known. */
  turn(id: string): Turn | undefined {
    return this.#turns.get(id);
  }

  /** Whether the very same was noted before. */
  hasNote(name: string, content: unknown): boolean {
    return this.#notes.has(keyOf(name, content));
  }

  /** What the page was answered when it sent the very same in the same turn. */
  replyTo(turnId: string, data: unknown): { reply: unknown } | undefined {
    const key = keyOf(turnId, data);
    return this.#replies.has(key)
      ? { reply: this.#replies.get(key) }
      : undefined;
  }

  /** Takes in the next record. */
  apply(record: SessionRecord): void {
    this.#isEmpty = false;
    switch (record.type) {
      case "session":
        break;
      case "user":
        this.#open(record).user = record.text;
        break;
      case "assistant":
        this.#open(record).assistant += record.text;
        break;
      case "calls": {
        const turn = this.#open(record);
        const before = turn.steps.reduce(
          (sum, { text }) => sum + text.length,
          0,
        );
        turn.steps.push({
          text: turn.assistant.slice(before),
          calls: record.calls,
          ...(record.raw ? { raw: record.raw } : {}),
          results: [],
        });
        break;
      }
      case "result":
        this.#open(record).steps.at(-1)?.results.push(record);
        break;
      case "memory":
        this.memories.push(record.text);
        break;
      case "end": {
        const { type: _, turnId: __, at: ___, status, ...details } = record;
        const turn = this.#open(record);
        turn.status = status;
        turn.assistant = toOneText(turn.assistant);
        if (Object.keys(details).length > 0) turn.details = details;
        break;
      }
      case "again": {
        const turn = this.#open(record);
        turn.again = (turn.again ?? 0) + 1;
        turn.assistant = "";
        turn.steps = [];
        delete turn.status;
        delete turn.details;
        delete turn.heard;
        break;
      }
      case "heard":
        this.#open(record).heard = record.text;
        break;
      case "data":
        this.#replies.set(keyOf(record.turnId, record.data), record.reply);
        break;
      case "note":
        this.notes.push(record);
        this.#notes.add(keyOf(record.name, record.content));
        break;
    }
  }

  #open({ turnId, at }: { turnId: string; at: string }): Turn {
    let turn = this.#turns.get(turnId);
    if (turn === undefined) {
      turn = { id: turnId, at, assistant: "", steps: [] };
      this.#turns.set(turnId, turn);
      this.turns.push(turn);
    }
    return turn;
  }
}

/** A text that was put together from many pieces holds on to all of them, until it is copied. */
function toOneText(text: string): string {
  return JSON.parse(JSON.stringify(text));
}

function keyOf(name: string, content: unknown): string {
  return JSON.stringify([name, content]);
}
