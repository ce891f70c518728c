// deno-lint-ignore no-import-prefix -- for tests alone, so not in deno.json
import { streamResponse } from "npm:@layercode/node-server-sdk@1.2.1";
import { assert, assertEquals } from "@std/assert";
import { EventSourceParserStream } from "eventsource-parser/stream";
import {
  type Answer,
  type AnswerPart,
  streamAnswer,
} from "../../src/layercode/sse.ts";

/** An answer of these parts, then its end or this error; and what became of it. */
function script(parts: AnswerPart[], error?: Error) {
  const calls = { next: 0, stop: 0, errors: [] as unknown[] };
  const stopped = Promise.withResolvers<void>();
  const rest = [...parts];
  const answer: Answer = {
    turnId: "turn_1",
    next: () => {
      calls.next++;
      const value = rest.shift();
      if (value !== undefined) return Promise.resolve({ done: false, value });
      if (error !== undefined) return Promise.reject(error);
      return Promise.resolve({ done: true, value: undefined });
    },
    stop: () => {
      calls.stop++;
      stopped.resolve();
      return Promise.resolve();
    },
    onError: (cause) => calls.errors.push(cause),
  };
  return { answer, calls, stopped: stopped.promise };
}

function speech(text: string): AnswerPart {
  return { type: "speech", text };
}

function data(content: unknown): AnswerPart {
  return { type: "data", content };
}

