/**
 * Holds deno.json, deno.offline.json, deno.lock and the imports of the sources
 * together: the same code has to run with the real `@std` and the stand-ins.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const SOURCES = ["main.ts", "src", "tests", "offline", "bench"];
const SPECIFIER = /\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g;

type Imports = Record<string, string>;

/** The parts of a lockfile that hold what was resolved. */
interface Lock {
  specifiers?: Record<string, string>;
  jsr?: Record<string, unknown>;
  redirects?: unknown;
  remote?: unknown;
  workspace?: { links?: unknown };
}

/** A JSON file of the project, or `undefined` when there is none. */
async function read<T>(name: string): Promise<T | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(new URL(name, ROOT)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function importsOf(name: string): Promise<Imports> {
  const file = await read<{ imports: Imports }>(name);
  assert(file, `Cannot read ${name}`);
  return file.imports;
}

/** The TypeScript files at or below a path; none when it does not exist. */
async function* sources(url: URL): AsyncGenerator<URL> {
  if (url.pathname.endsWith(".ts")) {
    yield url;
    return;
  }
  try {
    for await (const { name, isDirectory } of Deno.readDir(url)) {
      if (isDirectory) yield* sources(new URL(`${name}/`, url));
      else if (name.endsWith(".ts")) yield new URL(name, url);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** All that the sources import, as `specifier in file`. */
async function imported(): Promise<{ specifier: string; file: string }[]> {
  const found: { specifier: string; file: string }[] = [];
  for (const source of SOURCES) {
    const url = new URL(source.endsWith(".ts") ? source : `${source}/`, ROOT);
    for await (const file of sources(url)) {
      for (const match of (await Deno.readTextFile(file)).matchAll(SPECIFIER)) {
        found.push({
          specifier: match[1] ?? "",
          file: file.href.slice(ROOT.href.length),
        });
      }
    }
  }
  return found;
}

Deno.test("deno.offline.json has nothing but imports", async () => {
  // Deno 2.5 warns of every other key whenever the file is used.
  const file = await read<object>("deno.offline.json");
  assertEquals(Object.keys(file ?? {}), ["imports"]);
});

Deno.test("deno.offline.json repeats the npm imports of deno.json", async () => {
  // An import map given by flag replaces the imports of deno.json, npm's too.
  function npmOnly(imports: Imports): Imports {
    return Object.fromEntries(
      Object.entries(imports).filter(([, to]) => to.startsWith("npm:")),
    );
  }
  assertEquals(
    npmOnly(await importsOf("deno.offline.json")),
    npmOnly(await importsOf("deno.json")),
  );
});

Deno.test("deno.offline.json has a stand-in of each JSR package, and of no other", async () => {
  const real = Object.entries(await importsOf("deno.json"))
    .filter(([, to]) => to.startsWith("jsr:"))
    .map(([name]) => name);
  const standIns = Object.entries(await importsOf("deno.offline.json"))
    .filter(([, to]) => !to.startsWith("npm:"));
  assertEquals(
    [...new Set(standIns.map(([name]) => name.split("/", 2).join("/")))].sort(),
    real.sort(),
  );
  for (const [, to] of standIns) {
    assert(to.startsWith("./offline/"), to);
    await Deno.stat(new URL(to, ROOT));
  }
});

Deno.test("the sources import of @std only what has a stand-in", async () => {
  const standIns = await importsOf("deno.offline.json");
  const without = (await imported()).filter(({ specifier }) =>
    specifier.startsWith("@std/") && !(specifier in standIns)
  );
  assertEquals(without, []);
});

Deno.test("the sources import packages by their names in deno.json only", async () => {
  // What only the tests in a browser need is not in deno.json, so that nobody
  // who only starts Parley downloads it.
  const direct = (await imported()).filter(({ specifier, file }) =>
    /^(?:jsr|npm|https?):/.test(specifier) &&
    file !== "tests/browser/_browser.ts"
  );
  assertEquals(direct, []);
});

Deno.test("deno.lock has nothing but packages", async () => {
  const lock = await read<Lock>("deno.lock") ?? {};
  assertEquals(lock.remote, undefined);
  assertEquals(lock.redirects, undefined);
  assertEquals(lock.workspace?.links, undefined);
});

Deno.test("deno.lock has no JSR packages where only the stand-ins are in use", async () => {
  // Where JSR is reachable Deno adds them to the file by itself; no test can
  // forbid it. But hashes taken from a registry that is not JSR must not be
  // committed: everyone who has the real one would fail to start.
  if (!import.meta.resolve("@std/assert").startsWith("file:")) return;
  const lock = await read<Lock>("deno.lock") ?? {};
  const others = [
    ...Object.keys(lock.specifiers ?? {}).filter((name) =>
      !name.startsWith("npm:")
    ),
    ...Object.keys(lock.jsr ?? {}),
  ];
  assertEquals(others, [], "restore it with `git checkout deno.lock`");
});
