/**
 * What a turn is and is made of, and what it says when it was answered before.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type {
  Provider,
  ToolCall,
  ToolDeclaration,
} from "../providers/provider.ts";
import type { TurnDetails, TurnStatus } from "../sessions/record.ts";
import type { Session, Turn } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import type { SettingValues } from "../settings/setting.ts";
import type { conversationSettings } from "./settings.ts";
import type { Tool } from "./tools.ts";

/** A part of what a turn produces. */
export type TurnPart =
  /** Words to speak. `isFiller`: they only fill a silence. */
  | { type: "speech"; text: string; isFiller?: boolean }
  /** JSON for the page that the caller looks at. */
  | { type: "data"; content: unknown }
  /** How the turn ended, last, if a model was asked; and the tool calls that the platform should run. */
  | {
    type: "summary";
    status: TurnStatus;
    details: TurnDetails;
    calls?: readonly ToolCall[];
  };

/** How the owner has set up the agent, as the settings of the same names say. Of what is empty or 0, nothing is said. */
export type Agent = SettingValues<typeof conversationSettings> & {
  systemPrompt: string;
  welcomeMessage: string;
  /** Said to a caller who comes back. */
  welcomeBackMessage: string;
  errorMessage: string;
  /** Said one after another when the caller would hear nothing for long. */
  fillerMessages: readonly string[];
  fillerAfterMs: number;
  toolFillerMessage: string;
  toolFillerAfterMs: number;
  /** Said in place of a block of code. */
  codeMessage: string;
};

/** What all turns share. */
export interface TurnParts {
  /** Stores what both say. */
  store: Pick<SessionStore, "load" | "update" | "open">;
  /** The model that is asked. */
  provider: Provider;
  /** The owner's tools, which may still be loading. */
  tools: readonly Tool[] | Promise<readonly Tool[]>;
  /** How the owner has set up the agent. */
  agent: Agent;
  /** Whether the process is shutting down: a turn then ends with its current sentence. Default: never. */
  isDraining?: () => boolean;
  /** Gets a line about each turn. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** What is known about the call that a turn belongs to. */
export type CallContext = TurnId & {
  /** What the owner attached when the session was authorised. */
  metadata: Record<string, unknown>;
  /** The caller's number, on phone calls. */
  fromPhoneNumber?: string;
  /** The number that was called. */
  toPhoneNumber?: string;
};

/** The ids of a turn: its conversation, and the turn, the same when it is delivered again. */
export type TurnId = {
  conversationId: string;
  turnId: string;
};

/** Something that was said and heard. */
export type Utterance = { by: "caller" | "agent"; text: string };

/** What a tool of the platform's returned. `call`: the call in words, such as `weather({"city":"Rome"})`. */
export type ToolResult = {
  callId: string;
  text: string;
  call?: string | undefined;
};

/** What a platform adds to the question. */
export type PlatformAdditions = {
  instructions?: string;
  /** Whether they replace the owner's prompt. Default: they follow it. */
  replacesPrompt?: boolean;
  /** What the model may call besides our tools, for the platform to run. */
  platformTools?: readonly ToolDeclaration[];
};

/** What the caller said, and what the platform tells with it. */
export interface Said extends CallContext, PlatformAdditions {
  /** Empty: they said nothing, and the agent should speak all the same. */
  text: string;
  /** What was heard of the turn before, where the caller cut it off. */
  interruption?: Interruption | undefined;
  /** What was said before, oldest first, where the platform tells it; the beginning may be missing. */
  transcript?: readonly Utterance[];
  /** What the platform's tools returned so far. */
  results?: readonly ToolResult[];
  /** The tool calls whose results came now: the agent goes on with them. */
  resumes?: readonly string[];
  /** What the platform wants of the agent now, where the caller said nothing. */
  prompt?: string;
}

/**
 * Writes the next part to a listener.
 *
 * @returns a promise where the listener is slow; it resolves when more can be
 * taken
 */
export type Write = (part: TurnPart) => Promise<void> | undefined;

/** Where a turn's output goes. */
export interface TurnOutput {
  /** Takes what the turn produces. */
  write(part: TurnPart): void;
  /** Returns a promise while all listeners are slow; it resolves when one can take more, or the turn is stopped. */
  room(): Promise<void> | undefined;
  /** Called when what the caller said is stored, so that its sender may be told. */
  stored(): void;
}

/** Runs a turn. Resolves when it is over and its record is written; the signal ends it early. */
export type RunTurn = (signal: AbortSignal, out: TurnOutput) => Promise<void>;

/** Finds a turn that needs no other answer when it is delivered again: it was finished, or the conversation has gone on since. */
export function answeredIn(
  session: Session,
  turnId: string,
): Turn | undefined {
  const turn = session.turn(turnId);
  if (turn === undefined) return undefined;
  const finished = turn.status === "complete" || turn.status === "failed";
  return finished || session.turns.at(-1) !== turn ? turn : undefined;
}

/** What a platform says about the turn that the caller interrupted. Without `turnId`: the last in which the agent spoke. */
export type Interruption = {
  turnId?: string;
  /** Empty: nothing was heard of it. */
  textHeard: string;
};

/** Sends the answer of a turn that is over and was delivered again. */
export function replay(
  { assistant, status, details, steps }: Turn,
  { conversationId, turnId }: TurnId,
  log: Log,
  write: (part: TurnPart) => void,
): void {
  log.info("turn.replayed", { conversationId, turnId });
  if (assistant !== "") write({ type: "speech", text: assistant });
  const calls = steps.flatMap(({ calls, handedOn = [] }) =>
    calls.filter(({ id }) => handedOn.includes(id))
  );
  const handed = calls.length > 0 ? { calls } : {};
  if (status && details) write({ type: "summary", status, details, ...handed });
}
