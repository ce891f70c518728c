import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  checkPort,
  readSettings,
  startChecks,
} from "../../../src/cli/doctor/mod.ts";
import { readConfig } from "../../../src/settings/config.ts";
import { toLines } from "../../fakes/check_results.ts";
import { deadUrl, serveOn } from "../../fakes/loopback.ts";
import { freePort } from "../../fakes/ports.ts";

/** The results of all checks that depend on these settings. */
async function run(
  env: Record<string, string>,
  { url, timeoutMs }: { url?: string; timeoutMs?: number } = {},
): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const config = readConfig({
      ...{ PORT: "0", DATA_DIR: folder, LAYERCODE_API_URL: deadUrl() },
      ...env,
    });
    // As a folder, the file of the secret can't be read.
    await Deno.mkdir(`${folder}/webhook-secret`);
    const publicUrl = url === undefined ? undefined : new URL(url);
    const found = await Promise.all(startChecks(config, publicUrl, timeoutMs));
    return toLines(found.flat());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Where nothing is wrong but what a test adds. */
const GOOD = { LLM_PROVIDER: "echo" };

Deno.test("startChecks() reports every part, always in the same order", async () => {
  const API_KEYS = "key-for-tests-only-0123456789";
  const lines = await run({ ...GOOD, API_KEYS });
  assertEquals(lines.map((line) => /^\w+ (.*?):/.exec(line)?.[1]), [
    "session store",
    "port",
    "language model",
    "webhook secret",
    "clock",
    "layercode",
    "chat completions",
    "public URL",
  ]);
});

Deno.test("startChecks() runs all checks concurrently", async () => {
  const asked = Promise.withResolvers<void>();
  await using layercode = serveOn(() => {
    asked.resolve();
    return Response.json({ agents: [] });
  });
  // The earlier check ends only after the later one has begun.
  await using openai = serveOn(async () => {
    await asked.promise;
    return Response.json({ data: [{ id: "m" }] });
  });
  const lines = await run({
    LLM_PROVIDER: "openai",
    OPENAI_BASE_URL: openai.url,
    OPENAI_MODEL: "m",
    LAYERCODE_API_URL: layercode.url,
    LAYERCODE_API_KEY: "key",
  });
  assert(lines.includes("ok openai: m is there"), lines.join("\n"));
  assert(lines.includes("ok layercode: takes the API key"));
});

Deno.test("startChecks() ends a check whose time is up", async () => {
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const LAYERCODE_API_URL = `http://127.0.0.1:${mute.addr.port}`;
  const env = { ...GOOD, LAYERCODE_API_URL, LAYERCODE_API_KEY: "key" };
  const lines = await run(env, { timeoutMs: 50 });
  // Deno's versions word it differently.
  assertMatch(lines.at(-2) ?? "", /^fail layercode: cannot reach .*time/);
});

Deno.test("startChecks() survives a check that throws", async () => {
  const lines = await run(GOOD, { url: `${deadUrl()}/agent` });
  assertMatch(lines.at(-1) ?? "", /^fail public URL: can't be checked: .*dir/i);
  assertMatch(lines[0] ?? "", /^ok session store: /);
});

Deno.test("readSettings() reports each problem, with how to fix it", () => {
  const { findings, config } = readSettings({
    env: { PORT: "http", LLM_PROVIDER: "gemini,gpt", LOG_LEVEL: "loud" },
    problems: ["layercode.config.json: is not valid JSON"],
    unknown: [],
  });
  const text = toLines(findings).join("\n");
  assertEquals(
    findings.map(({ status }) => status),
    ["fail", "fail", "fail", "fail", "fail", "skipped"],
  );
  assertStringIncludes(text, 'PORT="http": must be a whole number');
  assertStringIncludes(text, '"gpt" is not one of');
  assertStringIncludes(text, "→ get a key at https://aistudio.google.com");
  assertStringIncludes(text, 'LOG_LEVEL="loud"');
  assertStringIncludes(
    text,
    "layercode.config.json: is not valid JSON → change it in .env, layercode.config.json or",
  );
  assertEquals(config, undefined);
});

Deno.test("readSettings() accepts an environment without settings", () => {
  const { findings, config } = readSettings({
    env: {},
    problems: [],
    unknown: [],
  });
  assertEquals(toLines(findings), ["ok settings: can be used"]);
  assertEquals(config?.port, 3000);
});

/** What is said of a port. */
async function check(
  port: number | string,
  hostname = "127.0.0.1",
): Promise<string> {
  return toLines([await checkPort({ port: Number(port), hostname })]).join();
}

Deno.test("checkPort() finds a free port, and one that is taken", async () => {
  const port = freePort();
  assertEquals(await check(port), `ok port: ${port} is free`);
  await using other = serveOn(() => Response.json({ status: "ok" }));
  const taken =
    /^fail port: \d+ is taken by something that is not Parley → set PORT to another/;
  assertMatch(await check(other.port), taken);
  // What listens and says nothing at all.
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertMatch(await check(mute.addr.port), taken);
});

Deno.test("checkPort() finds a Parley that runs here", async () => {
  const health = { version: "0.1.0", provider: "echo", model: "echo" };
  await using server = serveOn(() => Response.json(health));
  const here = "ok port: Parley 0.1.0 is running here (echo, echo)";
  assertEquals(await check(server.port), here);
  assertEquals(await check(server.port, "0.0.0.0"), here);
});

Deno.test("checkPort() finds a HOST that is not this machine's", async () => {
  // An address that is for documentation only, RFC 5737.
  assertMatch(
    await check(freePort(), "192.0.2.1"),
    /^fail port: cannot listen on 192\.0\.2\.1:\d+: .* → HOST must be an address/,
  );
});
