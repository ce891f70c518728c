/**
 * A request becomes an event of ours: whose conversation it belongs to, what
 * was said in it, and what the platform brings along. Its JSON is checked as far
 * as it is needed; all else in it is left alone, for each platform adds fields
 * of its own.
 *
 * https://platform.openai.com/docs/api-reference/chat/create
 *
 * @module
 */
import * as v from "@badrap/valita";
import type { Utterance } from "../../conversation/exchanges.ts";
import type { TranscriptEvent } from "../../conversation/placement.ts";
import { nodeCrypto } from "../../server/builtin.ts";
import { invalid, lenient, readFields } from "../_fields.ts";
import type { OpenAiSettings } from "./settings.ts";

const text = lenient(v.string());
const named = lenient(v.object({ id: text, conversation_id: text }));
const phone = lenient(v.object({ number: text }));
const toolSchema = v.object({
  function: v.object({
    name: v.string(),
    description: text,
    parameters: lenient(v.record(v.unknown())),
  }),
});
const bodySchema = v.object({
  messages: lenient(v.array(v.unknown())),
  model: text,
  stream: lenient(v.boolean()),
  stream_options: lenient(v.object({ include_usage: lenient(v.boolean()) })),
  // Tools of a kind that nobody knows are no function to call.
  tools: lenient(v.array(v.union(toolSchema, v.unknown().map(() => null)))),
  tool_choice: v.unknown().optional(),
  // Vapi's, and what a client gave ElevenLabs for us.
  call: named,
  elevenlabs_extra_body: named,
  metadata: lenient(v.record(v.unknown())),
  user: text,
  user_id: text,
  // Vapi's.
  customer: phone,
  phoneNumber: phone,
});

type Body = v.Infer<typeof bodySchema>;

/**
 * Reads what is asked.
 *
 * @param json the request's body
 * @param keyName whose key was shown: the conversations of one are not another's
 * @throws {HttpError} 400 that names the field at fault
 */
export function readEvent(
  { headers }: Request,
  json: unknown,
  keyName: string,
  platformPrompt: OpenAiSettings["platformPrompt"],
) {
  const body = readFields(bodySchema, json);
  const { instructions, ...told } = readMessages(body.messages);
  const isTask = read(headers.get("x-parley-task")) !== undefined;
  const id = isTask ? undefined : findConversation(headers, body);
  // In a conversation that is kept, in one that isn't, or of the bare model.
  const kind: "call" | "stateless" | "task" = isTask
    ? "task"
    : id === undefined
    ? "stateless"
    : "call";
  const isIgnored = !isTask && platformPrompt === "ignore";
  // Tencent's own id of a request is the same each time that it tries.
  // Elsewhere, proxies make one for each try.
  const isTencent = headers.has("x-task-id");
  const turnId = isTencent && read(headers.get("x-request-id"));
  const { customer, phoneNumber, metadata = {} } = body;
  const event: TranscriptEvent = {
    type: "transcript",
    conversationId: `openai-${keyName}-${id ?? crypto.randomUUID()}`,
    ...(turnId ? { turnId } : {}),
    ...told,
    ...(instructions && !isIgnored ? { instructions } : {}),
    replacesPrompt: isTask || platformPrompt === "replace",
    platformTools: isTask ? [] : readTools(body),
    metadata,
    ...(customer?.number ? { fromPhoneNumber: customer.number } : {}),
    ...(phoneNumber?.number ? { toPhoneNumber: phoneNumber.number } : {}),
  };
  return {
    kind,
    event,
    model: body.model,
    // Vapi doesn't say that it wants a stream, and takes nothing else.
    isStreamed: body.stream ?? body.call !== undefined,
    hasUsage: body.stream_options?.include_usage ?? false,
  };
}

