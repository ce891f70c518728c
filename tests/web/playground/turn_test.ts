import { assertEquals, assertStringIncludes } from "@std/assert";
import { toCompletion, Turn } from "../../../src/web/playground/turn.js";
import { cleanEnv, startServer } from "../../fakes/server.ts";

function turnAt(now: number, isSpoken = false) {
  const request = { type: "message", turn_id: "turn_1", text: "Hello" };
  return new Turn(request, { isSpoken, now });
}

Deno.test("Turn.add() puts words together, and takes the times", () => {
  const turn = turnAt(100);
  assertEquals(turn.isOpen, true);
  turn.add({ type: "response.tts", content: "Good " }, 150);
  turn.add({ type: "response.tts", content: "morning." }, 180);
  assertEquals(turn.state, "answering");
  turn.add({ type: "response.end" }, 200);
  assertEquals(turn.text, "Good morning.");
  assertEquals(turn.heard, turn.text.length);
  assertEquals(turn.parts, [{ type: "words", text: "Good morning." }]);
  assertEquals([turn.summary.first_words_ms, turn.summary.total_ms], [50, 100]);
  assertEquals(turn.state, "complete");
  assertEquals(turn.isOpen, false);
});

Deno.test("Turn.add() leaves what is spoken unheard until the voice tells", () => {
  const turn = turnAt(0, true);
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.heard, 0);
  assertEquals(turn.isOpen, true, "it still speaks");
});

Deno.test("Turn.add() shows tools and data between the words", () => {
  const turn = turnAt(0);
  const tool = { tool: "current_time", call_id: "c1" };
  for (
    const [content, now] of [
      [{ ...tool, status: "running" }, 10],
      [{ ...tool, status: "done" }, 25],
      [{ cart: ["tea"] }, 30],
      ["text", 31],
      [null, 32],
    ] as const
  ) turn.add({ type: "response.data", content }, now);
  assertEquals(turn.parts, [
    {
      type: "tool",
      id: "c1",
      name: "current_time",
      status: "done",
    },
    { type: "data", content: { cart: ["tea"] } },
    { type: "data", content: "text" },
    { type: "data", content: null },
  ]);
});

Deno.test("Turn.add() believes the server that a turn failed", () => {
  const turn = turnAt(0);
  turn.add({ type: "something.new" }, 1);
  // What the server adds to Layercode's events.
  turn.add({ type: "parley.turn", status: "failed" } as never, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.state, "failed");
});

Deno.test("Turn.cutOff() stops what was at work", () => {
  const turn = turnAt(0, true);
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  const content = { tool: "look", call_id: "c1", status: "running" };
  turn.add({ type: "response.data", content }, 2);
  turn.cutOff(5, 30);
  assertEquals(turn.isOpen, false);
  const { state, heard, summary } = turn;
  assertEquals([state, heard, summary.total_ms], ["interrupted", 5, 30]);
  const [, tool] = turn.parts;
  assertEquals(tool?.type === "tool" && tool.status, "stopped");
});

Deno.test("Turn.figures has the times of the caller, and the rest from the server", () => {
  const turn = turnAt(100);
  const server = { provider: "gemini", first_words_ms: 1, input_tokens: 2_690 };
  turn.add({ type: "response.tts", content: "Good." }, 150);
  turn.add(
    { type: "parley.turn", status: "complete", ...server } as never,
    160,
  );
  turn.add({ type: "response.end" }, 200);
  const { caller, figures, events } = turn;
  assertEquals(caller, "Hello");
  assertEquals(figures, [
    "50 ms first word",
    "100 ms total",
    "gemini",
    "tokens: 2,690 in",
  ]);
  assertEquals(events.map(({ atMs }) => atMs), [0, 50, 60, 100]);
  assertEquals(events[0]?.content, turn.request);
});

Deno.test("Turn.hear() ends a turn of which all is spoken", () => {
  const turn = turnAt(0, true);
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.state, "answering");
  turn.hear(12);
  assertEquals(turn.state, "answering");
  turn.hear(13);
  assertEquals(turn.state, "complete");
});

Deno.test("Turn.remark says what ended an answer for the model", () => {
  for (
    const [ended, says] of [
      [undefined, ""],
      ["max-tokens", "ended at MAX_ANSWER_TOKENS"],
      ["repetition", "ended for repeating itself"],
    ]
  ) {
    const turn = turnAt(0);
    const summary = { type: "parley.turn", status: "complete", ended };
    turn.add({ type: "response.tts", content: "And so on." }, 1);
    turn.add(summary, 2);
    turn.add({ type: "response.end" }, 3);
    assertEquals(turn.remark, says);
  }
});

const KEY = "key-for-tests-only-0123456789";
const TEXT = `It's "so" so: $HOME \`date\` \u4e16`;
const TURNS = [
  { request: { type: "session.start" }, text: "Welcome!", heard: 8 },
  { request: { type: "message", text: "Hi" }, text: "Yes, sure.", heard: 4 },
  { request: { type: "data", data: 1 }, text: "", heard: 0 },
  { request: { type: "message", text: TEXT }, text: "Well.", heard: 5 },
];

Deno.test("toCompletion() makes a command that a shell runs, key and all", async () => {
  await using server = await startServer({
    env: { API_KEYS: KEY, SPEECH_CLEANUP: "off" },
  });
  const script = toCompletion(TURNS, {
    origin: server.url,
    conversation: "conv_1",
  });
  const run = async (env: Record<string, string>) => {
    const { stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", script],
      env: cleanEnv(env),
      clearEnv: true,
    }).output();
    return new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
  };
  const words = (await run({ API_KEY: KEY })).split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)).choices[0].delta.content ?? "");
  assertStringIncludes(words.join(""), `You said: ${TEXT}.`);
  assertStringIncludes(words.join(""), "message number 2");
  assertStringIncludes(await run({}), "API_KEY: is one of API_KEYS");
});

Deno.test("toCompletion() tells what was heard, and ends with the caller's words", () => {
  const script = toCompletion(TURNS, {
    origin: "http://x",
    conversation: "conv_1",
  });
  const [, body = ""] = /--data-binary '(.*)'\n$/.exec(script) ?? [];
  assertEquals(JSON.parse(body.replaceAll(`'\\''`, "'")).messages, [
    { role: "assistant", content: "Welcome!" },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Yes," },
    { role: "user", content: TEXT },
  ]);
});
