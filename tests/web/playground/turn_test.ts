import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  toCompletion,
  toCurl,
  Turn,
} from "../../../src/web/playground/turn.js";
import { cleanEnv, startServer } from "../../fakes/server.ts";

function turnAt(now: number, speaker?: ReturnType<typeof silent>) {
  const request = { type: "message", turn_id: "turn_1", text: "Hello" };
  return new Turn(request, now, speaker);
}

/** A speaker whose offset a test sets. */
function silent() {
  return { offset: 0, saying: "", add() {}, stop() {} };
}

function statusOf(turn: Turn): string {
  return turn.document.status;
}

Deno.test("Turn.add() joins words, and measures the times", () => {
  const turn = turnAt(100);
  assertEquals(turn.isOpen, true);
  turn.add({ type: "response.tts", content: "Good " }, 150);
  turn.add({ type: "response.tts", content: "morning." }, 180);
  assertEquals(statusOf(turn), "answering");
  turn.add({ type: "response.end" }, 200);
  assertEquals(turn.isOpen, false);
  const { assistant, heard, status, ...rest } = turn.document;
  assertEquals([assistant, heard], ["Good morning.", "Good morning."]);
  assertEquals([rest.first_words_ms, rest.total_ms], [50, 100]);
  assertEquals(status, "complete");
});

Deno.test("Turn.heard follows the speaker if the answer is spoken", () => {
  const turn = turnAt(0, silent());
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.heard, "");
  assertEquals(turn.isOpen, true, "it still speaks");
});

Deno.test("Turn.add() tells tool calls from other data", () => {
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
  const { tool_calls, data } = turn.document;
  assertEquals(tool_calls?.map(({ name, status }) => [name, status]), [
    ["current_time", "done"],
  ]);
  assertEquals(data, [{ cart: ["tea"] }, "text", null]);
});

Deno.test("Turn.document is failed if the server says so", () => {
  const turn = turnAt(0);
  turn.add({ type: "something.new" }, 1);
  // An event of Parley's own, besides Layercode's.
  turn.add({ type: "parley.turn", status: "failed" } as never, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(statusOf(turn), "failed");
  assertStringIncludes(turn.document.remark ?? "", "Parley's log");
});

Deno.test("Turn.cutOff() ends the turn and stops its running tools", () => {
  const speaker = silent();
  const turn = turnAt(0, speaker);
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  speaker.offset = 4;
  const content = { tool: "look", call_id: "c1", status: "running" };
  turn.add({ type: "response.data", content }, 2);
  turn.cutOff(30);
  assertEquals(turn.isOpen, false);
  const { status, heard, total_ms, tool_calls } = turn.document;
  assertEquals([status, heard, total_ms], ["interrupted", "Good", 30]);
  assertEquals(tool_calls?.map(({ status }) => status), ["stopped"]);
});

Deno.test("Turn.document has the caller's times, and the server's other figures", () => {
  const turn = turnAt(100);
  const server = { provider: "gemini", first_words_ms: 1, input_tokens: 2_690 };
  turn.add({ type: "response.tts", content: "Good." }, 150);
  turn.add(
    {
      type: "parley.turn",
      status: "complete",
      ended: "max-tokens",
      ...server,
    } as never,
    160,
  );
  turn.add({ type: "response.end" }, 200);
  const { user, events = [], ...rest } = turn.document;
  assertEquals(user, "Hello");
  assertEquals(
    [rest.first_words_ms, rest.total_ms, rest.provider, rest.input_tokens],
    [50, 100, "gemini", 2_690],
  );
  assertEquals([rest.status, rest.ended], ["complete", "max-tokens"]);
  assertEquals(events.map(({ atMs }) => atMs), [0, 50, 60, 100]);
  assertEquals(events[0]?.content, turn.request);
});

Deno.test("Turn.isOpen until everything is spoken", () => {
  const speaker = silent();
  const turn = turnAt(0, speaker);
  turn.add({ type: "response.tts", content: "Good morning. " }, 1);
  turn.add({ type: "response.end" }, 2);
  assertEquals(turn.isOpen, true);
  speaker.offset = 12;
  assertEquals(turn.isOpen, true);
  speaker.offset = 13;
  assertEquals(turn.isOpen, false);
});

Deno.test("Turn.mute() counts all shown words as heard", () => {
  const turn = turnAt(0, silent());
  turn.add({ type: "response.tts", content: "Good morning." }, 1);
  turn.mute();
  assertEquals([turn.heard, turn.isOpen], ["Good morning.", true]);
  turn.add({ type: "response.end" }, 2);
  assertEquals(statusOf(turn), "complete");
});

const KEY = "key-for-tests-only-0123456789";
const TEXT = `It's "so" so: $HOME \`date\` \u4e16`;
/** Texts that a shell could misinterpret. */
const TEXTS = [
  TEXT,
  "plain",
  "It's 'quoted', and so's this: ''",
  "two\nlines\tand a tab",
  "${PATH} $(exit 1) `exit 1` \\ \\n %s %% !! #",
  "Grüße 🎉 \u2028 \u0001",
  "-d @/etc/passwd; exit 1 & |",
];
const TURNS = [
  { request: { type: "session.start" }, heard: "Welcome!" },
  { request: { type: "message", text: "Hi" }, heard: "Yes," },
  { request: { type: "data", data: 1 }, heard: "" },
  { request: { type: "message", text: TEXT }, heard: "Well." },
];

/** Runs commands in a shell and returns what they printed. */
async function run(
  script: string,
  { shell = "bash", ...options }: {
    shell?: string;
    cwd?: string;
    env?: Record<string, string>;
  },
): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(shell, {
    ...options,
    args: ["-c", script],
    env: cleanEnv(options.env),
    clearEnv: true,
  }).output();
  return new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
}

