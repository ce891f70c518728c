/**
 * Request bodies that are valid, nearly valid or nonsense, for every route that
 * takes one.
 *
 * @module
 */
import fc from "npm:fast-check@4.11.0";

/** JSON values that programs often handle wrongly. */
const oddText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom(
    "",
    "\0",
    "\ud800",
    "../../etc/passwd",
    "%2e%2e%2f",
    "__proto__",
    "constructor",
    "a\r\nb: c",
    "x".repeat(5_000),
    "[](".repeat(400),
    "<think>".repeat(100),
    "data: {}\n\n",
  ),
);
const oddValue = fc.oneof(
  oddText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, true, -0, 1e308, Number.MAX_SAFE_INTEGER + 2, [], {}),
);

/** Mostly valid values: input that is wrong everywhere is refused early. */
function mostly<T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: right }, {
    weight: 1,
    arbitrary: oddValue,
  });
}

const id = fc.oneof(
  { weight: 9, arbitrary: fc.nat(200).map((n) => `fuzz-${n}`) },
  { weight: 1, arbitrary: oddText },
);

/** An event of Layercode's. */
const event = fc.record({
  type: mostly(fc.constantFrom(
    ...["message", "message", "session.start", "data", "session.update"],
    ...["session.end", "MESSAGE", "SESSION_START", "unheard.of"],
  )),
  conversation_id: mostly(id),
  session_id: mostly(id),
  turn_id: mostly(id),
  text: mostly(oddText),
  data: oddValue,
  interruption_context: mostly(fc.record({
    previous_turn_interrupted: mostly(fc.boolean()),
    text_heard: mostly(oddText),
    assistant_turn_id: mostly(id),
  }, { requiredKeys: [] })),
  custom_metadata: oddValue,
  metadata: oddValue,
  from_phone_number: oddValue,
  to_phone_number: oddValue,
  transcript: oddValue,
  recording_url: oddValue,
}, { requiredKeys: ["type", "conversation_id", "turn_id", "text"] });

/** The body of `/authorize`. */
const authorize = fc.record({
  agent_id: mostly(fc.constant("fuzz-agent")),
  pipeline_id: oddValue,
  conversation_id: mostly(id),
  session_id: oddValue,
  metadata: oddValue,
}, { requiredKeys: [] });

/** The body of chat completions. */
const completion = fc.record({
  model: mostly(fc.constant("parley")),
  stream: mostly(fc.boolean()),
  user: mostly(id),
  messages: mostly(fc.array(
    fc.record({
      role: mostly(fc.constantFrom("system", "user", "assistant", "tool")),
      content: mostly(oddText),
      tool_calls: oddValue,
      tool_call_id: fc.oneof(
        oddValue,
        fc.constant({ toString: null, valueOf: 1 }),
      ),
    }, { requiredKeys: ["role", "content"] }),
    { maxLength: 6 },
  )),
  stream_options: oddValue,
  max_tokens: oddValue,
}, { requiredKeys: ["model", "messages"] });

/** Bodies that are hard to parse, or empty. */
const nonsense = fc.constantFrom(
  "[".repeat(100_000),
  '{"a":'.repeat(50_000),
  `{"type":"message","text":${"1".repeat(10_000)}}`,
  '{"type":"message","conversation_id":"fuzz-1","turn_id":"t","text":1e999999}',
  '{"type":"message","type":"data","conversation_id":"fuzz-1","data":{"__proto__":{"a":1}}}',
  '{"type":"message","text":"\\ud800',
  "-",
  "null",
  "\u{feff}{}",
  "From=%2B1555&CallSid=%00%ff&SpeechResult=" + "%".repeat(999),
);
const large = fc.constantFrom(
  `{"text":"${"x".repeat(1_000_000)}"}`,
  "x".repeat(1_100_000),
);
/** Any body, as text. */
export const body: fc.Arbitrary<string> = fc.oneof(
  { weight: 200, arbitrary: event.map((value) => JSON.stringify(value)) },
  { weight: 50, arbitrary: authorize.map((value) => JSON.stringify(value)) },
  { weight: 50, arbitrary: completion.map((value) => JSON.stringify(value)) },
  { weight: 25, arbitrary: fc.json({ maxDepth: 5 }) },
  { weight: 25, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  { weight: 25, arbitrary: fc.constant("") },
  { weight: 15, arbitrary: nonsense },
  { weight: 1, arbitrary: large },
);