/** The first that names the conversation, from what the owner chose to what may be the caller's. */
function findConversation(headers: Headers, body: Body): string | undefined {
  const { call, elevenlabs_extra_body, metadata, user, user_id } = body;
  const id = [
    headers.get("x-parley-conversation"),
    call?.id,
    elevenlabs_extra_body?.conversation_id,
    headers.get("x-livekit-room-id"),
    headers.get("x-task-id"),
    headers.get("x-openwebui-chat-id"),
    metadata?.conversation_id,
    user,
    user_id,
  ].map(read).find((id) => id !== undefined);
  if (id === undefined || /^[\w.:@+-]{1,100}$/.test(id)) return id;
  // It goes into addresses and file names, and may be of any length.
  return nodeCrypto().createHash("sha256").update(id).digest("hex");
}

/** A text that means something: a placeholder that nobody filled in would be one name for all. */
function read(value: unknown): string | undefined {
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" || /^\{\{.*\}\}$/.test(text) ? undefined : text;
}

function readTools({ tools = [], tool_choice }: Body) {
  if (tool_choice === "none") return [];
  const none = { type: "object", properties: {} };
  return tools.flatMap((tool) => {
    if (tool === null) return [];
    const { name, description = "", parameters = none } = tool.function;
    return [{ name, description, parameters }];
  });
}

const ROLES = [
  "system",
  "developer",
  "user",
  "assistant",
  "tool",
  "function",
] as const;

/** The longest result of a platform's tool that is taken, in characters. */
const MAX_RESULT = 16_000;

/** Reads the messages: the last of them says whose turn it is, and why. */
function readMessages(messages?: readonly unknown[]) {
  if (messages === undefined) {
    throw invalid('Field "messages" is missing, or is no array');
  }
  if (messages.length === 0) {
    throw invalid('Field "messages" must not be empty');
  }
  const instructions: string[] = [];
  const transcript: Utterance[] = [];
  const results: { callId: string; text: string }[] = [];
  /** The last that isn't a prompt, and whether a prompt follows it. */
  let last: typeof ROLES[number] | undefined;
  let isPrompted = false;
  for (const [index, message] of messages.entries()) {
    const { role, text, callId } = readMessage(message, index);
    isPrompted = role === "system" || role === "developer";
    if (!isPrompted) last = role;
    if (isPrompted && text !== "") instructions.push(text);
    if (role === "user") transcript.push({ by: "caller", text });
    // One that only calls tools says nothing.
    if (role === "assistant" && text !== "") {
      transcript.push({ by: "agent", text });
    }
    if (role === "tool") {
      const result = text.slice(0, MAX_RESULT).toWellFormed();
      results.push({ callId, text: result });
    }
  }
  const text = last === "user" ? transcript.pop()?.text ?? "" : "";
  const resumes = last === "tool" ? results.at(-1)?.callId : undefined;
  // Behind the agent's own words it is what the platform wants said now.
  const isWanted = last === "assistant" && isPrompted;
  const prompt = isWanted ? instructions.pop() : undefined;
  return {
    /** The platform's own prompt. Empty: there is none. */
    instructions: instructions.join("\n\n"),
    text,
    transcript,
    results,
    ...(resumes === undefined ? {} : { resumes }),
    ...(prompt === undefined ? {} : { prompt }),
  };
}

/** By hand: a schema takes longer over a long history than the turn over the rest. */
function readMessage(message: unknown, index: number) {
  const { role: given, content, tool_call_id } = (message ?? {}) as Record<
    string,
    unknown
  >;
  const role = ROLES.find((role) => role === given);
  if (role === undefined) {
    throw invalid(
      `Field "messages.${index}.role" must be one of ${ROLES.join(", ")}`,
    );
  }
  const text = toText(content);
  if (text === undefined) {
    throw invalid(
      `Field "messages.${index}.content" must be a string, null, or an ` +
        'array of parts such as {"type":"text","text":"Hello"}',
    );
  }
  return { role, text, callId: String(tool_call_id ?? "") };
}

/** The words of a content; `undefined` where it is none. */
function toText(content: unknown): string | undefined {
  if (typeof content === "string") return content.trim();
  if (content === undefined || content === null) return "";
  if (!Array.isArray(content)) return undefined;
  // Pictures and sounds are left out.
  return content.flatMap((part) =>
    part?.type === "text" && typeof part.text === "string" ? [part.text] : []
  ).join(" ").trim();
}
