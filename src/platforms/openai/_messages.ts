/**
 * Reads the messages of a request: what was said by whom, the platform's prompts,
 * and what its tools returned.
 *
 * https://platform.openai.com/docs/api-reference/chat/create
 *
 * @module
 */
import type { ToolResult, Utterance } from "../../conversation/turn.ts";
import { invalid } from "../_fields.ts";

const ROLES = [
  "system",
  "developer",
  "user",
  "assistant",
  "tool",
  "function",
] as const;

/** The most characters used of the result of a platform's tool. */
const MAX_RESULT = 16_000;

/**
 * Reads the messages. The role of the last one determines what the agent answers.
 *
 * @throws {HttpError} 400 that names the invalid message
 */
export function readMessages(messages?: readonly unknown[]) {
  if (messages === undefined) {
    throw invalid('Field "messages" is missing, or is no array');
  }
  if (messages.length === 0) {
    throw invalid('Field "messages" must not be empty');
  }
  const instructions: string[] = [];
  const transcript: Utterance[] = [];
  const results: ToolResult[] = [];
  /** The agent's latest tool calls in words, by their ids. */
  let calls = new Map<unknown, string>();
  /** The number of results before the agent's latest words or tool calls. */
  let resultsBefore = 0;
  /** The role of the last message that isn't a prompt, and whether a prompt follows it. */
  let last: typeof ROLES[number] | undefined;
  let isPrompted = false;
  for (const [index, message] of messages.entries()) {
    const { role, text, callId, tool_calls } = readMessage(message, index);
    isPrompted = role === "system" || role === "developer";
    if (!isPrompted) last = role;
    if (isPrompted && text !== "") instructions.push(text);
    if (role === "user") transcript.push({ by: "caller", text });
    if (role === "assistant") {
      calls = readCalls(tool_calls);
      resultsBefore = results.length;
    }
    // A message with only tool calls has no text.
    if (role === "assistant" && text !== "") {
      transcript.push({ by: "agent", text });
    }
    if (role === "tool") {
      const result = text.slice(0, MAX_RESULT).toWellFormed();
      results.push({ callId, text: result, call: calls.get(callId) });
    }
  }
  const text = last === "user" ? transcript.pop()?.text ?? "" : "";
  const resumes = results.slice(resultsBefore).map(({ callId }) => callId);
  // A prompt after the agent's words says what the agent should say now.
  const isWanted = last === "assistant" && isPrompted;
  const prompt = isWanted ? instructions.pop() : undefined;
  return {
    /** The platform's own prompts; empty if there are none. */
    instructions: instructions.join("\n\n"),
    text,
    transcript,
    results,
    ...(last === "tool" ? { resumes } : {}),
    ...(prompt === undefined ? {} : { prompt }),
  };
}

/** Reads one message. A schema would take longer for a long history than all the rest of a turn. */
function readMessage(message: unknown, index: number) {
  const fields: Record<string, unknown> = Object(message);
  const { role: given, content, tool_call_id: id, tool_calls } = fields;
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
  // Other values than a string can be impossible to convert.
  const callId = typeof id === "string" ? id : "";
  return { role, text, callId, tool_calls };
}

/** The most characters of a tool call in words. */
const MAX_CALL = 1_000;

/** Puts tool calls into words, such as `weather({"city":"Rome"})`. */
function readCalls(calls: unknown): Map<unknown, string> {
  return new Map(
    (Array.isArray(calls) ? calls : []).flatMap((call) => {
      const { name, arguments: args } = call?.function ?? {};
      if (typeof name !== "string" || typeof args !== "string") return [];
      return [[call.id, `${name}(${args})`.slice(0, MAX_CALL)]];
    }),
  );
}

/** Returns the text of a message's content; `undefined` if the content is invalid. */
function toText(content: unknown): string | undefined {
  if (typeof content === "string") return content.trim();
  if (content === undefined || content === null) return "";
  if (!Array.isArray(content)) return undefined;
  // Images and audio are left out.
  return content.flatMap((part) =>
    part?.type === "text" && typeof part.text === "string" ? [part.text] : []
  ).join(" ").trim();
}
