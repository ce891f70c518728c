import { assertEquals } from "@std/assert";
import map from "../../deno.offline.json" with { type: "json" };
import { startFakeGemini } from "../fakes/gemini.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { startFakeOpenAi } from "../fakes/openai.ts";

const ROOT = new URL("../../", import.meta.url);

/** A module that ends the process that loads it. */
const POISON = "data:text/javascript,Deno.exit(99)";

/** Uses a provider in a separate process, which ends if it loads one of these modules. */
async function askWithout(
  poisoned: string[],
  { file, create }: { file: string; create: string },
): Promise<{ code: number; text: string }> {
  const folder = await Deno.makeTempDir();
  const imports = Object.entries(map.imports).map(([name, target]) => [
    name,
    poisoned.includes(name)
      ? POISON
      : target.startsWith("./")
      ? new URL(target, ROOT).href
      : target,
  ]);
  const importMap = { imports: Object.fromEntries(imports) };
  await Deno.writeTextFile(`${folder}/map.json`, JSON.stringify(importMap));
  await Deno.writeTextFile(
    `${folder}/ask.ts`,
    `import * as vendor from "${new URL(`src/providers/${file}`, ROOT)}";
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const context = { contextTokens: 4096, thinking: "off" as const, log };
    const provider = vendor.${create};
    const messages = [{ role: "user" as const, text: "Hello" }];
    const { signal } = new AbortController();
    for await (const part of provider.stream({ system: "", messages, signal })) {
      if (part.type === "text-delta") console.log(part.text);
    }`,
  );
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-check", "--no-lock", "--no-prompt", "--allow-net"],
      ...[`--import-map=${folder}/map.json`, `${folder}/ask.ts`],
    ],
    stdin: "null",
  }).output();
  await Deno.remove(folder, { recursive: true });
  return { code, text: new TextDecoder().decode(stdout).trim() };
}

const GEMINI = "@google/generative-ai";

Deno.test("gemini.create(), ollama.create() and openai.create() load no other vendor's SDK", async () => {
  const script = () => ({ kind: "text" as const, chunks: ["Hello"] });
  await using gemini = startFakeGemini(script);
  await using ollama = startFakeOllama(script);
  await using openai = startFakeOpenAi(script);
  const vendors = {
    gemini: {
      file: "gemini.ts",
      create: "gemini.create({ apiKey: 'test-key', model: " +
        `'gemini-3.5-flash-lite', baseUrl: '${gemini.url}' }, context)`,
    },
    ollama: {
      file: "ollama.ts",
      create: `ollama.create({ host: '${ollama.url}', model: 'llama3.2:3b', ` +
        "keepAlive: '1m' }, context)",
    },
    openai: {
      file: "openai.ts",
      create: "openai.create({ apiKey: 'test-key', model: 'gpt-6-luna', " +
        `baseUrl: '${openai.url}/v1' }, context)`,
    },
  };
  const hello = { code: 0, text: "Hello" };
  assertEquals(await askWithout(["ollama"], vendors.gemini), hello);
  assertEquals(await askWithout([GEMINI], vendors.ollama), hello);
  assertEquals(await askWithout(["ollama", GEMINI], vendors.openai), hello);
  // It would be seen.
  assertEquals((await askWithout([GEMINI], vendors.gemini)).code, 99);
  assertEquals((await askWithout(["ollama"], vendors.ollama)).code, 99);
});
