import { assert, assertRejects } from "@std/assert";
import { blocksBelow } from "../_readme.ts";
import { copySources } from "./_copy.ts";

/** The file of the stores that holds a text. */
async function findFile(root: string, text: string): Promise<string> {
  const folder = "src/sessions";
  for await (const { name } of Deno.readDir(root + folder)) {
    const path = `${folder}/${name}`;
    if ((await Deno.readTextFile(root + path)).includes(text)) return path;
  }
  throw new Error(`No store's file holds ${text}`);
}

Deno.test('docs/extend.md "Add a session store" makes one that compiles and passes the suite of all stores', async () => {
  await using copy = await copySources(["tests"]);
  const [store = "", name = "", made = "", test = ""] = blocksBelow(
    "Add a session store",
  );
  await copy.write("src/sessions/memory.ts", store);
  await copy.write("tests/sessions/memory_test.ts", test);

  const choice = await findFile(copy.root, "export type StoreChoice =");
  await copy.replace(choice, '  | { type: "file" }', `$&\n${name}`);
  // The compiler names the place that lacks a case.
  const error = await assertRejects(() => copy.deno("check", "main.ts"));
  assert(error instanceof Error && error.message.includes("sessions/mod.ts"));

  const [line = "", entry = ""] = made.split("\n\n");
  await copy.replace("src/sessions/mod.ts", "import ", `${line}\n$&`);
  await copy.replace("src/sessions/mod.ts", '    case "file":', `${entry}\n$&`);
  await copy.deno("check", "-q", "main.ts");
  await copy.deno("lint", "-q", "src/sessions/memory.ts");
  await copy.deno("test", "-q", "-A", "tests/sessions/memory_test.ts");
});
