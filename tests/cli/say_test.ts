import {
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertStringIncludes,
} from "@std/assert";
import { runProgram, startServer } from "../fakes/server.ts";

const SAY = "src/cli/say.ts";

Deno.test("say.ts talks to a running server with the secret it made", async () => {
  await using server = await startServer();
  const { folder } = server;
  const env = { PORT: new URL(server.url).port };
  const say = (args: string[], input = "") =>
    runProgram(SAY, args, { folder, env, input });

  const one = await say(["Hello", "there"]);
  assertEquals(one.code, 0);
  assertStringIncludes(one.stdout, "You said: Hello there");
  assertMatch(
    one.stdout,
    /first word \d+ ms, total \d+ ms, \d+ tokens, echo, conversation conv_/,
  );
  const { stdout } = await say(["--json", "--conversation", "c0", "Hello"]);
  assertObjectMatch(JSON.parse(stdout), {
    conversation_id: "c0",
    status: "complete",
    provider: "echo",
    data: [],
  });

  // Two turns in a conversation of a given name, then a third by itself.
  const two = await say(["--conversation", "c1"], "First\n\nSecond\n");
  assertEquals(two.code, 0);
  assertStringIncludes(two.stdout, "Welcome!");
  assertStringIncludes(two.stdout, "message number 2");
  const three = await say(["--conversation", "c1", "Third"]);
  assertStringIncludes(three.stdout, "message number 3");

  const start = await say(["--event", "session.start"]);
  assertStringIncludes(start.stdout, "Welcome!");
  for (const event of ["session.update", "session.end", "data", "unheard.of"]) {
    const { code, stdout } = await say(["--event", event]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, '{"status":"ok"}');
  }
});

Deno.test("say.ts exits with 1 and says what to mend", async () => {
  await using server = await startServer();
  const folder = await Deno.makeTempDir();
  try {
    const env = { PORT: "9" };
    const say = (...args: string[]) => runProgram(SAY, args, { folder, env });
    const cases: [string[], string][] = [
      [["Hello"], "No webhook secret"],
      [["--secret", "s", "Hello"], "Is the server running?"],
      [["--secret", "s", "--url", "nowhere", "Hello"], "not a URL"],
      [["--secret", "s", "--loud", "Hello"], "--loud"],
      [["--secret", "s", "--event", "data", "{"], "must be JSON"],
    ];
    for (const [args, says] of cases) {
      const { code, stderr } = await say(...args);
      assertEquals(code, 1);
      assertStringIncludes(stderr, says);
      assertEquals(stderr.includes("at file:"), false);
    }
    const refused = await say("--secret", "wrong", "--url", server.url, "Hi");
    assertEquals(refused.code, 1);
    assertStringIncludes(refused.stdout, "invalid_signature");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("say.ts exits with 1 when the answer failed or broke off", async () => {
  const folder = await Deno.makeTempDir();
  const event = (fields: Record<string, unknown>) =>
    `data: ${JSON.stringify({ turn_id: "t", ...fields })}\n\n`;
  const sorry = event({ type: "response.tts", content: "Sorry." });
  const answers = [
    sorry + event({ type: "parley.turn", status: "failed" }) +
    event({ type: "response.end" }),
    sorry,
  ];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () =>
      new Response(answers.shift(), {
        headers: { "content-type": "text/event-stream" },
      }),
  );
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    for (const status of ["failed", "broken"]) {
      const args = ["--json", "--url", url, "--secret", "s", "Hello"];
      const { code, stdout } = await runProgram(SAY, args, { folder });
      assertEquals(code, 1);
      assertObjectMatch(JSON.parse(stdout), { text: "Sorry.", status });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
