import { assert, assertEquals } from "@std/assert";
import deno from "../deno.json" with { type: "json" };
import { readConfig } from "../src/settings/config.ts";
import { tools } from "../src/agent/mod.ts";
import { blocksBelow, readme } from "./_readme.ts";

Deno.test('README.md "Add a tool" shows a tool that runs', async () => {
  const file = await Deno.readTextFile(
    new URL("../src/agent/tools/current_time.ts", import.meta.url),
  );
  const [code = ""] = blocksBelow("Add a tool");
  assert(code.includes("tool({"), "No tool below the heading");
  assert(file.includes(code), "The README differs from current_time.ts");
  const tool = tools.find(({ declaration }) =>
    declaration.name === "current_time"
  );
  const context = {
    conversationId: "c",
    turnId: "t",
    metadata: {},
    signal: new AbortController().signal,
    say() {},
    data() {},
    remember: () => Promise.resolve(),
  };
  const told = await tool?.run({ time_zone: "Europe/Berlin" }, context);
  assert(/\d\d:\d\d/.test(String(told)));
});

Deno.test("README.md names every setting and every task", async () => {
  const example = await Deno.readTextFile(
    new URL("../.env.example", import.meta.url),
  );
  const settings = [...example.matchAll(/^#([A-Z][A-Z_]+)=/gm)].map((
    [, name],
  ) => name ?? "");
  assert(settings.length > 30);
  for (const name of settings) {
    assert(readme.includes(`\`${name}\``), `README.md lacks ${name}`);
  }
  const tasks = ["start", "dev", "test", "check", "bench", "say"];
  for (const task of [...tasks, "doctor", "sessions"]) {
    assert(task in deno.tasks);
    assert(readme.includes(`deno task ${task}`), `README.md lacks ${task}`);
  }
});

Deno.test("README.md tells the defaults as they are", () => {
  const { port, agent, vendors, ...config } = readConfig({});
  const { gemini, ollama } = vendors;
  const defaults = {
    PORT: port,
    CONTEXT_TOKENS: agent.contextTokens,
    FIRST_TOKEN_TIMEOUT_MS: config.firstTokenTimeoutMs,
    STALL_TIMEOUT_MS: config.stallTimeoutMs,
    TOOL_FILLER_AFTER_MS: agent.toolFillerAfterMs,
    OLLAMA_KEEP_ALIVE: ollama.keepAlive,
    OLLAMA_HOST: ollama.host,
    GEMINI_MODEL: gemini.model,
    LLM_THINKING: config.thinking,
  };
  for (const [name, value] of Object.entries(defaults)) {
    const row = readme.split("\n").find((line) =>
      line.startsWith("|") && line.includes(`\`${name}\``)
    );
    assertEquals(row?.includes(`\`${value}\``), true, `${name}: ${row}`);
  }
});
