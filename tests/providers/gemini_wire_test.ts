import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  type GeminiPart,
  readChunk,
  toContents,
  toThinkingConfig,
  toTools,
} from "../../src/providers/_gemini_wire.ts";
import { Answer } from "../../src/providers/_stream.ts";
import {
  type Message,
  THINKING,
  type ToolCall,
} from "../../src/providers/provider.ts";

const STAND_IN = "skip_thought_signature_validator";

function call(id: string, args: unknown = {}): ToolCall {
  return { id, name: "find", arguments: args };
}

function result(callId: string, text = '{"n":1}'): Message {
  return { role: "tool", callId, name: "find", text };
}

/** The caller's words, calls, and their results. */
function withCalls(
  calls: ToolCall[],
  more: {
    text?: string;
    providerMetadata?: { provider: string; content: unknown };
  } = {},
): Message[] {
  return [
    { role: "user", text: "?" },
    { role: "assistant", text: "", calls, ...more },
    ...calls.map(({ id }) => result(id)),
  ];
}

Deno.test("toContents() merges consecutive messages of one role, and begins with the user", () => {
  const contents = toContents([
    { role: "user", text: "One." },
    { role: "user", text: "Two." },
    { role: "assistant", text: "Three." },
  ]);
  assertEquals(contents, [
    { role: "user", parts: [{ text: "One." }, { text: "Two." }] },
    { role: "model", parts: [{ text: "Three." }] },
  ]);
  assertEquals(
    toContents([{ role: "assistant", text: "Hi" }])[0]?.role,
    "user",
  );
});

Deno.test("toContents() sends Gemini's own answer back unchanged", () => {
  const content: GeminiPart[] = [
    { text: "The caller wants two things.", thought: true },
    { text: "Let me " },
    { text: "look." },
    {
      functionCall: { name: "find", args: { a: 1 }, id: "g1" },
      thoughtSignature: "s1",
    },
    { functionCall: { name: "find", args: {} } },
    { text: "", thoughtSignature: "s2" },
  ];
  const before = structuredClone(content);
  const messages = withCalls([call("g1"), call("call_2")], {
    text: "What was made of it.",
    providerMetadata: { provider: "gemini", content },
  });
  const contents = toContents(messages);
  assertEquals(contents[1], { role: "model", parts: before });
  // The same objects, so that unknown fields are kept, too.
  for (const [n, part] of (contents[1]?.parts ?? []).entries()) {
    assertEquals(part === content[n], true);
  }
});

Deno.test("toContents() does not change its argument", () => {
  const content: GeminiPart[] = [{ text: "One." }];
  const messages: Message[] = [
    {
      role: "assistant",
      text: "One.",
      providerMetadata: { provider: "gemini", content },
    },
    { role: "assistant", text: "Two." },
  ];
  const contents = toContents(messages);
  assertEquals(contents[1]?.parts, [{ text: "One." }, { text: "Two." }]);
  assertEquals(content, [{ text: "One." }]);
  assertEquals(toContents(messages), contents);
});

Deno.test("toContents() converts calls of another model, with Google's placeholder for the signature", () => {
  const calls = [call("a", { x: 1 }), call("b")];
  for (
    const raw of [
      {},
      {
        providerMetadata: {
          provider: "other",
          content: ["not", "for", "Gemini"],
        },
      },
    ]
  ) {
    assertEquals(toContents(withCalls(calls, { text: "Well. ", ...raw }))[1], {
      role: "model",
      parts: [
        { text: "Well. " },
        {
          functionCall: { name: "find", args: { x: 1 }, id: "a" },
          thoughtSignature: STAND_IN,
        },
        // Google wants it on the first of them only.
        { functionCall: { name: "find", args: {}, id: "b" } },
      ],
    });
  }
});

Deno.test("toContents() sends no empty text with calls", () => {
  assertEquals(toContents(withCalls([call("a")]))[1]?.parts.length, 1);
});

Deno.test("toContents() sends results as the user, all of a step in one entry", () => {
  const contents = toContents([
    ...withCalls([call("a"), call("b")]),
    { role: "user", text: "And now?" },
  ]);
  assertEquals(contents.map(({ role }) => role), ["user", "model", "user"]);
  assertEquals(contents[2]?.parts, [
    { functionResponse: { name: "find", response: { n: 1 }, id: "a" } },
    { functionResponse: { name: "find", response: { n: 1 }, id: "b" } },
    { text: "And now?" },
  ]);
});

