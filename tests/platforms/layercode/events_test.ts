import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { HttpError } from "../../../src/server/http.ts";
import { parseEvent } from "../../../src/platforms/layercode/events.ts";

/** A message as Layercode sends it now. */
const MESSAGE = {
  type: "message",
  session_id: "sess_1",
  conversation_id: "conv_1",
  turn_id: "turn_1",
  text: "Hello",
};

/** The message without one of its fields. */
function without(field: keyof typeof MESSAGE): Record<string, unknown> {
  const { [field]: _, ...rest } = MESSAGE;
  return rest;
}

/** The error for an invalid body. */
function refusal(body: unknown): string {
  const error = assertThrows(() => parseEvent(body), HttpError);
  assertEquals(error.status, 400);
  assertEquals(error.code, "invalid_event");
  return error.message;
}

Deno.test("parseEvent() reads a current message", () => {
  assertEquals(parseEvent(MESSAGE), {
    type: "message",
    conversationId: "conv_1",
    metadata: {},
    turnId: "turn_1",
    text: "Hello",
  });
});

Deno.test("parseEvent() reads an older pipeline's MESSAGE", () => {
  const body = {
    type: "MESSAGE",
    session_id: "sess_1",
    connection_id: "conn_1",
    turn_id: "turn_1",
    text: "Hello",
  };
  assertEquals(parseEvent(body), {
    type: "message",
    conversationId: "sess_1",
    metadata: {},
    turnId: "turn_1",
    text: "Hello",
  });
});

for (const type of ["session.start", "SESSION_START"]) {
  Deno.test(`parseEvent() reads ${type}`, () => {
    const body = {
      type,
      session_id: "sess_1",
      conversation_id: "conv_1",
      turn_id: "turn_1",
    };
    assertEquals(parseEvent(body), {
      type: "start",
      conversationId: "conv_1",
      metadata: {},
      turnId: "turn_1",
    });
  });
}

for (const data of [{ clicked: "yes", n: [1] }, {}, [], "text", 0, null]) {
  Deno.test(`parseEvent() reads data that is ${JSON.stringify(data)}`, () => {
    const body = {
      type: "data",
      session_id: "sess_1",
      conversation_id: "conv_1",
      turn_id: "turn_1",
      data,
    };
    assertEquals(parseEvent(body), {
      type: "data",
      conversationId: "conv_1",
      metadata: {},
      turnId: "turn_1",
      data,
    });
  });
}

const SESSION_UPDATE = {
  type: "session.update",
  session_id: "sess_1",
  conversation_id: "conv_1",
  recording_status: "completed",
  recording_url: "https://recordings.example/1",
  recording_duration: 12.5,
  error_message: null,
  metadata: { plan: "gold" },
};

const SESSION_END = {
  type: "session.end",
  session_id: "sess_1",
  conversation_id: "conv_1",
  agent_id: "agent_1",
  started_at: "2026-01-01T00:00:00Z",
  ended_at: null,
  duration: null,
  transcription_duration_seconds: null,
  tts_duration_seconds: 3.25,
  latency: null,
  ip_address: null,
  country_code: null,
  recording_status: "disabled",
};

Deno.test("parseEvent() leaves out the transcript of session.end, which is stored already", () => {
  const transcript = [{ role: "user", text: "Hello", timestamp: 1 }];
  const event = parseEvent({ ...SESSION_END, transcript });
  assertEquals(event.type === "note" && event.content, SESSION_END);
});

for (const body of [SESSION_UPDATE, SESSION_END]) {
  Deno.test(`parseEvent() keeps the content of ${body.type}`, () => {
    const event = parseEvent(body);
    assertEquals(event, {
      type: "note",
      name: body.type,
      conversationId: "conv_1",
      metadata: body === SESSION_UPDATE ? { plan: "gold" } : {},
      content: body,
    });
  });
}

for (const type of ["session.paused", "", "Message", "toString"]) {
  Deno.test(`parseEvent() returns the name of an unknown event: "${type}"`, () => {
    const body = { type, conversation_id: "conv_1", whatever: true };
    assertEquals(parseEvent(body), {
      type: "unknown",
      name: type,
      conversationId: "conv_1",
    });
    // It may belong to no conversation.
    assertEquals(parseEvent({ type }), { type: "unknown", name: type });
  });
}

const ALL = {
  conversation_id: "conv",
  session_id: "sess",
  connection_id: "conn",
};
const KEYS: [string, Record<string, string | null>, conversationId: string][] =
  [
    ["conversation, session and connection", ALL, "conv"],
    ["a conversation alone", { conversation_id: "conv" }, "conv"],
    ["a session that is null", { ...ALL, session_id: null }, "conv"],
    ["a session alone", { session_id: "sess" }, "sess"],
    ["a conversation that is null", { ...ALL, conversation_id: null }, "sess"],
  ];

