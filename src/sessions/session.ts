/**
 * A conversation as it is kept: a list of records, only ever appended to, and
 * the {@linkcode Session} that they add up to. Pure; where the records lie is
 * the stores' business.
 *
 * @module
 */
import { applyToTurn, toTurn, type Turn } from "./_turn.ts";
import { toLines } from "./fit.ts";
import { type SessionRecord, toDataKey, toTurnKey } from "./record.ts";

export type { Step, StepResult, Turn } from "./_turn.ts";

/** A note of the platform's. */
export interface Note {
  /** The platform's name for it. */
  name: string;
  /** What it told. */
  content?: unknown;
  /** When, ISO 8601. */
  at: string;
}

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
  /** A new turn's id is looked for as well, in all of a long conversation. */
  readonly #turnsById = new Map<string, Turn>();
  /** By {@linkcode toTurnKey}. */
  #deletedTurns = new Set<string>();
  #replies = new Map<string, unknown>();

  /** Makes a conversation without a turn; {@linkcode apply} fills it. */
  constructor(readonly id: string) {}

  /** What is to be kept in mind, oldest first. */
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

  /** Whether the very same was noted before, as far as it was kept. */
  hasNote(name: string, content: unknown): boolean {
    const toNote = (name: string, content: unknown) =>
      ({ type: "note", name, content, at: "" }) as const;
    const [kept] = toLines(toNote(name, content));
    return this.notes.some((note) =>
      JSON.stringify(toNote(note.name, note.content)) === kept?.json
    );
  }

  /** What the page was answered when it sent the very same in the same turn. */
  replyTo(turnId: string, data: unknown): { reply: unknown } | undefined {
    const key = toDataKey(turnId, data);
    return this.#replies.has(key)
      ? { reply: this.#replies.get(key) }
      : undefined;
  }

  /** Whether a record still belongs here: it doesn't where it comes late, of what was deleted. */
  takes(record: SessionRecord): boolean {
    const { type } = record;
    if (this.deletedAt === undefined) return true;
    if (type === "note" || type === "data") return !this.isEmpty;
    return !("turnId" in record && this.#isDeleted(record.turnId));
  }

  /** What is to be known of this conversation once it is deleted. */
  toDeleted(at: string): SessionRecord {
    const keys = this.turns.map(({ id }) => toTurnKey(id));
    const turns = [...this.#deletedTurns, ...keys].slice(-MAX_DELETED_TURNS);
    return { type: "deleted", turns, at };
  }

  /** The newest half of it, in a conversation of its own: memory has no room for the rest. */
  toNewest(maxBytes: number): Session {
    const newest = new Session(this.id);
    const add = (item: unknown) => newest.bytes += sizeOf(item);
    const { turns, notes } = this;
    newest.turns.push(...takeNewest(turns, maxBytes / 2));
    newest.notes.push(...takeNewest(notes, maxBytes / 8));
    newest.#replies = new Map(takeNewest([...this.#replies], maxBytes / 8));
    for (const turn of newest.turns) newest.#turnsById.set(turn.id, turn);
    [...newest.turns, ...newest.notes, ...newest.#replies].forEach(add);
    newest.isEmpty = this.isEmpty;
    newest.deletedAt = this.deletedAt;
    newest.#deletedTurns = this.#deletedTurns;
    return newest;
  }

  /**
   * Takes in the next record. One that deletes what came before is for a new
   * conversation.
   *
   * @param json the same, where it is at hand
   */
  apply(record: SessionRecord, json?: string): void {
    // Words become one text; all else takes about what its JSON does, on V8.
    const isWords = record.type === "assistant";
    this.bytes += sizeOf(isWords ? record.text : json ?? record);
    if (record.type === "deleted") {
      this.deletedAt = record.at;
      this.#deletedTurns = new Set(record.turns);
      return;
    }
    if (record.type === "session") return;
    this.isEmpty = false;
    switch (record.type) {
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

  #open({ turnId, at }: { turnId: string; at: string }): Turn {
    let turn = this.turn(turnId);
    if (turn === undefined) {
      turn = toTurn(turnId, at);
      this.turns.push(turn);
      this.#turnsById.set(turn.id, turn);
    }
    return turn;
  }
}

/** The newest of a list that fit, oldest first; the last in any case. */
function takeNewest<T>(items: readonly T[], maxBytes: number): T[] {
  let start = items.length;
  for (let bytes = 0; start > 0; start--) {
    bytes += sizeOf(items[start - 1]);
    if (bytes > maxBytes && start < items.length) break;
  }
  return items.slice(start);
}

function sizeOf(item: unknown): number {
  const text = typeof item === "string" ? item : JSON.stringify(item);
  return WIDE.test(text) ? 2 * text.length : text.length;
}

/** A conversation without a turn, with what its store holds of it: measured on V8. */
const EMPTY_BYTES = 1_700;

/** How many turns of a deleted conversation are known by their hashes; what comes late is of the last. */
const MAX_DELETED_TURNS = 500;

/** V8 keeps all letters of a text in two bytes where one of them is not Latin. */
// deno-lint-ignore no-control-regex -- these are letters like any other
const WIDE = /[^\x00-\xff]/;
