/**
 * The README's recipe for a provider, followed to the letter in a copy of the
 * sources.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { blocksBelow } from "./_readme.ts";
import { message, readEvents, SECRET, spoken } from "./fakes/layercode.ts";
import { runProgram, startServer, stdFlags } from "./fakes/server.ts";

const ROOT = new URL("../", import.meta.url).pathname;
/** What the programs are made of, without tests. */
const SOURCES = ["deno.json", "deno.lock", "main.ts", "src"];
const KEY = "LOUD-LOUD-LOUD";
const SETTINGS = {
  LLM_PROVIDER: "shout",
  SHOUT_API_KEY: KEY,
  LAYERCODE_WEBHOOK_SECRET: SECRET,
  HOST: "127.0.0.1",
};

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await copy(`${from}/${name}`, `${to}/${name}`);
  }
}

/**
 * A copy in which the recipe was followed, ending in a slash.
 *
 * @param change is made to the provider's file
 */
async function followRecipe(
  change: (file: string) => string = (file) => file,
): Promise<string> {
  const tree = `${await Deno.makeTempDir()}/`;
  for (const name of SOURCES) await copy(ROOT + name, tree + name);
  const [file = "", list = ""] = blocksBelow("Add a provider");
  await Deno.writeTextFile(
    `${tree}src/providers/shout.ts`,
    `${change(file)}\n`,
  );

  // An import goes to the others; the list takes the place of the one there.
  const [line = "", entries = ""] = list.split("\n\n");
  assertMatch(line, /^import .* from ".\/shout.ts";$/);
  const path = `${tree}src/providers/mod.ts`;
  const before = await Deno.readTextFile(path);
  const old = entries.replace("shout, ", "");
  assertStringIncludes(before, old, "The README's list isn't the one there is");
  await Deno.writeTextFile(
    path,
    before.replace("import ", () => `${line}\nimport `)
      .replace(old, () => entries),
  );
  return tree;
}

/** Runs Deno in a copy. */
async function deno(tree: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: tree,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

Deno.test('README.md "Add a provider" makes one that compiles, answers and is looked at', async () => {
  const sources = await followRecipe();
  try {
    await deno(
      sources,
      "check",
      "-q",
      ...stdFlags(),
      "main.ts",
      "src/cli/doctor.ts",
    );
    await deno(sources, "lint", "-q", "src/providers/shout.ts");
    {
      await using server = await startServer({ sources, env: SETTINGS });
      const line = { url: `${server.url}/agent`, secret: SECRET };
      const response = await sendEvent(message("Good morning"), line);
      assertEquals(spoken(await readEvents(response)), "GOOD MORNING");
      const { provider } = await (await fetch(`${server.url}/health`)).json();
      assertEquals(provider, "shout");
    }
    const env = { ...SETTINGS, PORT: "0" };
    const good = await runProgram("src/cli/doctor.ts", [], {
      sources,
      folder: sources,
      env,
    });
    assertMatch(good.stdout, /✓ language model: shout, since LLM_PROVIDER/);
    assertMatch(good.stdout, /✓ shout: shout answers/);

    const without = { ...env, SHOUT_API_KEY: "" };
    for (const program of ["main.ts", "src/cli/doctor.ts"]) {
      const { code, stdout, stderr } = await runProgram(program, [], {
        sources,
        folder: sources,
        env: without,
      });
      assertEquals(code, 1);
      assertMatch(
        stdout + stderr,
        /SHOUT_API_KEY: is missing, and LLM_PROVIDER names shout[\s\S]*any word will do/,
      );
    }
  } finally {
    await Deno.remove(sources, { recursive: true });
  }
});

Deno.test('README.md "Add a provider" makes one whose secrets doctor hides, whatever they are called', async () => {
  const sources = await followRecipe((file) =>
    file.replaceAll("SHOUT_API_KEY", "SHOUT_PHRASE")
      .replace("create: () =>", "create: ({ apiKey }) =>")
      .replace(
        "Promise.resolve()",
        "Promise.reject(new Error(`${apiKey} was refused`))",
      )
  );
  try {
    const { code, stdout, stderr } = await runProgram("src/cli/doctor.ts", [], {
      sources,
      folder: sources,
      env: { ...SETTINGS, SHOUT_PHRASE: KEY, PORT: "0" },
    });
    assertEquals(code, 1);
    assertMatch(stdout, /✗ shout: \[secret\] was refused\n {4}→ \w/);
    assertEquals((stdout + stderr).includes(KEY), false);
  } finally {
    await Deno.remove(sources, { recursive: true });
  }
});
