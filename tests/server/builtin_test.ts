import { assert, assertEquals } from "@std/assert";
import {
  builtin,
  nodeCrypto,
  timingSafeEquals,
} from "../../src/server/builtin.ts";

/** What `deno info --json` tells of a module. */
interface Module {
  specifier: string;
  dependencies?: {
    specifier: string;
    isDynamic?: boolean;
    /** Absent where only a type is imported. */
    code?: { specifier?: string };
  }[];
}

async function readGraph(): Promise<{ roots: string[]; modules: Module[] }> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    // The stand-ins for @std do: what they stand for imports nothing of Node, either.
    args: [
      "info",
      "--json",
      "--no-lock",
      "--import-map=deno.offline.json",
      "main.ts",
    ],
    cwd: new URL("../../", import.meta.url),
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("builtin() and nodeCrypto() return the module", () => {
  assert(builtin("node:net").isIP("10.0.0.1") === 4);
  const hash = nodeCrypto().createHash("sha256").update("parley");
  assertEquals(hash.digest("hex").length, 64);
});

Deno.test("timingSafeEquals() distinguishes texts that differ in a character, the length or the end", () => {
  for (const text of ["", "a", "a secret", "é\u{1f600}"]) {
    assert(timingSafeEquals(text, text));
  }
  const right = "a secret";
  for (
    const given of [
      "",
      "a secreT",
      "b secret",
      "a secre",
      "a secrets",
      "a secret\0",
    ]
  ) {
    assert(!timingSafeEquals(given, right), given);
    assert(!timingSafeEquals(right, given), given);
  }
});

Deno.test("builtin() is the only way to Node's modules: a start of main.ts imports none", async () => {
  const { roots, modules } = await readGraph();
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const started = new Set(roots);
  for (const specifier of started) {
    for (const it of known.get(specifier)?.dependencies ?? []) {
      if (it.isDynamic || it.code === undefined) continue;
      started.add(it.code.specifier ?? it.specifier);
    }
  }
  assert(started.size > 100);
  const foreign = [...started].filter((it) => /^(node|npm):/.test(it))
    .map((it) => it.replace(/^npm:\/?(@?[^@]+)@.*$/, "npm:$1"));
  // These two import nothing themselves.
  assertEquals(foreign.sort(), [
    "npm:@badrap/valita",
    "npm:eventsource-parser",
  ]);
});
