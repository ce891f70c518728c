/**
 * The JSON of a request, checked as far as it is needed; all else in it is left
 * alone, for each platform adds fields of its own.
 *
 * https://platform.openai.com/docs/api-reference/chat/create
 *
 * @module
 */
import * as v from "@badrap/valita";
import type { Told, Utterance } from "../../conversation/transcript.ts";
import { HttpError } from "../../server/http.ts";

/** A field that Parley can do without: of a wrong type, it counts as missing. */
function lenient<T>(type: v.Type<T>): v.Optional<T | undefined> {
  return v.union(type, v.unknown().map(() => undefined)).optional();
}

const text = lenient(v.string());
const named = lenient(v.object({ id: text, conversation_id: text }));
const phone = lenient(v.object({ number: text }));

const messageSchema = v.object({
  role: v.union(
    ...["system", "developer", "user", "assistant", "tool", "function"]
      .map((role) => v.literal(role)),
  ),
  content: v.union(
    v.string(),
    v.null(),
    v.array(v.object({ type: v.string(), text })),
  ).optional(),
  tool_call_id: text,
});

const toolSchema = v.object({
  function: v.object({
    name: v.string(),
    description: text,
    parameters: lenient(v.record(v.unknown())),
  }),
});

const bodySchema = v.object({
  messages: v.array(messageSchema)
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

/** A request's JSON. */
export type Body = v.Infer<typeof bodySchema>;

type Message = v.Infer<typeof messageSchema>;

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
  const message = field
    ? `Field "${field}" ${fault}`
    : "The body must be a JSON object";
  throw new HttpError(400, "invalid_request", message);
}

/** What a request's messages tell. */
export interface ReadMessages extends Told {
  /** The platform's own prompt. Empty: there is none. */
  instructions: string;
}

/** The longest result of a platform's tool that is taken, in characters. */
const MAX_RESULT = 16_000;

/** Reads the messages: the last of them says whose turn it is, and why. */
export function readMessages(messages: readonly Message[]): ReadMessages {
  const instructions: string[] = [];
  const transcript: Utterance[] = [];
  const results: { callId: string; text: string }[] = [];
  for (const message of messages) {
    const text = toText(message.content);
    switch (message.role) {
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
          callId: message.tool_call_id ?? "",
          text: text.slice(0, MAX_RESULT).toWellFormed(),
        });
    }
  }
  // Some platforms put a prompt for this turn behind what was said.
  const last = messages.findLast(({ role }) => !/system|developer/.test(role))
    ?.role;
  const isSaid = last === "user";
  const resumes = last === "tool" ? results.at(-1)?.callId : undefined;
  return {
    instructions: instructions.join("\n\n"),
    text: isSaid ? transcript.pop()?.text ?? "" : "",
    transcript,
    results,
    ...(resumes === undefined ? {} : { resumes }),
  };
}

function toText(content: Message["content"]): string {
  if (typeof content === "string") return content.trim();
  return (content ?? []).flatMap(({ type, text }) =>
    type === "text" && text ? [text] : []
  ).join(" ").trim();
}
