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
import { HttpError } from "../../server/http.ts";
import type { OpenAiSettings } from "./settings.ts";

/** What is asked, and how it is to be answered. */
export interface Asked {
  /** `call`: in a conversation that is kept; `stateless`: in one that isn't; `task`: of the bare model. */
  kind: "call" | "stateless" | "task";
  event: TranscriptEvent;
  /** What the platform calls the model, if anything. */
  model: string | undefined;
  isStreamed: boolean;
  /** Whether a stream is to end with the count of tokens. */
  hasUsage: boolean;
}

/** A field that Parley can do without: of a wrong type, it counts as missing. */
function lenient<T>(type: v.Type<T>): v.Optional<T | undefined> {
  return v.union(type, v.unknown().map(() => undefined)).optional();
}

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
  // Each chunk repeats it.
  model: lenient(v.string().assert(({ length }) => length <= 256)),
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
): Asked {
  const result = bodySchema.try(json, { mode: "strip" });
  if (!result.ok) throw invalid("The body must be a JSON object");
  const body = result.value;
  const { instructions, ...told } = readMessages(body.messages);
  const isTask = read(headers.get("x-parley-task")) !== undefined;
  const id = isTask ? undefined : findConversation(headers, body);
  const isIgnored = !isTask && platformPrompt === "ignore";
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
      replacesPrompt: isTask || platformPrompt === "replace",
      platformTools: isTask ? [] : readTools(body),
      metadata,
      ...(customer?.number ? { fromPhoneNumber: customer.number } : {}),
      ...(phoneNumber?.number ? { toPhoneNumber: phoneNumber.number } : {}),
    },
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

/** Tencent's own id of a request is the same each time that it tries. Elsewhere, proxies make one for each try. */
function readTurnId(headers: Headers): string | undefined {
  const isTencent = headers.has("x-task-id");
  return isTencent ? read(headers.get("x-request-id")) : undefined;
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
  const callId = typeof tool_call_id === "string" ? tool_call_id : "";
  return { role, text, callId };
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

function invalid(message: string): HttpError {
  return new HttpError(400, "invalid_request", message);
}
