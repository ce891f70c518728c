import {
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertStringIncludes,
} from "@std/assert";
import { startFakeGemini } from "../fakes/gemini.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
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
    /\(\d+ ms first word, \d+(\.\d)? m?s total, echo, tokens: \d+ out, conversation conv_/,
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

Deno.test({
  name: "say.ts finds the server where HOST and PORT say that it is",
  // Elsewhere this machine has but one address of its own.
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const HOST = "127.0.0.2";
    await using server = await startServer({ env: { HOST } });
    const { folder, url } = server;
    assertStringIncludes(url, `//${HOST}:`);
    const env = { HOST, PORT: new URL(url).port };
    const { code, stdout } = await runProgram(SAY, ["Hello"], { folder, env });
    assertEquals(code, 0);
    assertStringIncludes(stdout, "You said: Hello");
  },
});

Deno.test("say.ts tells how long the prompt was read, and what ended the answer", async () => {
  const metrics = { prompt_eval_duration: 172_400_000, eval_count: 1_024 };
  await using ollama = startFakeOllama(() => ({
    kind: "max-tokens",
    chunks: ["And so on."],
    metrics,
  }));
  await using server = await startServer({
    env: { LLM_PROVIDER: "ollama", OLLAMA_HOST: ollama.url },
  });
  const { folder } = server;
  const env = { PORT: new URL(server.url).port };
  const { stdout } = await runProgram(SAY, ["Hello"], { folder, env });
  assertMatch(
    stdout,
    /ollama · qwen3\.5:4b, tokens: \d+ in, 1,024 out, prompt read in 172 ms, ended at MAX_ANSWER_TOKENS, conversation conv_/,
  );
  const json = await runProgram(SAY, ["--json", "Hello"], { folder, env });
  assertObjectMatch(JSON.parse(json.stdout), {
    prompt_ms: 172,
    ended: "max-tokens",
  });
});

Deno.test("say.ts tells how much of the prompt was read before", async () => {
  const chunk = {
    candidates: [{
      content: { parts: [{ text: "Hi" }], role: "model" },
      finishReason: "STOP",
    }],
    usageMetadata: {
      promptTokenCount: 2_690,
      cachedContentTokenCount: 2_048,
      candidatesTokenCount: 2,
    },
  };
  const bytes = [
    new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\r\n\r\n`),
  ];
  await using gemini = startFakeGemini(() => ({ kind: "raw", bytes }));
  await using server = await startServer({
    env: {
      LLM_PROVIDER: "gemini",
      GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
      GEMINI_BASE_URL: gemini.url,
    },
  });
  const { folder } = server;
  const env = { PORT: new URL(server.url).port };
  const { stdout } = await runProgram(SAY, ["Hello"], { folder, env });
  assertStringIncludes(stdout, "tokens: 2,690 in, 2 out, 2,048 cached");
  const json = await runProgram(SAY, ["--json", "Hello"], { folder, env });
  assertObjectMatch(JSON.parse(json.stdout), { cached_tokens: 2_048 });
});

Deno.test("say.ts exits with 1 and says what to fix", async () => {
  await using server = await startServer();
  const folder = await Deno.makeTempDir();
  try {
    const env = { PORT: "9" };
    const say = (...args: string[]) => runProgram(SAY, args, { folder, env });
    const cases: [string[], string][] = [
      [["Hello"], "No webhook secret"],
      [["--secret", "s", "Hello"], "Is the server running?"],
      [["--secret", "s", "--url", "nowhere", "Hello"], "not a URL"],
      [["--secret", "s", "--url", "localhost:3000", "Hello"], "not a URL"],
      [["--secret", "s", ""], "The text is empty"],
      [["--secret", "s", "--loud", "Hello"], "--loud"],
      [["--secret", "s", "--event", "data", "{"], "in JSON at position 1"],
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
    const says = {
      failed: "The server's log says why; deno task doctor",
      broken: "The answer broke off",
    };
    for (const [status, why] of Object.entries(says)) {
      const args = ["--json", "--url", url, "--secret", "s", "Hello"];
      const { code, stdout, stderr } = await runProgram(SAY, args, { folder });
      assertEquals(code, 1);
      assertStringIncludes(stderr, why);
      assertObjectMatch(JSON.parse(stdout), { text: "Sorry.", status });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("say.ts doesn't take another server's answer for Parley's", async () => {
  const folder = await Deno.makeTempDir();
  const orders = "\x1b]0;owned\x07\x9b31m";
  const stream = (...events: unknown[]) =>
    new Response(
      events.map((event) => `data: ${JSON.stringify(event)}\n\n`)
        .join(""),
      { headers: { "content-type": "text/event-stream" } },
    );
  const asked: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      switch (pathname) {
        case "/page":
          return new Response(`<h1>${orders}</h1>`, {
            headers: { "content-type": "text/html" },
          });
        case "/moved":
          return new Response(null, {
            status: 307,
            headers: { location: "/elsewhere" },
          });
        case "/refused":
          return Response.json({ error: orders }, { status: 403 });
        default:
          return stream(
            { type: "response.tts", content: orders },
            { type: "response.data", content: orders },
            {
              type: "parley.turn",
              status: "complete",
              provider: orders,
              model: orders,
            },
            { type: "response.end" },
          );
      }
    },
  );
  try {
    const base = `http://127.0.0.1:${server.addr.port}`;
    const cases: [string, string[], number, string][] = [
      [
        "/page",
        [],
        1,
        "/page did not answer as Parley does (200)\n    → check",
      ],
      ["/moved", [], 1, "redirects (307) to"],
      ["/refused", [], 1, "error"],
      ["/agent", [], 0, "owned"],
      ["/agent", ["--json"], 0, "\\u009b31m"],
    ];
    for (const [path, flags, code, says] of cases) {
      const args = [...flags, "--url", base + path, "--secret", "s", "Hello"];
      const ran = await runProgram(SAY, args, { folder });
      assertEquals(ran.code, code, path);
      const all = ran.stdout + ran.stderr;
      assertStringIncludes(all, says);
      // deno-lint-ignore no-control-regex -- those are what is looked for
      assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(all), false, path);
    }
    // What is signed is carried nowhere else.
    assertEquals(asked.includes("/elsewhere"), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("say.ts and doctor.ts find a server that listens on another address than usual", async () => {
  const settings = { HOST: "127.0.0.2", API_KEYS: "a-key-of-sixteen" };
  await using server = await startServer({ env: settings });
  assertMatch(server.url, /^http:\/\/127\.0\.0\.2:/);
  const { folder } = server;
  const PORT = new URL(server.url).port;
  const env = { ...settings, PORT, LLM_PROVIDER: "echo" };
  for (const platform of ["layercode", "openai"]) {
    const args = ["--platform", platform, "Hello"];
    const { code, stderr } = await runProgram(SAY, args, { folder, env });
    assertEquals(code, 0, stderr);
  }
  const doctor = await runProgram("src/cli/doctor.ts", [], { folder, env });
  assertStringIncludes(doctor.stdout, "✓ chat completions: ");
});
