import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { serveOn } from "../fakes/loopback.ts";
import { startFakeGemini } from "../fakes/gemini.ts";
import { type FakeOllamaModel, startFakeOllama } from "../fakes/ollama.ts";
import { runProgram, startServer } from "../fakes/server.ts";

const KEY = "AIza-the-key-of-a-test";
const SECRET = "whsec_0123456789abcdef";

/** Runs the doctor in a folder of its own, where nobody is on the network but who is named. */
async function doctor(
  args: string[],
  env: Record<string, string> = {},
  options: { input?: string; onTerminal?: boolean } = {},
) {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await runProgram(
      "src/cli/doctor.ts",
      args,
      {
        ...options,
        folder,
        env: {
          PORT: "0",
          OLLAMA_HOST: "http://127.0.0.1:1",
          LAYERCODE_API_URL: "http://127.0.0.1:1",
          ...env,
        },
      },
    );
    for (const secret of [KEY, SECRET]) {
      assertEquals((stdout + stderr).includes(secret), false);
    }
    return { code, stdout, stderr };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("doctor.ts refuses arguments, so that a URL without --url isn't ignored", async () => {
  const { code, stderr } = await doctor(["https://parley.example"]);
  assertEquals(code, 1);
  assertMatch(stderr, /^Too many words\n\n[^]*--url URL/);
});

Deno.test("doctor.ts exits with 0 where there is nothing to fix", async () => {
  await using gemini = startFakeGemini([], { apiKey: KEY });
  await using layercode = serveOn(() => Response.json({ agents: [] }));
  const { code, stdout } = await doctor([], {
    GOOGLE_GENERATIVE_AI_API_KEY: KEY,
    GEMINI_BASE_URL: gemini.url,
    LAYERCODE_API_URL: layercode.url,
    LAYERCODE_API_KEY: KEY,
    LAYERCODE_WEBHOOK_SECRET: SECRET,
  });
  assertEquals(code, 0, stdout);
  assertEquals(stdout.match(/^✓/gm)?.length, 8, stdout);
  assertMatch(
    stdout,
    /^Parley \d+\.\d+\.\d+, Deno \d+\.\d+\.\d+\n\n✓ settings: /,
  );
  assertMatch(
    stdout,
    /\n– public URL: .*\n\nNothing to fix, 1 not checked\n$/,
  );
  assertEquals(stdout.includes("\x1b"), false);
});

Deno.test("doctor.ts exits with 1 and says how to fix each thing", async () => {
  await using gemini = startFakeGemini([], { apiKey: "another" });
  await using taken = serveOn(() => new Response("hello"));
  const { code, stdout } = await doctor(["--url", "http://127.0.0.1:1"], {
    GOOGLE_GENERATIVE_AI_API_KEY: KEY,
    GEMINI_BASE_URL: gemini.url,
    LLM_PROVIDER: "gemini,ollama",
    PORT: taken.port,
    DATA_DIR: "/dev/null",
    LAYERCODE_WEBHOOK_SECRET: SECRET,
    LAYERCODE_API_KEY: SECRET,
  });
  assertEquals(code, 1, stdout);
  const titles = [...stdout.matchAll(/^✗ ([\w ]+): .*\n {4}→ \w/gm)]
    .map(([, title]) => title);
  assertEquals(titles, [
    "session store",
    "port",
    "gemini",
    "ollama",
    "layercode",
    "public URL",
  ]);
  assertStringIncludes(stdout, "\n6 to fix, 1 not checked\n");
});

Deno.test("doctor.ts lists invalid settings, and checks nothing that depends on them", async () => {
  const { code, stdout } = await doctor([], {
    PORT: "http",
    LOG_FORMAT: "xml",
  });
  assertEquals(code, 1);
  assertMatch(
    stdout,
    /✗ settings: PORT="http": must be a whole number.*\n {4}→/,
  );
  assertMatch(stdout, /✗ settings: LOG_FORMAT="xml"/);
  assertMatch(stdout, /\n– all else: not checked, since settings can't be/);
  assertMatch(stdout, /\n2 to fix, 1 not checked\n$/);
});

Deno.test("doctor.ts sends a turn to a running server, secret and all", async () => {
  const settings = { LAYERCODE_WEBHOOK_SECRET: SECRET, LLM_PROVIDER: "echo" };
  await using server = await startServer({ env: settings });
  const { code, stdout } = await doctor(["--url", server.url], {
    ...settings,
    HOST: "127.0.0.1",
    PORT: new URL(server.url).port,
  });
  assertEquals(code, 0, stdout);
  assertMatch(stdout, /✓ webhook secret: is set/);
  assertMatch(stdout, /✓ port: Parley [\d.]+ is running here \(echo, echo\)/);
  assertMatch(stdout, /✓ public URL: a signed turn was answered by echo/);
});

Deno.test("doctor.ts prints one JSON document with --json", async () => {
  const { code, stdout } = await doctor(["--json"], { LLM_PROVIDER: "ollama" });
  assertEquals(code, 1);
  const { ok, version, counts, results } = JSON.parse(stdout);
  assertEquals([ok, version, counts.fail], [false, deno.version, 1]);
  const failed = results.find(({ status }: { status: string }) =>
    status === "fail"
  );
  assertEquals(failed.title, "ollama");
  assertMatch(failed.fix, /ollama serve/);
});

/** An Ollama without a model, until one is pulled. */
function startEmptyOllama(error?: string) {
  const models: FakeOllamaModel[] = [];
  const fake = startFakeOllama([], { models });
  const total = 3_300_000_000;
  const lines = [
    { status: "pulling manifest" },
    ...[0, 25, 50, 100].map((percent) => ({
      status: "pulling 81fb60c7daa8",
      digest: "sha256:81fb60c7daa8",
      total,
      completed: total * percent / 100,
    })),
    error ? { error } : { status: "success" },
  ];
  const server = serveOn(async (request) => {
    const { method } = request;
    const { pathname } = new URL(request.url);
    const body = method === "POST" ? await request.text() : null;
    if (pathname !== "/api/pull") {
      return await fetch(fake.url + pathname, { method, body });
    }
    const { model, name = model } = JSON.parse(body ?? "");
    if (!error) models.push({ name, capabilities: ["completion", "tools"] });
    return new Response(lines.map((it) => `${JSON.stringify(it)}\n`).join(""));
  });
  return {
    env: { OLLAMA_HOST: server.url },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await fake.close();
    },
  };
}

Deno.test("doctor.ts pulls a missing model with --pull, and checks again", async () => {
  await using ollama = startEmptyOllama();
  const without = await doctor([], ollama.env);
  assertEquals(without.code, 1);
  assertMatch(
    without.stdout,
    /✗ ollama: model "qwen3.5:4b" is not pulled\n.*`deno task doctor --pull`/,
  );
  // Nobody is there to be asked.
  assertEquals(without.stderr, "");

  const { code, stdout, stderr } = await doctor(["--pull"], ollama.env);
  assertEquals(code, 0, stdout);
  assertEquals(stderr, "\nPulling qwen3.5:4b; Ctrl+C stops it\n\n");
  assertMatch(stdout, /✓ ollama: qwen3\.5:4b is pulled/);
  assertMatch(stdout, /\nNothing to fix/);
});

Deno.test("doctor.ts says why a pull failed", async () => {
  await using ollama = startEmptyOllama("write: no space left on device");
  const { code, stderr, stdout } = await doctor(
    ["--pull", "--json"],
    ollama.env,
  );
  assertEquals(code, 1);
  assertMatch(stderr, /\nNot pulled: write: no space left.*\n {4}→ try again/);
  assertEquals(JSON.parse(stdout).ok, false);
});

Deno.test({
  name: "doctor.ts asks on a terminal whether to pull, and draws a bar",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using ollama = startEmptyOllama();
    const answer = (input: string) =>
      doctor([], ollama.env, { input, onTerminal: true });
    for (const no of ["n\n", "\n"]) {
      const { code, stdout } = await answer(no);
      assertEquals(code, 1, stdout);
      assertStringIncludes(stdout, "Pull qwen3.5:4b now? [y/N]");
      assertEquals(stdout.includes("Pulling"), false);
    }
    const { code, stdout } = await answer("y\n");
    assertEquals(code, 0, stdout);
    assertStringIncludes(
      stdout,
      `\r[${"#".repeat(15)}${".".repeat(15)}]  50 % of 3.3 GB` +
        `\r[${"#".repeat(30)}] 100 % of 3.3 GB`,
    );
    assertMatch(stdout, /✓ ollama: qwen3\.5:4b is pulled/);
  },
});

Deno.test("doctor.ts explains its usage and wrong arguments", async () => {
  const help = await doctor(["--help"]);
  assertEquals(help.code, 0);
  for (const flag of ["--url", "--pull", "--json"]) {
    assertStringIncludes(help.stdout, flag);
  }
  for (
    const args of [["--url", "nowhere"], ["--loud"]]
  ) {
    const { code, stderr } = await doctor(args);
    assertEquals(code, 1);
    assertStringIncludes(stderr, args[0] ?? "");
    assertEquals(stderr.includes("at file:"), false);
  }
  const { stderr } = await doctor(["--loud"]);
  assertMatch(stderr, /^Unknown option '--loud'\n\n[^]*--json/);
});

Deno.test("deno task doctor may write the data folder alone", () => {
  const { doctor } = deno.tasks;
  assertStringIncludes(doctor, "$(deno task -q flags)");
  assert(!/\s-[a-zA-Z]*A|--allow-(all|run|sys|ffi)/.test(doctor));
});
