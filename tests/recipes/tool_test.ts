import { assertEquals } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { blocksBelow } from "../_readme.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { startServer } from "../fakes/server.ts";
import { copySources } from "./_copy.ts";

const ENV = {
  LLM_PROVIDER: "ollama",
  LAYERCODE_WEBHOOK_SECRET: SECRET,
  HOST: "127.0.0.1",
};

Deno.test('docs/extend.md "Add a tool" makes one that passes its test and is called', async () => {
  await using copy = await copySources(["tests/deno.lock"]);
  const [tool = "", list = "", test = ""] = blocksBelow("Add a tool");
  await copy.write("src/agent/tools/opening_hours.ts", tool);
  await copy.addTo("src/agent/mod.ts", list, "  openingHours,\n");
  await copy.write("tests/agent/opening_hours_test.ts", test);
  await copy.deno("lint", "-q", "src/agent", "tests/agent");
  await copy.deno("check", "-q", "main.ts");
  await copy.deno("test", "-q", "tests/agent");

  await using ollama = startFakeOllama([
    {
      kind: "tool-calls",
      calls: [{ name: "opening_hours", arguments: { day: "weekend" } }],
    },
    { kind: "text", chunks: ["From eight ", "to eight."] },
  ]);
  await using server = await startServer({
    sources: copy.root,
    env: { ...ENV, OLLAMA_HOST: ollama.url },
  });
  const line = { url: `${server.url}/agent`, secret: SECRET };
  const response = await sendEvent(message("Open on Sunday?"), line);
  assertEquals(spoken(await readEvents(response)), "From eight to eight.");
  const told = ollama.requests.at(-1)?.body?.messages?.at(-1);
  assertEquals(told?.content, '"8 to 20"');
});

Deno.test('docs/agent.md "Tools" has a tool read its key, which stands in .env', async () => {
  await using copy = await copySources();
  await copy.replace(
    "src/agent/prompt.ts",
    "export const agentSettings = {",
    '$&\n  weatherKey: { env: "WEATHER_KEY", help: "For the weather." },',
  );
  await copy.replace(
    "src/agent/tools/current_time.ts",
    "  run({ time_zone }) {",
    '$&\n    if (time_zone) return { key: Deno.env.get("WEATHER_KEY") };',
  );
  await copy.write(".env", "WEATHER_KEY=sunny-side-up");
  await using ollama = startFakeOllama([
    {
      kind: "tool-calls",
      calls: [{ name: "current_time", arguments: { time_zone: "UTC" } }],
    },
    { kind: "text", chunks: ["Sunny."] },
  ]);
  await using server = await startServer({
    sources: copy.root,
    folder: copy.root,
    env: { ...ENV, OLLAMA_HOST: ollama.url },
  });
  const line = { url: `${server.url}/agent`, secret: SECRET };
  await readEvents(await sendEvent(message("How is the weather?"), line));
  const told = ollama.requests.at(-1)?.body?.messages?.at(-1);
  assertEquals(told?.content, '{"key":"sunny-side-up"}');
});
