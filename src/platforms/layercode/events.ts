/**
 * Converts a webhook's JSON to an event of a conversation. Only this file knows
 * Layercode's older spellings. Fields that Parley can do without may be missing or
 * of any type.
 *
 * https://docs.layercode.com/api-reference/webhook-sse-api
 *
 * @module
 */
import * as v from "@badrap/valita";
import type {
  ConversationEvent,
  MessageEvent,
} from "../../conversation/conversation.ts";
import { filled, invalid, lenient, readFields } from "../_fields.ts";

/** An event of a conversation, or a signed event of an unknown type. */
export type WebhookEvent =
  | Exclude<ConversationEvent, MessageEvent>
  /** `ignored` says why the information about an interruption was left out. */
  | MessageEvent & { ignored?: string }
  | { type: "unknown"; name: string; conversationId?: string };

const CODE = "invalid_event";

const id = filled
  .assert(fitsAddress, "is too long, or has characters that no URL can hold");
const maybeId = id.nullable().optional();

/** Whether a URL such as `/sessions/<id>` can hold an id; otherwise nobody could view or delete the conversation. */
function fitsAddress(value: string): boolean {
  return value.isWellFormed() && !/^\.\.?$/.test(value) &&
    encodeURIComponent(value).length <= 2_000;
}

const contextSchema = v.object({
  type: v.string(),
  conversation_id: maybeId,
  session_id: maybeId,
  custom_metadata: lenient(v.record(v.unknown())),
  metadata: lenient(v.record(v.unknown())),
  from_phone_number: lenient(v.string()),
  to_phone_number: lenient(v.string()),
});
const interruptionSchema = v.union(
  v.null().map(() => ({})),
  v.object({ previous_turn_interrupted: v.literal(false) }).map(() => ({})),
  v.object({
    previous_turn_interrupted: v.literal(true),
    text_heard: v.string(),
    assistant_turn_id: maybeId,
  }).map(({ text_heard: textHeard, assistant_turn_id: turnId }) => ({
    interruption: { textHeard, ...(turnId ? { turnId } : {}) },
  })),
  // An invalid one is ignored, so that the caller still gets an answer.
  v.unknown().map(() => ({
    ignored: 'Field "interruption_context" is not as documented',
  })),
);
const messageSchema = v.object({
  turn_id: id,
  text: v.string(),
  interruption_context: interruptionSchema.optional(),
});
const startSchema = v.object({ turn_id: id });
const dataSchema = v.object({ turn_id: id, data: v.unknown() });
const noteSchema = v.record(v.unknown());

/** Reads a webhook's body. Throws a 400 that names the invalid field. */
export function parseEvent(body: unknown): WebhookEvent {
  const fields = readFields(contextSchema, body, CODE);
  const { type: name } = fields;
  switch (name) {
    case "message":
    case "MESSAGE": {
      const { turn_id: turnId, text, interruption_context: interruption } =
        readFields(messageSchema, body, CODE);
      const context = toContext(fields);
      return { ...context, type: "message", turnId, text, ...interruption };
    }
    case "session.start":
    case "SESSION_START": {
      const { turn_id: turnId } = readFields(startSchema, body, CODE);
      return { ...toContext(fields), type: "start", turnId };
    }
    case "data": {
      const { turn_id: turnId, data } = readFields(dataSchema, body, CODE);
      return { ...toContext(fields), type: "data", turnId, data };
    }
    case "session.update":
    case "session.end": {
      // The conversation has a transcript already.
      const { transcript: _, ...content } = readFields(noteSchema, body, CODE);
      return { ...toContext(fields), type: "note", name, content };
    }
    // An unknown event may belong to no conversation.
    default: {
      const id = fields.conversation_id ?? fields.session_id;
      return { type: "unknown", name, ...(id ? { conversationId: id } : {}) };
    }
  }
}

function toContext(fields: v.Infer<typeof contextSchema>) {
  // The older API of pipelines calls a conversation a session.
  const conversationId = fields.conversation_id ?? fields.session_id;
  if (!conversationId) {
    const message =
      'Field "conversation_id" is missing, and so is "session_id"';
    throw invalid(message, CODE);
  }
  const { from_phone_number: from, to_phone_number: to } = fields;
  return {
    conversationId,
    metadata: fields.custom_metadata ?? fields.metadata ?? {},
    ...(from ? { fromPhoneNumber: from } : {}),
    ...(to ? { toPhoneNumber: to } : {}),
  };
}
