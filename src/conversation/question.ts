/**
 * What the model is asked: the system prompt, as much of the conversation as
 * fits, and the tools. What stays the same from turn to turn comes first.
 *
 * @module
 */
import type {
  Message,
  PromptBeginning,
  ToolDeclaration,
} from "../providers/provider.ts";
import { Session } from "../sessions/session.ts";
import { estimateTokens, toHistory } from "./history.ts";
import { NOTES_NOTE, toSystemPrompt } from "./prompt.ts";
import type { Tool } from "./tools.ts";
import type { CallContext, TurnParts } from "./turn.ts";

/** How much of the window the question may take; the answer needs the rest. */
const INPUT_SHARE = 0.75;

/** A question, but for how it is asked. */
export interface Question {
  /** The system prompt. */
  system: string;
  /** The conversation, oldest first, as much of it as fits. */
  messages: Message[];
  /** What the model may call. */
  tools: readonly Tool[];
  /** What it may call besides, for the platform to run. */
  platformTools?: readonly ToolDeclaration[];
}

/** What a platform adds to the question. */
export interface Additions {
  /** Its own instructions to the model. */
  instructions?: string;
  /** Whether they take the place of the owner's prompt. Default: they come after it. */
  replacesPrompt?: boolean;
  /** Tools that it runs. */
  platformTools?: readonly ToolDeclaration[];
}

/** Puts together what a conversation's next turn asks. */
export async function toQuestion(
  session: Session,
  parts: TurnParts,
  additions: Additions = {},
): Promise<Question> {
  const { agent, now } = parts;
  const { systemPrompt, contextTokens } = agent;
  const date = new Date(now());
  const own = toSystemPrompt(session, systemPrompt, date);
  const { instructions, replacesPrompt, platformTools } = additions;
  const system = !instructions
    ? own
    : replacesPrompt
    ? `${instructions}\n${NOTES_NOTE}`
    : `${own}\n\n${instructions}`;
  const room = contextTokens * INPUT_SHARE - estimateTokens(system);
  const messages = toHistory(session, room);
  return {
    system,
    messages,
    tools: await parts.tools,
    ...(platformTools ? { platformTools } : {}),
  };
}

/** The part of a question that a model can read before anything is asked. */
function toBeginning(
  { system, messages, tools }: Question,
): PromptBeginning {
  return {
    system,
    messages,
    tools: tools.map(({ declaration }) => declaration),
  };
}

/** How the prompts of all conversations begin, as far as they begin alike. */
export async function toCommonBeginning(
  parts: TurnParts,
): Promise<PromptBeginning> {
  return toBeginning(await toQuestion(new Session(""), parts));
}

/**
 * Has the model read how the prompt of a conversation's first question begins,
 * while the caller listens to the welcome. Where that fails, the question fails
 * as well and tells why.
 */
export async function readAhead(
  session: Session,
  { conversationId }: CallContext,
  parts: TurnParts,
): Promise<void> {
  const { provider, log } = parts;
  if (provider.prepare === undefined) return;
  try {
    const question = await toQuestion(session, parts);
    const signal = AbortSignal.timeout(READ_AHEAD_MS);
    await provider.prepare(signal, toBeginning(question));
  } catch (error) {
    log.debug("provider.not_prepared", { conversationId, error });
  }
}

/** A model that takes longer is busy with callers. */
const READ_AHEAD_MS = 30_000;