for (const [what, ids, conversationId] of KEYS) {
  Deno.test(`parseEvent() finds the key in ${what}`, () => {
    const event = parseEvent({ type: "session.start", turn_id: "t", ...ids });
    assertEquals(event.conversationId, conversationId);
  });
}

for (
  const [what, fields, metadata] of [
    ["custom_metadata", { custom_metadata: { a: 1 } }, { a: 1 }],
    ["metadata", { metadata: { b: [2] } }, { b: [2] }],
    ["custom_metadata before metadata", {
      custom_metadata: { a: 1 },
      metadata: { b: 2 },
    }, { a: 1 }],
    ["metadata where custom_metadata is null", {
      custom_metadata: null,
      metadata: { b: 2 },
    }, { b: 2 }],
    ["nothing where both are null", {
      custom_metadata: null,
      metadata: null,
    }, {}],
  ] as const
) {
  Deno.test(`parseEvent() reads as metadata ${what}`, () => {
    const event = parseEvent({ ...MESSAGE, ...fields });
    assert(event.type === "message");
    assertEquals(event.metadata, metadata);
  });
}

Deno.test("parseEvent() reads the numbers of a phone call", () => {
  const event = parseEvent({
    ...MESSAGE,
    from_phone_number: "+4930123456",
    to_phone_number: "+4930654321",
  });
  assert(event.type === "message");
  assertEquals(event.fromPhoneNumber, "+4930123456");
  assertEquals(event.toPhoneNumber, "+4930654321");
});

Deno.test("parseEvent() leaves out numbers that are null", () => {
  const event = parseEvent({
    ...MESSAGE,
    from_phone_number: null,
    to_phone_number: null,
  });
  assertEquals(event, parseEvent(MESSAGE));
});

Deno.test("parseEvent() ignores unknown fields", () => {
  const body = {
    ...MESSAGE,
    brand_new: { deep: [1] },
    another: null,
    constructor: "x",
  };
  assertEquals(parseEvent(body), parseEvent(MESSAGE));
});

Deno.test("parseEvent() is not fooled by __proto__", () => {
  const body = JSON.parse(
    '{"type":"message","turn_id":"t","text":"x","__proto__":{"session_id":"s"}}',
  );
  assertStringIncludes(refusal(body), '"conversation_id"');
  assertEquals(({} as Record<string, unknown>).session_id, undefined);
});

for (const text of ["", " ", "Grüße 👋🏽\u2028", "x".repeat(100_000)]) {
  Deno.test(`parseEvent() leaves the text unchanged: ${JSON.stringify(text.slice(0, 8))}`, () => {
    const event = parseEvent({ ...MESSAGE, text });
    assertEquals(event.type === "message" && event.text, text);
  });
}

const NEEDED: [what: string, body: unknown, field: string][] = [
  ["a message without type", without("type"), "type"],
  ["a message without turn_id", without("turn_id"), "turn_id"],
  ["a message without text", without("text"), "text"],
  ["a start without turn_id", {
    type: "session.start",
    session_id: "s",
  }, "turn_id"],
  ["an older start without turn_id", {
    type: "SESSION_START",
    session_id: "s",
  }, "turn_id"],
  ["data without turn_id", {
    type: "data",
    session_id: "s",
    data: 1,
  }, "turn_id"],
  ["data without data", {
    type: "data",
    session_id: "s",
    turn_id: "t",
  }, "data"],
  ["an empty object", {}, "type"],
];

for (const [what, body, field] of NEEDED) {
  Deno.test(`parseEvent() says which field is missing in ${what}`, () => {
    assertEquals(refusal(body), `Field "${field}" is missing`);
  });
}

for (
  const [field, values] of Object.entries({
    connection_id: [1, true, {}, ""],
    custom_metadata: ["x", 1, [], true],
    metadata: ["x", 1, [], true],
    from_phone_number: [4930123456, {}, ""],
    to_phone_number: [4930123456, {}, ""],
  })
) {
  for (const value of [...values, null]) {
    Deno.test(`parseEvent() ignores an invalid ${field}: ${JSON.stringify(value)}`, () => {
      // As older pipelines send it: their connection_id counts.
      const older = without("conversation_id");
      assertEquals(parseEvent({ ...older, [field]: value }), parseEvent(older));
    });
  }
}

/** The interruption of a message. */
function readInterruption(interruption_context: unknown) {
  const event = parseEvent({ ...MESSAGE, interruption_context });
  assert(event.type === "message");
  assertEquals(event.text, "Hello");
  const { interruption, ignored } = event;
  return { interruption, ignored };
}

/** An interruption as Layercode sends it. */
const INTERRUPTION = {
  previous_turn_interrupted: true,
  words_heard: 2,
  text_heard: "Well, hello",
  assistant_turn_id: "turn_0",
};