/** The bytes that the official SDK makes of the same answer. */
function officialResponse(parts: AnswerPart[]): Response {
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

Deno.test("streamAnswer() writes each event as one data line and a blank one", async () => {
  const { answer } = script([
    speech("Hello there."),
    data({ chart: [1, 2] }),
  ]);
  assertEquals(
    await streamAnswer(answer).text(),
    'data: {"type":"response.tts","content":"Hello there.","turn_id":"turn_1"}\n\n' +
      'data: {"type":"response.data","content":{"chart":[1,2]},"turn_id":"turn_1"}\n\n' +
      'data: {"type":"response.end","turn_id":"turn_1"}\n\n',
  );
});

Deno.test("streamAnswer() writes an empty answer as response.end alone", async () => {
  const { answer, calls } = script([]);
  assertEquals(
    await streamAnswer(answer).text(),
    'data: {"type":"response.end","turn_id":"turn_1"}\n\n',
  );
  assertEquals(calls, { next: 1, stop: 0, errors: [] });
});

const ANSWERS: [what: string, parts: AnswerPart[]][] = [
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
  Deno.test(`streamAnswer() writes the official SDK's bytes for ${what}`, async () => {
    const ours = await streamAnswer(script(parts).answer).bytes();
    const official = await officialResponse(parts).bytes();
    assertEquals(ours, official);
  });

  Deno.test(`streamAnswer() is understood by a client of the standard: ${what}`, async () => {
    const events = await readEvents(streamAnswer(script(parts).answer));
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

Deno.test("streamAnswer() tells how the turn went only to those who ask", async () => {
  const parts: AnswerPart[] = [speech("Hi"), {
    type: "summary",
    status: "complete",
    details: { provider: "echo", totalMs: 12, outputTokens: 3 },
  }];
  const tts = { type: "response.tts", content: "Hi", turn_id: "turn_1" };
  const { answer } = script(parts);
  assertEquals(await readEvents(streamAnswer(answer)), [tts, END]);
  const asked = { ...script(parts).answer, withDetails: true };
  assertEquals(await readEvents(streamAnswer(asked)), [tts, {
    type: "parley.turn",
    turn_id: "turn_1",
    status: "complete",
    provider: "echo",
    total_ms: 12,
    output_tokens: 3,
  }, END]);
});

Deno.test("streamAnswer() repeats whatever turn id it is given", async () => {
  const turnId = 'a"b\nc';
  const { answer } = script([speech("x")]);
  assertEquals(await readEvents(streamAnswer({ ...answer, turnId })), [
    { type: "response.tts", content: "x", turn_id: turnId },
    { type: "response.end", turn_id: turnId },
  ]);
});

Deno.test("streamAnswer() sends the official SDK's headers", async () => {
  const ours = streamAnswer(script([]).answer);
  const official = officialResponse([]);
  assertEquals(ours.status, 200);
  for (const [name, value] of official.headers) {
    assertEquals(ours.headers.get(name), value, name);
  }
  assertEquals(ours.headers.get("content-type"), "text/event-stream");
  await ours.body?.cancel();
  await official.body?.cancel();
});

Deno.test("streamAnswer() asks nginx not to hold the answer back", async () => {
  const response = streamAnswer(script([]).answer);
  assertEquals(response.headers.get("x-accel-buffering"), "no");
  await response.body?.cancel();
});

for (const parts of [[], [speech("Let me ")], [speech("a"), data(1)]]) {
  Deno.test(`streamAnswer() ends an answer that fails after ${parts.length} parts`, async () => {
    const error = new Error("the model's own words");
    const { answer, calls } = script(parts, error);
    const text = await streamAnswer(answer).text();
    const events = text.split("\n\n").filter((line) => line !== "");
    assertEquals(events.length, parts.length + 1);
    assertEquals(events.at(-1), `data: ${JSON.stringify(END)}`);
    assertEquals(text.split("response.end").length - 1, 1);
    assertEquals(text.includes("the model's own words"), false);
    assertEquals(calls, { next: parts.length + 1, stop: 0, errors: [error] });
  });
}

Deno.test("streamAnswer() ends an answer whose data can't be written as JSON", async () => {
  const { answer, calls } = script([data(1n)]);
  const text = await streamAnswer(answer).text();
  assertEquals(text, `data: ${JSON.stringify(END)}\n\n`);
  assertEquals(calls.errors.length, 1);
});

Deno.test("streamAnswer() does not stop an answer that was read to its end", async () => {
  const { answer, calls } = script([speech("a"), speech("b")]);
  await streamAnswer(answer).text();
  assertEquals(calls, { next: 3, stop: 0, errors: [] });
});

Deno.test("streamAnswer() stops the answer once when the client leaves", async () => {
  const { answer, calls, stopped } = script(
    Array.from({ length: 50 }, () => speech("word ")),
  );
  const reader = streamAnswer(answer).body!.getReader();
  await reader.read();
  await reader.cancel();
  await stopped;
  await reader.cancel();
  assertEquals(calls.stop, 1);
  assertEquals(calls.errors, []);
});

Deno.test("streamAnswer() stops the answer when the client leaves before a word", async () => {
  const { answer, calls, stopped } = script([speech("a")]);
  await streamAnswer(answer).body!.cancel();
  await stopped;
  assertEquals(calls.stop, 1);
});

Deno.test("streamAnswer() stops an answer that is still being waited for", async () => {
  const { answer, calls, stopped } = script([speech("a")]);
  const asked = Promise.withResolvers<void>();
  const late = Promise.withResolvers<IteratorResult<AnswerPart, void>>();
  const reader = streamAnswer({
    ...answer,
    next: () => {
      asked.resolve();
      return late.promise;
    },
  }).body!.getReader();
  const read = reader.read();
  await asked.promise;
  await reader.cancel();
  await stopped;
  assertEquals((await read).done, true);
  // What arrives now has nowhere to go, which must not be an error.
  late.resolve({ done: false, value: speech("too late") });
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(calls.stop, 1);
  assertEquals(calls.errors, []);
});

Deno.test("streamAnswer() does not run ahead of the client", async () => {
  const { answer, calls } = script(
    Array.from({ length: 1000 }, () => speech("word ")),
  );
  const reader = streamAnswer(answer).body!.getReader();
  for (let read = 1; read <= 10; read++) {
    await reader.read();
    // Whatever would run ahead has run by then: it waits for nothing.
    await new Promise((resolve) => setTimeout(resolve));
    assert(calls.next <= read + 2, `${calls.next} taken for ${read} read`);
  }
  await reader.cancel();
});

Deno.test("streamAnswer() answers before there is a word", () => {
  const { answer } = script([]);
  const never = new Promise<never>(() => {});
  const response = streamAnswer({ ...answer, next: () => never });
  assertEquals(response.status, 200);
});
