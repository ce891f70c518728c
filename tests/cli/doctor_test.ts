import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { serveOn } from "../fakes/loopback.ts";
import { startFakeGemini } from "../fakes/gemini.ts";
import { runProgram, startServer } from "../fakes/server.ts";

const KEY = "AIza-the-key-of-a-test";
const SECRET = "whsec_0123456789abcdef";

/** Runs the doctor in a folder of its own, where nobody is on the network but who is named. */
async function doctor(args: string[], env: Record<string, string> = {}) {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await runProgram(
      "src/cli/doctor.ts",
      args,
      {
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
  assertEquals(stdout.match(/^✓/gm)?.length, 9, stdout);
  assertMatch(stdout, /^Parley \d+\.\d+\.\d+\n\n✓ Deno: \d/);
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

Deno.test("doctor.ts lists settings that can't be used, and looks at nothing that depends on them", async () => {
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
  assertMatch(stdout, /\n– all else: not looked at, since settings can't be/);
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

Deno.test("doctor.ts explains itself, and what it was asked wrongly", async () => {
  const help = await doctor(["--help"]);
  assertEquals(help.code, 0);
  for (const flag of ["--url", "--json"]) {
    assertStringIncludes(help.stdout, flag);
  }
  for (const args of [["--url", "nowhere"], ["--loud"]]) {
    const { code, stderr } = await doctor(args);
    assertEquals(code, 1);
    assertStringIncludes(stderr, args[0] ?? "");
    assertEquals(stderr.includes("at file:"), false);
  }
});

Deno.test("deno task doctor may write the data folder alone", () => {
  const { doctor } = deno.tasks;
  assertStringIncludes(doctor, "$(deno task -q flags)");
  assert(!/\s-[a-zA-Z]*A|--allow-(all|run|sys|ffi)/.test(doctor));
});