/** Parses the events of an answer that curl printed. */
function eventsOf(printed: string) {
  return printed.split("\n").filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)));
}

Deno.test("toCurl() makes commands that a shell runs with any text", async () => {
  await using server = await startServer({ env: { SPEECH_CLEANUP: "off" } });
  for (const [index, text] of TEXTS.entries()) {
    for (const shell of ["bash", "sh"]) {
      const script = toCurl({
        type: "message",
        conversation_id: `${shell}_${index}`,
        turn_id: "turn_old",
        text,
      }, server.url);
      const printed = await run(script, { shell, cwd: server.folder });
      const events = eventsOf(printed);
      const words = events.map(({ content = "" }) => content).join("");
      assertStringIncludes(words, `You said: ${text}.`, printed);
      assertMatch(events.at(-1)?.turn_id, /^turn_\d+$/);
    }
  }
});

Deno.test("toCurl() signs with the first secret of the shell's environment", async () => {
  const secret = "a 'secret' of $mine";
  const env = { LAYERCODE_WEBHOOK_SECRET: `${secret},another one` };
  await using server = await startServer({ env });
  const start = { type: "session.start", conversation_id: "c", turn_id: "t" };
  const script = toCurl(start, server.url);
  assertStringIncludes(await run(script, { env }), "response.end");
});

Deno.test("toCurl() finds the secret in .env, also with Windows line endings", async () => {
  const secret = "whsec_of_this_test";
  await using server = await startServer({
    env: { LAYERCODE_WEBHOOK_SECRET: secret },
  });
  await Deno.writeTextFile(
    `${server.folder}/.env`,
    `PORT=1\r\nLAYERCODE_WEBHOOK_SECRET="${secret}"\r\n`,
  );
  const start = { type: "session.start", conversation_id: "c", turn_id: "t" };
  const script = toCurl(start, server.url);
  for (const shell of ["bash", "sh"]) {
    const printed = await run(script, { shell, cwd: server.folder });
    assertStringIncludes(printed, "response.end");
  }
});

Deno.test("toCurl() leaves the rest of the event unchanged", async () => {
  const request = {
    type: "message",
    turn_id: "turn_1",
    interruption_context: { text_heard: "It's" },
  };
  const [body = ""] = /^body=.*$/m.exec(toCurl(request, "http://x")) ?? [];
  const printed = await run(`t=1\n${body}\nprintf %s "$body"`, {});
  assertEquals(JSON.parse(printed), request);
});

Deno.test("toCompletion() makes a command that a shell runs, with the API key", async () => {
  await using server = await startServer({
    env: { API_KEYS: KEY, SPEECH_CLEANUP: "off" },
  });
  const script = toCompletion(TURNS, {
    origin: server.url,
    conversation: "conv_1",
  });
  const words = eventsOf(await run(script, { env: { API_KEY: KEY } }))
    .map(({ choices }) => choices[0].delta.content ?? "");
  assertStringIncludes(words.join(""), `You said: ${TEXT}.`);
  assertStringIncludes(words.join(""), "message number 2");
  assertStringIncludes(await run(script, {}), "API_KEY: is one of API_KEYS");
});

Deno.test("toCompletion() sends what was heard, and ends with the caller's words", () => {
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
