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
import type { TranscriptEvent } from "../../conversation/placement.ts";
import { nodeCrypto } from "../../server/builtin.ts";
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
) {
  const body = readFields(bodySchema, json);
  const { instructions, ...told } = readMessages(body.messages);
  const isTask = read(headers.get("x-parley-task")) !== undefined;
  // Tencent's own id of a request is the same each time that it tries.
  // Elsewhere, proxies make one for each try.
  const isTencent = headers.has("x-task-id");
  // Whoever says that no stream is wanted speaks to nobody: some platforms ask
  // so for summaries, with all that names the call. Tencent may be set to it.
  const isAside = isTask || (body.stream === false && !isTencent);
  const id = isAside ? undefined : findConversation(headers, body);
  // In a conversation that is kept, in one that isn't, or of the bare model.
  const kind: "call" | "stateless" | "task" = isTask
    ? "task"
    : id === undefined
    ? "stateless"
    : "call";
  const isIgnored = !isTask && platformPrompt === "ignore";
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
  const all = tools.flatMap((tool) => {
    if (tool === null) return [];
    const { name, description = "", parameters = none } = tool.function;
    return [{ name, description, parameters }];
  });
  // Vendors refuse a question that names a tool twice.
  return [...new Map(all.map((tool) => [tool.name, tool])).values()];
}
