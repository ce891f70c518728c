import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { message, readEvents, spoken } from "./fakes/layercode.ts";
import { whyNoOllamaPort } from "./fakes/ports.ts";
import { runProgram, startServer } from "./fakes/server.ts";

async function secretOf(folder: string): Promise<string> {
  return (await Deno.readTextFile(`${folder}/data/webhook-secret`)).trim();
}

const taken = whyNoOllamaPort();
if (taken) {
  // deno-lint-ignore no-console -- a test left out must say why
  console.log(`${taken}; a start with nothing configured was NOT tested`);
}

Deno.test({
  name: "main.ts starts with nothing configured and answers signed webhooks",
  ignore: taken !== undefined,
  fn: startWithNothing,
});

async function startWithNothing(): Promise<void> {
  await using server = await startServer({ env: { LLM_PROVIDER: "" } });
  const listening = server.lines.find(({ event }) =>
    event === "server.listening"
  );
  assertEquals(listening?.provider, "echo");
  assertMatch(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assertStringIncludes(String(listening?.next), "deno task say");
  // That it is a stand-in is said aloud.
  assert(
    server.lines.some(({ level, event }) =>
      level === "warn" && event === "provider.stand_in"
    ),
  );

  const secret = await secretOf(server.folder);
  const url = `${server.url}/agent`;
  const response = await sendEvent(message("Good morning"), { url, secret });
  assertEquals(response.status, 200);
  const events = await readEvents(response);
  assertStringIncludes(spoken(events), "stand-in");
  assertStringIncludes(spoken(events), "Good morning");
  assertEquals(events.at(-1)?.type, "response.end");
}

Deno.test("main.ts remembers a conversation and its secret across a restart", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const number of [1, 2]) {
      await using server = await startServer({ folder });
      const line = {
        url: `${server.url}/agent`,
        secret: await secretOf(folder),
      };
      const event = message("Hello", { turn_id: `turn_${number}` });
      const events = await readEvents(await sendEvent(event, line));
      assertStringIncludes(spoken(events), `message number ${number}`);
      const { code } = await server.stop("SIGTERM");
      assertEquals(code, 0);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("main.ts lets a turn finish when it is told to stop", async () => {
  await using server = await startServer();
  const line = {
    url: `${server.url}/agent`,
    secret: await secretOf(server.folder),
  };
  const long = "word ".repeat(2_000);
  const response = await sendEvent(message(long), line);
  const stopped = server.stop("SIGTERM");
  const events = await readEvents(response);
  assertEquals(events.at(-1)?.type, "response.end");
  assertEquals((await stopped).code, 0);
});

Deno.test("main.ts leaves in order when it is told to as soon as it listens", async () => {
  for (const _ of [1, 2, 3]) {
    await using server = await startServer();
    assertEquals((await server.stop("SIGTERM")).code, 0);
  }
});

Deno.test("main.ts lists every problem with the settings and exits with 1", async () => {
  const { code, stderr } = await runProgram("main.ts", [], {
    env: { PORT: "eighty", LLM_PROVIDER: "gemini,claude", LOG_LEVEL: "loud" },
  });
  assertEquals(code, 1);
  for (
    const word of [
      "PORT",
      "claude",
      "GOOGLE_GENERATIVE_AI_API_KEY",
      "LOG_LEVEL",
    ]
  ) {
    assertStringIncludes(stderr, word);
  }
  assertEquals(stderr.includes("at file:"), false);
});

Deno.test("main.ts says what to do when its port is taken", async () => {
  await using server = await startServer();
  const { code, stderr } = await runProgram("main.ts", [], {
    folder: server.folder,
    env: { PORT: new URL(server.url).port, LLM_PROVIDER: "echo" },
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "PORT");
});

Deno.test("main.ts says what to do when the data folder can't be used", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/data`, "a file");
    const env = { PORT: "0", LLM_PROVIDER: "echo" };
    const { code, stderr } = await runProgram("main.ts", [], { folder, env });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "set DATA_DIR to a folder");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("main.ts reads .env, and the environment wins", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/.env`,
      'WELCOME_MESSAGE="From the file"\nERROR_MESSAGE=no\nLAYERCODE_WEBHOOK_SECRET=from-the-file\n',
    );
    await using server = await startServer({
      folder,
      env: { LAYERCODE_WEBHOOK_SECRET: "from-the-environment" },
    });
    const event = { type: "session.start", session_id: "s", turn_id: "t" };
    const url = `${server.url}/agent`;
    const good = await sendEvent(event, {
      url,
      secret: "from-the-environment",
    });
    assertEquals(spoken(await readEvents(good)), "From the file");
    const bad = await sendEvent(event, { url, secret: "from-the-file" });
    assertEquals(bad.status, 401);
    await bad.body?.cancel();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