const HEARD: [what: string, changes: Record<string, unknown>, expected: {
  turnId?: string;
  textHeard: string;
}][] = [
  ["with its turn", {}, { turnId: "turn_0", textHeard: "Well, hello" }],
  ["before a word was heard", { text_heard: "" }, {
    turnId: "turn_0",
    textHeard: "",
  }],
  ["of a turn that is null", { assistant_turn_id: null }, {
    textHeard: "Well, hello",
  }],
  ["of a turn that is not named", { assistant_turn_id: undefined }, {
    textHeard: "Well, hello",
  }],
  ["with fields that nobody needs", { words_heard: "two", brand_new: [] }, {
    turnId: "turn_0",
    textHeard: "Well, hello",
  }],
];

for (const [what, changes, expected] of HEARD) {
  Deno.test(`parseEvent() reads an interruption ${what}`, () => {
    assertEquals(readInterruption({ ...INTERRUPTION, ...changes }), {
      interruption: expected,
      ignored: undefined,
    });
  });
}

for (
  const context of [
    undefined,
    null,
    { ...INTERRUPTION, previous_turn_interrupted: false },
    { previous_turn_interrupted: false },
    { previous_turn_interrupted: false, text_heard: null },
  ]
) {
  Deno.test(`parseEvent() sees no interruption in ${JSON.stringify(context)}`, () => {
    assertEquals(
      parseEvent({ ...MESSAGE, interruption_context: context }),
      parseEvent(MESSAGE),
    );
  });
}

const IGNORED: [what: string, context: unknown][] = [
  ["without text_heard", { ...INTERRUPTION, text_heard: undefined }],
  ["with text_heard that is null", { ...INTERRUPTION, text_heard: null }],
  ["with text_heard that is a number", { ...INTERRUPTION, text_heard: 2 }],
  ["without previous_turn_interrupted", { text_heard: "Well" }],
  ["with previous_turn_interrupted that is text", {
    ...INTERRUPTION,
    previous_turn_interrupted: "true",
  }],
  ["of a turn that is a number", { ...INTERRUPTION, assistant_turn_id: 0 }],
  ["of a turn that is empty", { ...INTERRUPTION, assistant_turn_id: "" }],
  ["that is text", "yes"],
  ["that is true", true],
  ["that is a list", [INTERRUPTION]],
];

for (const [what, context] of IGNORED) {
  Deno.test(`parseEvent() ignores an interruption ${what}, and says so`, () => {
    assertEquals(readInterruption(context), {
      interruption: undefined,
      ignored: 'Field "interruption_context" is not as documented',
    });
  });
}

const TOO_ODD = "is too long, or has characters that no URL can hold";
const WRONG: [field: string, value: unknown, expected: string][] = [
  ["type", 1, "must be of type string"],
  ["type", null, "must be of type string"],
  ["type", ["message"], "must be of type string"],
  ["conversation_id", 1, "must be of type string"],
  ["conversation_id", "", "must not be empty"],
  ["conversation_id", "x".repeat(2_001), TOO_ODD],
  ["conversation_id", "..", TOO_ODD],
  // No UTF-8 tells it from another half.
  ["conversation_id", "\ud800", TOO_ODD],
  ["session_id", {}, "must be of type string"],
  ["session_id", "", "must not be empty"],
  ["turn_id", 1, "must be of type string"],
  ["turn_id", null, "must be of type string"],
  ["turn_id", "", "must not be empty"],
  ["text", 1, "must be of type string"],
  ["text", null, "must be of type string"],
  ["text", ["Hello"], "must be of type string"],
];

for (const [field, value, expected] of WRONG) {
  Deno.test(`parseEvent() refuses ${field}: ${JSON.stringify(value).slice(0, 20)} and names it`, () => {
    const message = refusal({ ...MESSAGE, [field]: value });
    assertEquals(message, `Field "${field}" ${expected}`);
  });
}

for (const ids of [{}, { conversation_id: null, session_id: null }]) {
  Deno.test(`parseEvent() refuses an event without a conversation: ${JSON.stringify(ids)}`, () => {
    const message = refusal({
      type: "message",
      turn_id: "t",
      text: "x",
      ...ids,
    });
    assertStringIncludes(message, '"conversation_id"');
    assertStringIncludes(message, '"session_id"');
  });
}

for (const body of [null, [], [MESSAGE], "message", "", 1, true, undefined]) {
  Deno.test(`parseEvent() refuses a body that is not an object: ${JSON.stringify(body)?.slice(0, 20)}`, () => {
    assertEquals(refusal(body), "The body must be a JSON object");
  });
}

Deno.test("parseEvent() does not repeat a caller's words in an error", () => {
  const message = refusal({ ...MESSAGE, text: ["my card is 4111"] });
  assertEquals(message.includes("4111"), false);
});
