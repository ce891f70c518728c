/**
 * Converts a request to an event of a conversation: which conversation it belongs
 * to, what was said in it, and the platform's prompt, tools and metadata. Only
 * the fields that are used are validated, since each platform adds its own.
 *
 * https://platform.openai.com/docs/api-reference/chat/create
 *
 * @module
 */
import * as v from "@badrap/valita";
import type { TranscriptEvent } from "../../conversation/placement.ts";
import { hash } from "../../server/builtin.ts";
import { lenient, readFields } from "../_fields.ts";
import { readMessages } from "./_messages.ts";
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
  // Bounded, since each chunk repeats it.
  model: lenient(v.string().assert(({ length }) => length <= 256)),
  stream: lenient(v.boolean()),
  stream_options: lenient(v.object({ include_usage: lenient(v.boolean()) })),
  // Tools of an unknown kind are left out later.
  tools: lenient(v.array(v.union(toolSchema, v.unknown().map(() => null)))),
  tool_choice: v.unknown().optional(),
  // The first is Vapi's. A client of ElevenLabs can set the second.
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
 * Reads a request for a completion.
 *
 * @param json the request's body
 * @param keyName the name of the key that was sent: each key has its own conversations
 * @throws {HttpError} 400 that names the invalid field
 */
export function readEvent(
  { headers }: Request,
  json: unknown,
  keyName: string,
  platformPrompt: OpenAiSettings["platformPrompt"],
) {
  const body = readFields(bodySchema, json);
  const { instructions, ...content } = readMessages(body.messages);
  const isTask = readFilled(headers.get("x-parley-task")) !== undefined;
  // Tencent's request id is the same for each retry. Elsewhere, proxies make a
  // new one for each.
  const isTencent = headers.has("x-task-id");
  // A request without streaming is not spoken: some platforms request summaries
  // this way, with the id of the call. Tencent may be configured so for calls.
  const isOutsideCall = isTask || (body.stream === false && !isTencent);
  const id = isOutsideCall ? undefined : findConversation(headers, body);
  // In a stored conversation, in one that isn't stored, or to the model alone.
  const kind: "call" | "stateless" | "task" = isTask
    ? "task"
    : id === undefined
    ? "stateless"
    : "call";
  const isIgnored = !isTask && platformPrompt === "ignore";
  const turnId = isTencent && readFilled(headers.get("x-request-id"));
  const { customer, phoneNumber, metadata = {} } = body;
  const event: TranscriptEvent = {
    type: "transcript",
    conversationId: `openai-${keyName}-${id ?? crypto.randomUUID()}`,
    ...(turnId ? { turnId } : {}),
    ...content,
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
    // Vapi accepts only a stream, but doesn't request it.
    isStreamed: body.stream ?? body.call !== undefined,
    hasUsage: body.stream_options?.include_usage ?? false,
  };
}

/** Finds the conversation's id. What the owner configured comes first; ids that may be the caller's come last. */
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
  ].map(readFilled).find((id) => id !== undefined);
  if (id === undefined || /^[\w.:@+-]{1,100}$/.test(id)) return id;
  // Any other text is hashed, since ids are used in URLs and file names.
  return hash(id);
}

/** Returns a text unless it is empty or a template placeholder that was not filled in, which all calls would share. */
function readFilled(value: unknown): string | undefined {
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" || /^\{\{.*\}\}$/.test(text) ? undefined : text;
}

function readTools({ tools = [], tool_choice }: Body) {
  if (tool_choice === "none") return [];
  const none = { type: "object", properties: {} };
  const all = tools.flatMap((tool) => {
    if (tool === null) return [];
    const { name, description = "", parameters = none } = tool.function;
    return [{ name, description, parameters }];
  });
  // Vendors refuse a request that names a tool twice.
  return [...new Map(all.map((tool) => [tool.name, tool])).values()];
}
