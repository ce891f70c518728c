/**
 * The JSON of a request, checked as far as it is needed; all else in it is left
 * alone, for each platform adds fields of its own.
 *
 * https://platform.openai.com/docs/api-reference/chat/create
 *
 * @module
 */
import * as v from "@badrap/valita";
import type { Utterance } from "../../conversation/exchanges.ts";
import type { Told } from "../../conversation/transcript.ts";
import { HttpError } from "../../server/http.ts";

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
  messages: v.array(v.unknown())
    .assert((messages) => messages.length > 0, "must not be empty"),
  model: text,
  stream: lenient(v.boolean()),
  stream_options: lenient(v.object({ include_usage: lenient(v.boolean()) })),
  // Tools of a kind that nobody knows are no function to call.
  tools: lenient(v.array(v.union(toolSchema, v.unknown().map(() => null)))),
  tool_choice: v.unknown().optional(),
  call: named,
  elevenlabs_extra_body: named,
  metadata: lenient(v.record(v.unknown())),
  user: text,
  user_id: text,
  customer: phone,
  phoneNumber: phone,
});

/** A request's JSON, as far as it is read. */
export interface Body {
  /** What was said, checked by {@linkcode readMessages}. */
  messages: unknown[];
  /** Any; there is one model. */
  model?: string | undefined;
  /** Whether the answer is to be streamed. */
  stream?: boolean | undefined;
  /** Whether a stream is to end with the count of tokens. */
  stream_options?: { include_usage?: boolean | undefined } | undefined;
  /** What the platform runs; `null` where it is no function. */
  tools?: (Tool | null)[] | undefined;
  /** `none`: no tool is to be called. */
  tool_choice?: unknown;
  /** Vapi's call. */
  call?: Named | undefined;
  /** What a client gave ElevenLabs for us. */
  elevenlabs_extra_body?: Named | undefined;
  /** What the platform tells tools of the call. */
  metadata?: Record<string, unknown> | undefined;
  /** Whose request it is. */
  user?: string | undefined;
  /** The same, as ElevenLabs has it. */
  user_id?: string | undefined;
  /** The caller, as Vapi has it. */
  customer?: { number?: string | undefined } | undefined;
  /** The number that was called, as Vapi has it. */
  phoneNumber?: { number?: string | undefined } | undefined;
}

/** What names a conversation. */
export interface Named {
  /** Vapi's name for it. */
  id?: string | undefined;
  /** ElevenLabs' name for it. */
  conversation_id?: string | undefined;
}

/** A tool, as OpenAI has it. */
export interface Tool {
  /** What the model is told. */
  function: {
    name: string;
    description?: string | undefined;
    parameters?: Record<string, unknown> | undefined;
  };
}

/** A message, as far as it is read. */
interface Message {
  role: typeof ROLES[number];
  text: string;
  callId: string;
}

const ROLES = [
  ...["system", "developer", "user", "assistant", "tool", "function"] as const,
];

/**
 * Checks a request's JSON.
 *
 * @throws {HttpError} 400 that names the field at fault
 */
export function parseBody(json: unknown): Body {
  const result = bodySchema.try(json, { mode: "strip" });
  if (result.ok) return result.value;
  const [issue] = result.issues;
  const field = issue?.path.join(".");
  const fault = issue?.code === "missing_value"
    ? "is missing"
    : issue?.code === "custom_error"
    ? "must not be empty"
    : "is not valid: see OpenAI's reference of chat completions";
  throw invalid(
    field ? `Field "${field}" ${fault}` : "The body must be a JSON object",
  );
}

function invalid(message: string): HttpError {
  return new HttpError(400, "invalid_request", message);
}

/** What a request's messages tell. */
export interface ReadMessages extends Told {
  /** The platform's own prompt. Empty: there is none. */
  instructions: string;
}

/** The longest result of a platform's tool that is taken, in characters. */
const MAX_RESULT = 16_000;

/**
 * Reads the messages: the last of them says whose turn it is, and why.
 *
 * @throws {HttpError} 400 that names the message at fault
 */
export function readMessages(
  { messages }: Pick<Body, "messages">,
): ReadMessages {
  const instructions: string[] = [];
  const transcript: Utterance[] = [];
  const results: { callId: string; text: string }[] = [];
  /** The last that isn't a prompt, and whether a prompt follows it. */
  let last: Message["role"] | undefined;
  let isPrompted = false;
  for (const [index, message] of messages.entries()) {
    const { role, text, callId } = readMessage(message, index);
    if (role !== "system" && role !== "developer") last = role;
    isPrompted = role !== last;
    switch (role) {
      case "system":
      case "developer":
        if (text !== "") instructions.push(text);
        break;
      case "user":
        transcript.push({ by: "caller", text });
        break;
      case "assistant":
        // One that only calls tools says nothing.
        if (text !== "") transcript.push({ by: "agent", text });
        break;
      case "tool":
        results.push({
          callId,
          text: text.slice(0, MAX_RESULT).toWellFormed(),
        });
    }
  }
  const isSaid = last === "user";
  const resumes = last === "tool" ? results.at(-1)?.callId : undefined;
  // Behind the agent's own words it is what the platform wants said now.
  const isWanted = last === "assistant" && isPrompted;
  const prompt = isWanted ? instructions.pop() : undefined;
  return {
    instructions: instructions.join("\n\n"),
    text: isSaid ? transcript.pop()?.text ?? "" : "",
    transcript,
    results,
    ...(resumes === undefined ? {} : { resumes }),
    ...(prompt === undefined ? {} : { prompt }),
  };
}

/** By hand: a schema takes longer over a long history than the turn over the rest. */
function readMessage(message: unknown, index: number): Message {
  const { role: given, content, tool_call_id } = (message ?? {}) as Record<
    string,
    unknown
  >;
  const role = ROLES.find((role) => role === given);
  if (role === undefined) {
    const known = ROLES.join(", ");
    throw invalid(`Field "messages.${index}.role" must be one of ${known}`);
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
