// deno-lint-ignore no-import-prefix -- for tests alone, so not in deno.json
import { streamResponse } from "npm:@layercode/node-server-sdk@1.2.1";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { TurnPart } from "../../../src/conversation/turn.ts";
import { createAnswerStream } from "../../../src/platforms/layercode/sse.ts";

/** An answer to a client. */
function begin(withDetails = false) {
  return { answer: createAnswerStream({ turnId: "turn_1", withDetails }) };
}

/** The response to these parts, which are all written before it is read. */
function respond(parts: readonly TurnPart[], withDetails?: boolean) {
  const { answer } = begin(withDetails);
  for (const part of parts) answer.write(part);
  answer.end();
  return answer.response;
}

/** The same, each part written when the client asks for more. */
function respondInTime(parts: readonly TurnPart[]): Response {
  const { answer } = begin();
  (async () => {
    for (const part of parts) {
      await sleep();
      answer.write(part);
    }
    await sleep();
    answer.end();
  })();
  return answer.response;
}

const sleep = (ms = 0) => new Promise<void>((go) => setTimeout(go, ms));

function speech(text: string): TurnPart {
  return { type: "speech", text };
}

function data(content: unknown): TurnPart {
  return { type: "data", content };
}

/** The bytes that the official SDK makes of the same answer. */
function officialResponse(parts: TurnPart[]): Response {
  return streamResponse({ turn_id: "turn_1" }, ({ stream }) => {
    for (const part of parts) {
      if (part.type === "speech") stream.tts(part.text);
      else if (part.type === "data") stream.data(part.content);
    }
    stream.end();
    return Promise.resolve();
  });
}

/** The events of a response, as a client of the standard reads them. */
async function readEvents(response: Response): Promise<unknown[]> {
  assert(response.body !== null);
  const messages = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  const events: unknown[] = [];
  for await (const message of messages) events.push(JSON.parse(message.data));
  return events;
}

const END = { type: "response.end", turn_id: "turn_1" };

Deno.test("createAnswerStream() writes each event as one data line and a blank one", async () => {
  const parts = [speech("Hello there."), data({ chart: [1, 2] })];
  for (const response of [respond(parts), respondInTime(parts)]) {
    assertEquals(
      await response.text(),
      'data: {"type":"response.tts","content":"Hello there.","turn_id":"turn_1"}\n\n' +
        'data: {"type":"response.data","content":{"chart":[1,2]},"turn_id":"turn_1"}\n\n' +
        'data: {"type":"response.end","turn_id":"turn_1"}\n\n',
    );
  }
});

Deno.test("createAnswerStream() writes an empty answer as response.end alone", async () => {
  assertEquals(
    await respond([]).text(),
    'data: {"type":"response.end","turn_id":"turn_1"}\n\n',
  );
});

const ANSWERS: [what: string, parts: TurnPart[]][] = [
  ["nothing", []],
  ["a sentence", [speech("Hello there.")]],
  ["a sentence in pieces", [speech("Hel"), speech("lo "), speech("there.")]],
  ["an empty piece", [speech("")]],
  ["several lines", [speech("one\ntwo\r\nthree\rfour\n\n")]],
  ["what looks like the protocol", [speech('\n\ndata: {"type":"x"}\n\n')]],
  ["line separators of Unicode", [speech("a\u2028b\u2029c\u0085d")]],
  ["quotes, backslashes and control characters", [speech('"\\\t\0\x1b')]],
  ["letters beyond ASCII", [speech("Grüße, 世界 👋🏽")]],
  ["halves of an emoji", [speech("\ud83d"), speech("\udc4b")]],
  ["data of every kind", [
    data({ deep: { list: [1, "two", null, true] } }),
    data([]),
    data("text\nof two lines"),
    data(0),
    data(null),
  ]],
  ["speech and data by turns", [data({ a: 1 }), speech("x"), data({ b: 2 })]],
];

for (const [what, parts] of ANSWERS) {
  Deno.test(`createAnswerStream() writes the official SDK's bytes for ${what}`, async () => {
    const official = await officialResponse(parts).bytes();
    assertEquals(await respond(parts).bytes(), official);
    assertEquals(await respondInTime(parts).bytes(), official);
  });

  Deno.test(`createAnswerStream() can be read by a standard client: ${what}`, async () => {
    const events = await readEvents(respond(parts));
    const expected = parts.map((part) => ({
      type: part.type === "speech" ? "response.tts" : "response.data",
      content: part.type === "speech"
        ? part.text
        : part.type === "data" && part.content,
      turn_id: "turn_1",
    }));
    assertEquals(events, [...expected, END]);
  });
}

