/**
 * A request becomes an event of ours: whose conversation it belongs to, what
 * was said in it, and what the platform brings along.
 *
 * @module
 */
import type { TranscriptEvent } from "../../conversation/placement.ts";
import type { Additions } from "../../conversation/question.ts";
import { nodeCrypto } from "../../server/builtin.ts";
import { type Body, readMessages } from "./body.ts";
import type { OpenAiSettings } from "./settings.ts";

/** The request header that names a conversation, on any platform that sends headers of its owner's. */
const CONVERSATION_HEADER = "x-parley-conversation";

/** The request header of what belongs to no conversation, such as finding a title. */
const TASK_HEADER = "x-parley-task";

/** What is asked, and of which part of the agent. */
export interface Asked {
  /** `call`: in a conversation that is kept; `stateless`: in one that isn't; `task`: of the bare model. */
  kind: "call" | "stateless" | "task";
  /** What happened. */
  event: TranscriptEvent;
}

/**
 * Reads what is asked.
 *
 * @param keyName whose key was shown: the conversations of one are not another's
 */
export function readEvent(
  { headers }: Request,
  body: Body,
  keyName: string,
  platformPrompt: OpenAiSettings["platformPrompt"],
): Asked {
  const { instructions, ...told } = readMessages(body);
  const isTask = readHeader(headers, TASK_HEADER) !== undefined;
  const id = isTask ? undefined : findConversation(headers, body);
  const isReplaced = isTask || platformPrompt === "replace";
  const isIgnored = !isTask && platformPrompt === "ignore";
  const platformTools = isTask ? [] : readTools(body);
  const turnId = readTurnId(headers);
  const { customer, phoneNumber, metadata = {} } = body;
  return {
    kind: isTask ? "task" : id === undefined ? "stateless" : "call",
    event: {
      type: "transcript",
      conversationId: `openai-${keyName}-${id ?? crypto.randomUUID()}`,
      ...(turnId ? { turnId } : {}),
      ...told,
      ...(instructions && !isIgnored ? { instructions } : {}),
      replacesPrompt: isReplaced,
      platformTools,
      metadata,
      ...(customer?.number ? { fromPhoneNumber: customer.number } : {}),
      ...(phoneNumber?.number ? { toPhoneNumber: phoneNumber.number } : {}),
    },
  };
}

/** The first that names the conversation, from what the owner chose to what may be the caller's. */
function findConversation(headers: Headers, body: Body): string | undefined {
  const { call, elevenlabs_extra_body, metadata, user, user_id } = body;
  const id = readHeader(headers, CONVERSATION_HEADER) ??
    read(call?.id) ??
    read(elevenlabs_extra_body?.conversation_id) ??
    readHeader(headers, "x-livekit-room-id") ??
    readHeader(headers, "x-task-id") ??
    readHeader(headers, "x-openwebui-chat-id") ??
    read(metadata?.conversation_id) ??
    read(user) ??
    read(user_id);
  if (id === undefined || /^[\w.:@+-]{1,100}$/.test(id)) return id;
  // It goes into addresses and file names, and may be of any length.
  return nodeCrypto().createHash("sha256").update(id).digest("hex");
}

/** Tencent's own id of a request is the same each time that it tries. Elsewhere, proxies make one for each try. */
function readTurnId(headers: Headers): string | undefined {
  const isTencent = headers.has("x-task-id");
  return isTencent ? readHeader(headers, "x-request-id") : undefined;
}

function readHeader(headers: Headers, name: string): string | undefined {
  return read(headers.get(name));
}

/** A text that means something: a placeholder that nobody filled in would be one name for all. */
function read(value: unknown): string | undefined {
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" || /^\{\{.*\}\}$/.test(text) ? undefined : text;
}

function readTools(
  { tools = [], tool_choice }: Body,
): NonNullable<Additions["platformTools"]> {
  if (tool_choice === "none") return [];
  return tools.flatMap((tool) => {
    if (tool === null) return [];
    const { name, description = "", parameters } = tool.function;
    const empty = { type: "object", properties: {} };
    return [{ name, description, parameters: parameters ?? empty }];
  });
}
