import { assertEquals, assertMatch } from "@std/assert";
import { startFakeOllama } from "../fakes/ollama.ts";
import {
  deadUrl,
  diagnose,
  diagnoseOne,
  serveOn,
  toLines,
} from "./_diagnose.ts";

const check = (env: Record<string, string>) => diagnoseOne(env);

Deno.test("ollama.create() tells doctor how to start Ollama if it doesn't run", async () => {
  const [line = ""] = await check({ OLLAMA_HOST: deadUrl() });
  assertMatch(
    line,
    /^fail ollama: Cannot reach .*refused.* → start it: ollama serve.*OLLAMA_HOST/i,
  );
  const url = deadUrl().replace("//", "//me:pass@");
  assertEquals(
    (await check({ OLLAMA_HOST: url })).join().includes("pass"),
    false,
  );
});

Deno.test("ollama.create() tells doctor that a server is not Ollama", async () => {
  await using other = serveOn(() => new Response("<html>", { status: 404 }));
  const [line = ""] = await check({ OLLAMA_HOST: other.url });
  assertMatch(line, /^fail .*status 404 → check OLLAMA_HOST/);
});

Deno.test("ollama.create() tells doctor which model has to be pulled", async () => {
  await using ollama = startFakeOllama([]);
  const OLLAMA_HOST = ollama.url;
  const results = await diagnose({ OLLAMA_HOST, OLLAMA_MODEL: "nope:1b" });
  assertEquals(results.at(-1)?.missingModel, "nope:1b");
  assertMatch(
    toLines(results).at(-1) ?? "",
    /^fail .*"nope:1b" is not pulled → run `ollama pull nope:1b` or `deno task doctor --pull`, or check/,
  );
  await using empty = startFakeOllama([], { models: [] });
  const none = await diagnose({ OLLAMA_HOST: empty.url });
  assertEquals(none.at(-1)?.missingModel, "qwen3.5:4b");
});

Deno.test("ollama.create() tells doctor of a model that can't chat", async () => {
  const name = "nomic:1";
  const models = [{ name, capabilities: ["embedding"] }];
  await using ollama = startFakeOllama([], { models });
  assertMatch(
    (await check({ OLLAMA_HOST: ollama.url, OLLAMA_MODEL: name })).join("\n"),
    /^fail .*can't chat: it is for embedding → set OLLAMA_MODEL/,
  );
});

Deno.test("ollama.create() tells doctor of a model that can't call tools", async () => {
  const name = "gemma3:1b";
  const models = [{ name, capabilities: ["completion"] }];
  await using ollama = startFakeOllama([], { models });
  assertMatch(
    (await check({ OLLAMA_HOST: ollama.url, OLLAMA_MODEL: name })).join("\n"),
    /^ok .*is pulled\nwarn .*can't call tools, of which the agent has 2/,
  );
});

Deno.test("ollama.create() tells doctor that a context window is smaller than CONTEXT_TOKENS, if it is known", async () => {
  const name = "tiny:1b";
  const capabilities = ["completion", "tools"];
  const models = [{ name, capabilities, contextLength: 2048 }];
  await using ollama = startFakeOllama([], { models });
  const env = { OLLAMA_HOST: ollama.url, OLLAMA_MODEL: name };
  assertEquals(await check(env), [
    "ok ollama: tiny:1b is pulled",
    "warn ollama: tiny:1b takes 2048 tokens, and CONTEXT_TOKENS is 8192 → " +
    "set CONTEXT_TOKENS to 2048 or less",
  ]);
  const isThere = ["ok ollama: tiny:1b is pulled"];
  assertEquals(await check({ ...env, CONTEXT_TOKENS: "2048" }), isThere);
  for (const model_info of [undefined, {}, { "llama.context_length": "?" }]) {
    await using old = serveOn(() => Response.json({ model_info }));
    assertEquals(await check({ ...env, OLLAMA_HOST: old.url }), isThere);
  }
});

Deno.test("ollama.create() tells doctor what Ollama itself says is wrong", async () => {
  await using ollama = serveOn(() =>
    Response.json({ error: "disk I/O" }, { status: 500 })
  );
  const OLLAMA_MODEL = "some:1b";
  const [line = ""] = await check({ OLLAMA_HOST: ollama.url, OLLAMA_MODEL });
  assertMatch(line, /^fail .*status 500.*disk I\/O/);
});
