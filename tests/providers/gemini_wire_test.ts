import { assert, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import * as z from "zod";
import { tool } from "../../src/conversation/tools.ts";

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
  type ToolDeclaration,
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

/** The schema that is sent to Gemini. */
function parametersOf(parameters: Record<string, unknown>): unknown {
  const declaration: ToolDeclaration = {
    name: "find",
    description: "Finds",
    parameters,
  };
  const [made] = toTools([declaration]) as {
    functionDeclarations: { parameters?: unknown }[];
  }[];
  return made?.functionDeclarations[0]?.parameters;
}

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
    ]),
    [{
      functionDeclarations: [
        { name: "one", description: "First", parameters },
        // Gemini refuses an object without properties.
        { name: "two", description: "Second" },
      ],
    }],
  );
});

Deno.test("toTools() drops what Gemini refuses, at any depth", () => {
  assertEquals(
    parametersOf({
      $schema: "x",
      type: "object",
      additionalProperties: false,
      required: ["a", "default"],
      properties: {
        a: {
          type: "array",
          uniqueItems: true,
          items: {
            type: "object",
            additionalProperties: false,
            properties: { n: { type: "number", default: 1, multipleOf: 5 } },
          },
        },
        b: { anyOf: [{ type: "string", default: "x" }, { type: "null" }] },
      },
    }),
    {
      type: "object",
      required: ["a", "default"],
      properties: {
        a: {
          type: "array",
          items: { type: "object", properties: { n: { type: "number" } } },
        },
        b: { anyOf: [{ type: "string" }, { type: "null" }] },
      },
    },
  );
});

Deno.test("toTools() sends one type if a platform's tool has several", () => {
  assertEquals(
    parametersOf({
      type: "object",
      properties: {
        a: { type: ["string", "null"], description: "An a" },
        b: { type: ["string", "integer"] },
      },
    }),
    {
      type: "object",
      properties: {
        a: { type: "string", nullable: true, description: "An a" },
        b: { anyOf: [{ type: "string" }, { type: "integer" }] },
      },
    },
  );
});

Deno.test("toTools() resolves references of a platform's tool, and stops if they are circular", () => {
  const room = {
    type: "object",
    properties: {
      zone: { $ref: "#/$defs/Zone", description: "Where" },
      next: { anyOf: [{ $ref: "#/$defs/Room" }, { type: "null" }] },
      $ref: { type: "string" },
    },
  };
  const Zone = { type: "string", enum: ["north", "south"] };
  const sent = parametersOf({
    type: "object",
    properties: { room: { $ref: "#/$defs/Room" }, odd: { $ref: "#/no/where" } },
    $defs: { Room: room, Zone },
  });
  const { properties } = sent as { properties: Record<string, unknown> };
  assertEquals(properties.odd, {});
  const text = JSON.stringify(properties.room);
  const zone =
    '{"type":"string","enum":["north","south"],"description":"Where"}';
  assert(text.startsWith(`{"type":"object","properties":{"zone":${zone},`));
  assert(text.includes('"$ref":{"type":"string"}'));
  assertEquals(text.match(/"next"/g)?.length, 4);
});

Deno.test("toTools() resolves a bounded number of references", () => {
  const all = Array.from({ length: 1_000 }, () => ({ $ref: "#" }));
  const sent = parametersOf({
    type: "object",
    properties: { a: { anyOf: all } },
  });
  assertLess(JSON.stringify(sent).length, 1_000_000);
});

Deno.test("toTools() keeps properties, whatever their names", () => {
  const properties = Object.fromEntries(
    [
      "default",
      "additionalProperties",
      "$schema",
      "properties",
      "format",
      "enum",
      "oneOf",
      "not",
    ].map((name) => [name, { type: "string" }]),
  );
  const inner = { type: "object", properties };
  assertEquals(
    parametersOf({
      type: "object",
      properties: { ...properties, properties: inner },
    }),
    {
      type: "object",
      properties: { ...properties, properties: inner },
    },
  );
});

Deno.test("toTools() converts zod's schemas to keywords that Gemini knows", () => {
  const { declaration } = tool({
    name: "book",
    description: "Books a table",
    parameters: z.object({
      guests: z.number().int().positive().max(20).describe("How many"),
      step: z.number().multipleOf(5).default(5),
      email: z.email(),
      day: z.iso.date(),
      at: z.iso.datetime(),
      size: z.enum(["small", "large"]),
      floor: z.union([z.literal(1), z.literal(2)]),
      note: z.string().max(100).nullable(),
      extra: z.record(z.string(), z.number()),
      place: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("in") }),
        z.object({ kind: z.literal("out"), heated: z.boolean() }),
      ]),
      tags: z.array(z.string()).min(1),
    }),
    run: () => {},
  });
  const sent = parametersOf(declaration.parameters) as {
    properties: Record<string, Record<string, unknown>>;
    required: string[];
  };
  const { email, day, at, ...rest } = sent.properties;
  assertEquals(rest, {
    guests: {
      description: "How many",
      type: "integer",
      minimum: 0,
      maximum: 20,
    },
    step: { type: "number" },
    size: { type: "string", enum: ["small", "large"] },
    floor: { anyOf: [{ type: "number" }, { type: "number" }] },
    note: { type: "string", maxLength: 100, nullable: true },
    extra: { type: "object" },
    place: {
      anyOf: [
        {
          type: "object",
          properties: { kind: { type: "string", enum: ["in"] } },
          required: ["kind"],
        },
        {
          type: "object",
          properties: {
            kind: { type: "string", enum: ["out"] },
            heated: { type: "boolean" },
          },
          required: ["kind", "heated"],
        },
      ],
    },
    tags: { type: "array", items: { type: "string" }, minItems: 1 },
  });
  // Gemini supports only this format.
  assertEquals([email?.format, day?.format, at?.format], [
    undefined,
    undefined,
    "date-time",
  ]);
  assertEquals(sent.required.includes("step"), false);
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