Deno.test("toContents() wraps results that are not objects, since Gemini takes only objects", () => {
  const table: [json: string, response: object][] = [
    ['{"a":[1]}', { a: [1] }],
    ["{}", {}],
    ['{"result":1}', { result: 1 }],
    ['"blue"', { result: "blue" }],
    ["6", { result: 6 }],
    ["null", { result: null }],
    ["false", { result: false }],
    ["[1,2]", { result: [1, 2] }],
    // A platform's own tool may return something that is not JSON.
    ["not allowed", { result: "not allowed" }],
    ["", { result: "" }],
  ];
  for (const [json, response] of table) {
    const [, part] = toContents([
      { role: "user", text: "?" },
      result("a", json),
    ])[0]?.parts ?? [];
    assertEquals(part?.functionResponse?.response, response);
  }
});

/** How a call of Gemini's is converted. */
function read(functionCall: GeminiPart["functionCall"] & object): ToolCall {
  const answer = new Answer("gemini");
  const parts = [{ functionCall }];
  readChunk({ candidates: [{ content: { parts } }] }, answer);
  const [part] = answer.take();
  assert(part?.type === "tool-call");
  return part.call;
}

Deno.test("readChunk() makes an id if Gemini sends none, and toContents() leaves it out", () => {
  const made = read({ name: "find" });
  assertEquals(made.name, "find");
  assertEquals(made.arguments, {});
  assertNotEquals(made.id, read({ name: "find" }).id);
  const contents = toContents(withCalls([made]));
  assertEquals(contents[1]?.parts[0]?.functionCall, { name: "find", args: {} });
  assertEquals(contents[2]?.parts[0]?.functionResponse, {
    name: "find",
    response: { n: 1 },
  });
});

Deno.test("readChunk() keeps an id of Gemini's, and toContents() sends it back", () => {
  const given = read({ name: "find", args: { a: 1 }, id: "q3v8zk1d" });
  assertEquals(given, { id: "q3v8zk1d", name: "find", arguments: { a: 1 } });
  const contents = toContents(withCalls([given]));
  assertEquals(contents[1]?.parts[0]?.functionCall?.id, "q3v8zk1d");
  assertEquals(contents[2]?.parts[0]?.functionResponse?.id, "q3v8zk1d");
});

Deno.test("toTools() declares all tools in one entry", () => {
  const parameters = {
    type: "object",
    properties: { a: { type: "string", description: "An a" } },
    required: ["a"],
  };
  assertEquals(
    toTools([
      { name: "one", description: "First", parameters },
      {
        name: "two",
        description: "Second",
        parameters: { type: "object", properties: {} },
      },
      { name: "three", description: "Third", parameters: {} },
    ]),
    [{
      functionDeclarations: [
        { name: "one", description: "First", parametersJsonSchema: parameters },
        // Gemini refuses an object without properties.
        { name: "two", description: "Second" },
        { name: "three", description: "Third" },
      ],
    }],
  );
});

Deno.test("toTools() sends a schema as it is, but doesn't name its dialect", () => {
  const parameters = {
    type: "object",
    properties: {
      $schema: { type: "string" },
      room: { $ref: "#/$defs/Room", description: "Which" },
      floor: { type: ["integer", "null"], multipleOf: 1 },
    },
    required: ["room"],
    additionalProperties: false,
    $defs: { Room: { oneOf: [{ const: 1 }, { const: "attic" }] } },
  };
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  assertEquals(
    toTools([{
      name: "find",
      description: "Finds",
      parameters: { $schema, ...parameters },
    }]),
    [{
      functionDeclarations: [{
        name: "find",
        description: "Finds",
        parametersJsonSchema: parameters,
      }],
    }],
  );
});

Deno.test("toThinkingConfig() uses the field of each generation", () => {
  const budget = (off: number) =>
    [off, 1024, 8192, 24_576].map((thinkingBudget) => ({ thinkingBudget }));
  const level = (off: string) =>
    [off, "low", "medium", "high"].map((thinkingLevel) => ({ thinkingLevel }));
  const table: Record<string, unknown[]> = {
    "gemini-2.5-flash": budget(0),
    "gemini-2.5-flash-lite": budget(0),
    "gemini-2.5-flash-preview-09-2025": budget(0),
    "gemini-2.5-pro": budget(128),
    "gemini-3-flash-preview": level("minimal"),
    "gemini-3-pro-preview": level("low"),
    "gemini-3.1-flash-lite": level("minimal"),
    "gemini-3.1-pro-preview": level("low"),
    "gemini-3.5-flash-lite": level("minimal"),
    "gemini-3.5-flash": level("minimal"),
    "gemini-3.8-flash": level("minimal"),
    "gemini-flash-latest": level("minimal"),
    "gemini-flash-lite-latest": level("minimal"),
    "gemini-pro-latest": level("low"),
  };
  for (const [model, expected] of Object.entries(table)) {
    assertEquals(
      THINKING.map((thinking) => toThinkingConfig(model, thinking)),
      expected,
      model,
    );
  }
});
