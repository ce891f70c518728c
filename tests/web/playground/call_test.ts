import { assert, assertEquals, assertMatch } from "@std/assert";
import { Call, newId, readEvents } from "../../../src/web/playground/call.js";
import type { AnswerEvent } from "../../../src/web/playground/turn.js";

type Request = Record<string, unknown>;
type Answer = (
  request: Request,
  signal: AbortSignal,
) => AsyncIterable<AnswerEvent> | string;

/** A call whose server is a function of the test, and the requests that it was sent. */
function start(answer: Answer) {
  const sent: Request[] = [];
  const call = new Call({
    id: "conv_1",
    post(request, signal) {
      sent.push(request);
      const events = answer(request, signal ?? AbortSignal.any([]));
      return typeof events === "string"
        ? Promise.reject(new Error(events))
        : Promise.resolve(new Response(toBytes(events)));
    },
    createSpeaker: () => undefined,
    now: () => 0,
    onChange() {},
  });
  return { call, sent };
}

function toBytes(events: AsyncIterable<AnswerEvent>) {
  return ReadableStream.from((async function* () {
    for await (const event of events) {
      yield `data: ${JSON.stringify(event)}\n\n`;
    }
  })()).pipeThrough(new TextEncoderStream());
}

async function* whole(): AsyncGenerator<AnswerEvent> {
  yield { type: "response.tts", content: "Good morning." };
  yield { type: "response.end" };
}

/** An answer that stalls after its first words until it is aborted. */
async function* endless(signal: AbortSignal): AsyncGenerator<AnswerEvent> {
  yield { type: "response.tts", content: "Once upon a time " };
  await new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason))
  );
}

/** Waits until the newest turn has words. */
async function waitForWords(call: Call): Promise<void> {
  while (call.last?.text === "") {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("newId() makes unique ids", () => {
  assertMatch(newId("conv"), /^conv_\d{3,30}$/);
  assert(newId("turn") !== newId("turn"));
});

Deno.test("Call.connect() starts a new session of the same conversation", async () => {
  const { call, sent } = start(whole);
  assertEquals(await call.connect(), true);
  assertEquals(await call.connect(), true);
  await call.say("Hello");
  const [opened, connected, said] = sent;
  assertEquals(sent.map(({ type }) => type), [
    "session.start",
    "session.start",
    "message",
  ]);
  for (const { conversation_id } of sent) {
    assertEquals(conversation_id, "conv_1");
  }
  assert(opened?.session_id !== connected?.session_id);
  assertEquals(connected?.session_id, said?.session_id);
  assertEquals(call.turns.length, 3);
});

Deno.test("Call.say() reports once what was heard of a turn that was cut off", async () => {
  const { call, sent } = start(({ text }, signal) =>
    text === "A story!" ? endless(signal) : whole()
  );
  await call.connect();
  const story = call.say("A story!");
  await waitForWords(call);
  const id = call.last?.request.turn_id;
  await call.say("Enough");
  assertEquals(await story, true);
  await call.say("Thanks");
  assertEquals(sent.map((request) => request.interruption_context), [
    undefined,
    undefined,
    {
      previous_turn_interrupted: true,
      words_heard: 4,
      text_heard: "Once upon a time",
      assistant_turn_id: id,
    },
    undefined,
  ]);
});

Deno.test("Call.repeat() sends the newest turn again, and replaces it", async () => {
  const { call, sent } = start(whole);
  await call.connect();
  await call.say("Hello");
  await call.repeat();
  assertEquals(sent.length, 3);
  assertEquals(sent[2], sent[1]);
  assertEquals(call.turns.map(({ document }) => document.user), [
    undefined,
    "Hello",
  ]);
  assertEquals(call.last?.text, "Good morning.");
});

Deno.test("Call.repeat() leaves no interruption of the repeated turn to report", async () => {
  let isSlow = true;
  const { call, sent } = start((_, signal) =>
    isSlow ? endless(signal) : whole()
  );
  const story = call.say("A story!");
  await waitForWords(call);
  isSlow = false;
  await call.repeat();
  assertEquals(await story, true);
  assertEquals(call.turns.map(({ document }) => document.status), ["complete"]);
  await call.say("Thanks");
  assertEquals(sent.at(-1)?.interruption_context, undefined);
});

Deno.test("Call.say() is false if the server did not accept the text, which it then never heard", async () => {
  const { call, sent } = start(({ text }) =>
    text === "Enough" ? "Parley can't be reached." : whole()
  );
  await call.connect();
  assertEquals(await call.say("Enough"), false);
  assertEquals(call.last?.document.status, "failed");
  assertMatch(call.last?.document.remark ?? "", /can't be reached/);
  assertEquals(await call.say("Hello"), true);
  assertEquals(sent.at(-1)?.interruption_context, undefined);
});

Deno.test("Call.say() shows a broken connection", async () => {
  const { call } = start(async function* () {
    yield { type: "response.tts", content: "Half of " };
  });
  assertEquals(await call.say("All of it"), true);
  assertEquals(call.last?.document.status, "failed");
  assertMatch(call.last?.document.remark ?? "", /broke off/);
});

Deno.test("readEvents() reads events from chunks of any size", async () => {
  const bytes = new TextEncoder().encode(
    'data: {"type":"response.tts","content":"a\\n\\né"}\n\n' +
      ": a comment\n\n" +
      'data: {"type":"response.end"}\n\n',
  );
  for (let length = 1; length <= bytes.length; length++) {
    const pieces = ReadableStream.from((function* () {
      for (let at = 0; at < bytes.length; at += length) {
        yield bytes.slice(at, at + length);
      }
    })());
    assertEquals(await Array.fromAsync(readEvents(new Response(pieces))), [
      { type: "response.tts", content: "a\n\né" },
      { type: "response.end" },
    ]);
  }
});
