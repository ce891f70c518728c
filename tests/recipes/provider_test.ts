import { assertEquals, assertMatch } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { blocksBelow } from "../_readme.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import { runProgram, startServer } from "../fakes/server.ts";
import { type Copy, copySources } from "./_copy.ts";

const KEY = "LOUD-LOUD-LOUD";
const SETTINGS = {
  LLM_PROVIDER: "shout",
  SHOUT_API_KEY: KEY,
  LAYERCODE_WEBHOOK_SECRET: SECRET,
  HOST: "127.0.0.1",
};

/**
 * A copy in which the recipe was followed.
 *
 * @param change is made to the provider's file
 */
async function followRecipe(
  change: (file: string) => string = (file) => file,
): Promise<Copy> {
  const copy = await copySources(["tests/deno.lock"]);
  const [file = "", list = ""] = blocksBelow("Add a provider");
  await copy.write("src/providers/shout.ts", change(file));
  await copy.addTo("src/providers/mod.ts", list, "shout, ");
  return copy;
}

Deno.test('docs/extend.md "Add a provider" makes one that compiles, answers and is looked at', async () => {
  await using copy = await followRecipe();
  const { root: sources } = copy;
  await copy.deno("check", "-q", "main.ts", "src/cli/doctor.ts");
  await copy.deno("lint", "-q", "src/providers/shout.ts");
  {
    await using server = await startServer({ sources, env: SETTINGS });
    const line = { url: `${server.url}/agent`, secret: SECRET };
    const response = await sendEvent(message("Good morning"), line);
    assertEquals(spoken(await readEvents(response)), "GOOD MORNING");
    const { provider } = await (await fetch(`${server.url}/health`)).json();
    assertEquals(provider, "shout");
  }
  const env = { ...SETTINGS, PORT: "0" };
  const options = { sources, folder: sources };
  const good = await runProgram("src/cli/doctor.ts", [], { ...options, env });
  assertMatch(good.stdout, /✓ language model: shout, since LLM_PROVIDER/);
  assertMatch(good.stdout, /✓ shout: shout answers/);

  const without = { ...options, env: { ...env, SHOUT_API_KEY: "" } };
  for (const program of ["main.ts", "src/cli/doctor.ts"]) {
    const { code, stdout, stderr } = await runProgram(program, [], without);
    assertEquals(code, 1);
    assertMatch(
      stdout + stderr,
      /SHOUT_API_KEY: is missing[\s\S]*any word will do/,
    );
  }
});

Deno.test('docs/extend.md "Add a provider" makes one whose secrets doctor hides, whatever they are called', async () => {
  await using copy = await followRecipe((file) =>
    file.replaceAll("SHOUT_API_KEY", "SHOUT_PHRASE")
      .replace("create: () =>", "create: ({ apiKey }) =>")
      .replace(
        "Promise.resolve()",
        "Promise.reject(new Error(`${apiKey} was refused`))",
      )
  );
  const { code, stdout, stderr } = await runProgram("src/cli/doctor.ts", [], {
    sources: copy.root,
    folder: copy.root,
    env: { ...SETTINGS, SHOUT_PHRASE: KEY, PORT: "0" },
  });
  assertEquals(code, 1);
  assertMatch(stdout, /✗ shout: \[secret\] was refused\n {4}→ \w/);
  assertEquals((stdout + stderr).includes(KEY), false);
});
