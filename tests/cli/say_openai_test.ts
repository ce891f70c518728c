import {
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertStringIncludes,
} from "@std/assert";
import { startFakeOpenAi } from "../fakes/openai.ts";
import { serveOn } from "../fakes/loopback.ts";
import { runProgram, startServer } from "../fakes/server.ts";

const SAY = "src/cli/say.ts";
const KEY = "key-for-tests-only-0123456789";

Deno.test("say.ts --platform openai talks by chat completions, with the key of the settings", async () => {
  await using server = await startServer({ env: { API_KEYS: KEY } });
  const { folder } = server;
  const settings = { API_KEYS: KEY, PORT: new URL(server.url).port };
  const say = (args: string[], { env = settings, input = "" } = {}) =>
    runProgram(SAY, ["--platform", "openai", ...args], { folder, env, input });

  const one = await say(["Hello", "there"]);
  assertEquals(one.code, 0, one.stderr);
  assertStringIncludes(one.stdout, "You said: Hello there");
  assertMatch(one.stdout, /\n\(.*\bfirst word\b.*, conversation conv_\w+\)\n/);
  const json = await say(["--json", "--conversation", "c0", "Hello"]);
  assertObjectMatch(JSON.parse(json.stdout), {
    conversation_id: "c0",
    status: "complete",
  });

  const two = await say(["--conversation", "c1"], {
    input: "First\n\nSecond\n",
  });
  assertEquals(two.code, 0, two.stderr);
  assertStringIncludes(two.stdout, "message number 2");

  const refused = await say(["--secret", "wrong", "Hello"]);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stdout, "invalid_api_key");
  const { code, stderr } = await say(["Hello"], {
    env: { ...settings, API_KEYS: "" },
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "No API key: set API_KEYS");
});

Deno.test("say.ts --platform openai keeps the history, as platforms do", async () => {
  await using server = startFakeOpenAi(
    (_, index) => ({ kind: "text", chunks: ["Answer ", `no. ${index}.`] }),
    { apiKey: KEY, models: [{ id: "parley" }] },
  );
  const folder = await Deno.makeTempDir();
  try {
    const args = [
      ...["--platform", "openai", "--secret", KEY, "--json"],
      ...["--url", server.url, "--conversation", "c1"],
    ];
    const input = "First\nSecond\n";
    const { code, stdout } = await runProgram(SAY, args, { folder, input });
    assertEquals(code, 0);
    const [first = ""] = stdout.split("\n");
    assertObjectMatch(JSON.parse(first), {
      text: "Answer no. 0.",
      input_tokens: 31,
      output_tokens: 24,
    });
    const [, second] = server.requests;
    assertEquals(second?.headers.get("x-parley-conversation"), "c1");
    assertEquals(second?.body?.messages, [
      { role: "user", content: "First" },
      { role: "assistant", content: "Answer no. 0." },
      { role: "user", content: "Second" },
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("say.ts --platform openai exits with 1 when the answer broke off, or isn't one", async () => {
  const folder = await Deno.makeTempDir();
  const chunk = { choices: [{ delta: { content: "Well, " } }] };
  const stream = `data: ${JSON.stringify(chunk)}\n\n`;
  const headers = { "content-type": "text/event-stream" };
  await using server = serveOn(() => new Response(stream, { headers }));
  try {
    const say = (...args: string[]) =>
      runProgram(SAY, ["--secret", KEY, "--url", server.url, ...args], {
        folder,
      });
    const broken = await say("--platform", "openai", "Hello");
    assertEquals(broken.code, 1);
    assertStringIncludes(broken.stdout, "Well, ");
    assertStringIncludes(broken.stderr, "The answer broke off");
    const event = await say("--platform", "openai", "--event", "data", "{}");
    assertEquals(event.code, 1);
    assertStringIncludes(event.stderr, "for --platform layercode only");
    const nobody = await say("--platform", "nobody", "Hello");
    assertEquals(nobody.code, 1);
    assertStringIncludes(nobody.stderr, "must be layercode or openai");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
