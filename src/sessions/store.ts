/**
 * The interface of a session store. Every store passes
 * `tests/sessions/contract.ts`.
 *
 * @module
 */
import type { SessionRecord } from "./record.ts";
import type { Session } from "./session.ts";

/** Returns the records to add to a conversation, given its present state. */
export type Change = (session: Session) => readonly SessionRecord[];

/** Stores conversations. */
export interface SessionStore {
  /** The name in `SESSION_STORE`. */
  readonly name: string;
  /**
   * Returns a conversation; one that was never written has no turns. It is the
   * store's own object, which the caller must not change.
   */
  load(id: string): Promise<Session>;
  /**
   * Adds the records that `change` returns. `change` gets everything that was
   * added before. If another process adds something first, `change` is called
   * again, and the last result counts. When the promise resolves, the records
   * would survive a power cut. When it rejects, none was added, unless the engine
   * didn't answer in time.
   */
  update(id: string, change: Change): Promise<Session>;
  /**
   * Like {@linkcode update}, but leaves the conversation open for the turn that
   * begins with these records. They are sure to survive a power cut only when
   * {@linkcode SessionWriter.flush} resolves. The caller must close the writer.
   */
  open(
    id: string,
    change: Change,
    onOthers?: OnOthers,
  ): Promise<SessionWriter>;
  /** Lists conversations by page, the newest first: by their last or their first record, whichever the engine can find quickly. */
  list(options?: ListOptions): Promise<SessionPage>;
  /**
   * Deletes a conversation, and remembers the deletion, so that late records of
   * it are dropped. A new turn begins a new conversation. Returns whether there
   * was one.
   */
  delete(id: string): Promise<boolean>;
  /**
   * Deletes the conversations to which nothing was added since a time, and the
   * remembered deletions of that age; at most a share of all, from 0 to 1, by
   * default all. Returns their number.
   */
  sweep(before: Date, maxShare?: number): Promise<number>;
  /** Resolves if the store can be written. */
  check(): Promise<void>;
  /** Closes connections and files. The store can't be used afterwards. */
  close(): Promise<void>;
}

/** The options of every store. */
export interface StoreOptions {
  /** Called for each record that can't be read, with the conversation's id. */
  onBadRecord?: (id: string) => void;
  /** Called when a conversation is read that is too large, so that its oldest turns are not in memory. */
  onCut?: (id: string) => void;
  /** How much memory cached conversations may take. Default 64 MB. */
  cacheBytes?: number;
  /** How much memory one conversation may take; of a larger one, the newest part stays. Default 16 MB. */
  maxBytes?: number;
}

/** A kind of store, as `SESSION_STORE` names it. */
export interface StoreKind<Choice extends { type: string } = { type: string }> {
  /** The values that `SESSION_STORE` may have, each with its description, in Markdown. */
  readonly forms: Readonly<Record<string, string>>;
  /** Parses the value of `SESSION_STORE`; `undefined` if it names another kind. Throws if it can't be used. */
  read(text: string, env: string): Choice | undefined;
  /** Makes the store. Nothing is opened until it is used. */
  create(choice: Choice, place: StorePlace): SessionStore;
}

/** The options of every store, and the default place of its data. */
export interface StorePlace extends StoreOptions {
  /** The only folder that may be written. */
  dataDir: string;
  /** Whether this runs on Deno Deploy, where no file lasts. */
  isDeploy: boolean;
}

/**
 * Called when another process has added to the conversation (never for what
 * this process added), at most half a second later, and when any process has
 * deleted it. Returns whether the writer's records are still to be stored;
 * those of a deleted conversation never are.
 */
export type OnOthers = (session: Session) => boolean;

/** A conversation that is open for one turn. Once a write has failed, `add`, `flush` and `close` fail as well. */
export interface SessionWriter {
  /** The conversation, including records that are not written yet. Read this property each time: the object may change. */
  readonly session: Session;
  /**
   * Adds a record. The file store has written it when this returns. Other stores
   * begin to write the agent's words within 100 ms and other records at once, one
   * write at a time, in order.
   */
  add(record: SessionRecord): void;
  /** Resolves when all that was added would survive a power cut. */
  flush(): Promise<void>;
  /** Flushes, and closes the writer even if that fails. May be called twice. */
  close(): Promise<void>;
}

/** The page's length, by default {@linkcode PAGE_SIZE}, and the cursor of the page before it. */
export type ListOptions = { limit?: number; cursor?: string };

/** One page of a list, and its cursor, which is absent on the last page. */
export type SessionPage = { sessions: SessionInfo[]; cursor?: string };

/** A conversation in a list. */
export type SessionInfo = {
  id: string;
  /** When it began or was last added to, ISO 8601. */
  at: string;
  /** The first 120 characters of what the caller said; absent if they have said nothing yet. */
  preview?: string | undefined;
};

/** The default number of conversations on a page. */
export const PAGE_SIZE = 50;