Deno.test("createAnswerStream() sends how the turn ended only on request", async () => {
  const parts: TurnPart[] = [speech("Hi"), {
    type: "summary",
    status: "complete",
    details: {
      provider: "echo",
      totalMs: 12,
      outputTokens: 3,
      cachedTokens: 2,
      promptMs: 1,
      ended: "max-tokens",
    },
  }];
  const tts = { type: "response.tts", content: "Hi", turn_id: "turn_1" };
  assertEquals(await readEvents(respond(parts)), [tts, END]);
  assertEquals(await readEvents(respond(parts, true)), [tts, {
    type: "parley.turn",
    turn_id: "turn_1",
    status: "complete",
    provider: "echo",
    total_ms: 12,
    output_tokens: 3,
    prompt_ms: 1,
    cached_tokens: 2,
    ended: "max-tokens",
  }, END]);
});

Deno.test("createAnswerStream() repeats any turn id", async () => {
  const turnId = 'a"b\nc';
  const answer = createAnswerStream({ turnId });
  answer.write(speech("x"));
  answer.end();
  assertEquals(await readEvents(answer.response), [
    { type: "response.tts", content: "x", turn_id: turnId },
    { type: "response.end", turn_id: turnId },
  ]);
});

Deno.test("createAnswerStream() sends the official SDK's headers", async () => {
  const ours = respond([]);
  const official = officialResponse([]);
  assertEquals(ours.status, 200);
  for (const [name, value] of official.headers) {
    assertEquals(ours.headers.get(name), value, name);
  }
  assertEquals(ours.headers.get("content-type"), "text/event-stream");
  await ours.body?.cancel();
  await official.body?.cancel();
});

Deno.test("createAnswerStream() asks nginx not to buffer the answer", async () => {
  const response = respond([]);
  assertEquals(response.headers.get("x-accel-buffering"), "no");
  await response.body?.cancel();
});

Deno.test("createAnswerStream() responds before the first word", () => {
  assertEquals(begin().answer.response.status, 200);
});

Deno.test("createAnswerStream() sends each piece at once to a client who waits for it", async () => {
  const { answer } = begin();
  const reader = answer.response.body!.getReader();
  for (const word of ["One ", "two ", "three."]) {
    const read = reader.read();
    assertEquals(answer.write(speech(word)), undefined);
    const { value } = await read;
    assertEquals(
      new TextDecoder().decode(value),
      `data: {"type":"response.tts","content":"${word}","turn_id":"turn_1"}\n\n`,
    );
  }
  await reader.cancel();
});

Deno.test("createAnswerStream() sends what came while the client was busy with the next piece, once", async () => {
  const { answer } = begin();
  const reader = answer.response.body!.getReader();
  const first = reader.read();
  answer.write(speech("a"));
  await first;
  answer.write(speech("b"));
  answer.write(speech("c"));
  answer.end();
  const { value } = await reader.read();
  const text = new TextDecoder().decode(value);
  assertEquals(text.match(/"content":"\w"|response.end/g), [
    '"content":"b"',
    '"content":"c"',
    "response.end",
  ]);
  assertEquals((await reader.read()).done, true);
});

Deno.test("createAnswerStream() ends once, and writes nothing after the end", async () => {
  const { answer } = begin();
  answer.write(speech("a"));
  answer.end();
  answer.end();
  assertEquals(answer.write(speech("b")), undefined);
  const events = await readEvents(answer.response);
  assertEquals(events.length, 2);
  assertEquals(events.at(-1), END);
  assertEquals(answer.signal.aborted, false);
});

Deno.test("createAnswerStream() throws on data that can't be written as JSON, and goes on", async () => {
  const { answer } = begin();
  assertThrows(() => answer.write(data(1n)), TypeError);
  answer.write(speech("a"));
  answer.end();
  const events = await readEvents(answer.response);
  assertEquals(events.map((event) => (event as { type: string }).type), [
    "response.tts",
    "response.end",
  ]);
});

Deno.test("createAnswerStream() aborts its signal when the client leaves, and then accepts words without an error", async () => {
  const { answer } = begin();
  const reader = answer.response.body!.getReader();
  const read = reader.read();
  answer.write(speech("word "));
  await read;
  await reader.cancel();
  await reader.cancel();
  assertEquals(answer.signal.aborted, true);
  assertEquals(answer.write(speech("x".repeat(20_000))), undefined);
  answer.end();
});
