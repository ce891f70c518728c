import { assertEquals, assertMatch } from "@std/assert";
import { type FakeOllamaModel, startFakeOllama } from "../fakes/ollama.ts";
import {
  deadUrl,
  diagnose,
  diagnoseOne,
  serveOn,
  toLines,
} from "./_diagnose.ts";

const check = (env: Record<string, string>) => diagnoseOne(env);

/** What is said of the one model that a stand-in has. */
async function checkModel(
  model: FakeOllamaModel,
  env: Record<string, string> = {},
): Promise<string> {
  await using ollama = startFakeOllama([], { models: [model] });
  const lines = await check({
    OLLAMA_HOST: ollama.url,
    OLLAMA_MODEL: model.name,
    ...env,
  });
  assertMatch(lines.shift() ?? "", /^ok ollama: version 0\.14\.2 answers at/);
  return lines.join("\n");
}

Deno.test("createOllama() tells doctor how to start it where it isn't there", async () => {
  const [line = ""] = await check({ OLLAMA_HOST: deadUrl() });
  assertMatch(
    line,
    /^fail ollama: cannot reach .*nothing listens there → start it: ollama serve.*OLLAMA_HOST/,
  );
  const url = deadUrl().replace("//", "//me:pass@");
  assertEquals(
    (await check({ OLLAMA_HOST: url })).join().includes("pass"),
    false,
  );
});

Deno.test("createOllama() tells doctor what isn't Ollama", async () => {
  await using other = serveOn(() => new Response("<html>", { status: 404 }));
  const [line = ""] = await check({ OLLAMA_HOST: other.url });
  assertMatch(line, /^fail .*is not Ollama \(status 404\) → check OLLAMA_HOST/);
});

Deno.test("createOllama() tells doctor which model is to be pulled", async () => {
  await using ollama = startFakeOllama([]);
  const OLLAMA_HOST = ollama.url;
  const results = await diagnose({ OLLAMA_HOST, OLLAMA_MODEL: "nope:1b" });
  assertEquals(results.at(-1)?.missingModel, "nope:1b");
  assertMatch(
    toLines(results).at(-1) ?? "",
    /^fail .*"nope:1b" is not pulled → ollama pull nope:1b, or .*--pull; or check/,
  );
  await using empty = startFakeOllama([], { models: [] });
  const none = await diagnose({ OLLAMA_HOST: empty.url });
  assertEquals(none.at(-1)?.missingModel, "qwen3.5:4b");
});

Deno.test("createOllama() tells doctor of models that can't do what is asked", async () => {
  const completion = ["completion", "tools"];
  assertMatch(
    await checkModel({ name: "nomic:1", capabilities: ["embedding"] }),
    /^fail .*can't chat: it is for embedding → set OLLAMA_MODEL/,
  );
  assertMatch(
    await checkModel({ name: "gemma3:1b", capabilities: ["completion"] }),
    /^ok .*\nwarn .*can't call tools, of which the agent has 2/,
  );
  assertMatch(
    await checkModel(
      { name: "tiny:1b", capabilities: completion, contextLength: 2048 },
    ),
    /\nwarn .*takes 2048 tokens, and CONTEXT_TOKENS is 8192 → set CONTEXT_T/,
  );
});

Deno.test("createOllama() tells doctor of a model in the cloud", async () => {
  await using ollama = serveOn((request) => {
    const { pathname } = new URL(request.url);
    return Response.json(
      {
        "/api/version": { version: "0.24.0" },
        "/api/ps": { models: [] },
        "/api/show": {
          remote_model: "big",
          remote_host: "https://ollama.com:443",
          capabilities: ["completion", "tools"],
        },
      }[pathname] ?? {},
    );
  });
  const OLLAMA_MODEL = "big:cloud";
  const lines = await check({ OLLAMA_HOST: ollama.url, OLLAMA_MODEL });
  assertMatch(lines[1] ?? "", /^warn .*cloud: what callers say leaves this/);
});

Deno.test("createOllama() tells doctor what Ollama itself says is wrong", async () => {
  await using ollama = serveOn((request) =>
    request.url.endsWith("/api/version")
      ? Response.json({ version: "0.24.0" })
      : Response.json({ error: "disk I/O" }, { status: 500 })
  );
  const OLLAMA_MODEL = "some:1b";
  const lines = await check({ OLLAMA_HOST: ollama.url, OLLAMA_MODEL });
  assertMatch(
    lines[1] ?? "",
    /^fail .*status 500.* → .*look at its own log/,
  );
});
