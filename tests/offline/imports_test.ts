/**
 * Holds deno.json, deno.offline.json, deno.lock and the imports of the sources
 * together: the same code has to run with the real `@std` and the stand-ins.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
const SERVER = ["main.ts", "src"];
const SOURCES = [...SERVER, "tests", "offline"];
const SPECIFIER = /\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g;

type Imports = Record<string, string>;

/** The parts of a lockfile that hold what was resolved. */
interface Lock {
  specifiers?: Record<string, string>;
  jsr?: Record<string, { integrity: string }>;
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

/** The files of code at or below a path, those for browsers included. */
async function* sources(url: URL): AsyncGenerator<URL> {
  if (/\.[jt]s$/.test(url.pathname)) {
    yield url;
    return;
  }
  for await (const { name, isDirectory } of Deno.readDir(url)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, url));
    else if (/\.[jt]s$/.test(name)) yield new URL(name, url);
  }
}

/** What a file asks for, and which file it is. */
interface Import {
  specifier: string;
  file: string;
}

/** All that the files at or below some paths import. */
async function imported(paths: readonly string[]): Promise<Import[]> {
  const found: Import[] = [];
  for (const path of paths) {
    const url = new URL(/\.[jt]s$/.test(path) ? path : `${path}/`, ROOT);
    for await (const file of sources(url)) {
      for (const specifier of await specifiersIn(file)) {
        found.push({ specifier, file: file.href.slice(ROOT.href.length) });
      }
    }
  }
  return found;
}

/** Without the examples in comments, whose lines begin with a star. */
async function specifiersIn(file: URL): Promise<string[]> {
  const code = (await Deno.readTextFile(file)).replaceAll(/^\s*\*.*$/gm, "");
  return [...code.matchAll(SPECIFIER)].map((match) => match[1] ?? "");
}

/** The name in deno.json that a specifier begins with: "zod" of "zod/mini". */
function nameOf(specifier: string, imports: Imports): string | undefined {
  return Object.keys(imports).find((name) =>
    specifier === name || specifier.startsWith(`${name}/`)
  );
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
  const without = (await imported(SOURCES)).filter(({ specifier }) =>
    specifier.startsWith("@std/") && !(specifier in standIns)
  );
  assertEquals(without, []);
});

Deno.test("the sources import packages by their names in deno.json, tests alone others", async () => {
  const imports = await importsOf("deno.json");
  const reached = await imported(SERVER);
  const direct = (await imported(SOURCES)).filter(({ specifier, file }) =>
    /^(?:jsr|npm|https?):/.test(specifier) &&
    // Exactly one version, of what no source but a test needs.
    !(file.startsWith("tests/") && /^npm:.+@\d+\.\d+\.\d+$/.test(specifier))
  );
  assertEquals(direct, []);
  // What only tests need would be downloaded with a first start.
  const forTestsAlone = Object.entries(imports).filter(([name, to]) =>
    to.startsWith("npm:") &&
    !reached.some(({ specifier }) => nameOf(specifier, imports) === name)
  );
  assertEquals(forTestsAlone, [], "name them in the tests, with `npm:`");
});

Deno.test("main.ts and src import nothing from outside but packages and deno.json", async () => {
  const imports = await importsOf("deno.json");
  const leaving = (await imported(SERVER)).filter(({ specifier, file }) => {
    // A page asks the server for it.
    if (file.endsWith(".js") && specifier.startsWith("/")) return false;
    if (!/^(?:\.|\/|file:)/.test(specifier)) {
      return !specifier.startsWith("node:") &&
        nameOf(specifier, imports) === undefined;
    }
    const { href } = new URL(specifier, new URL(file, ROOT));
    return href !== new URL("deno.json", ROOT).href &&
      !href.startsWith(new URL("src/", ROOT).href);
  });
  assertEquals(leaving, [], "the image holds main.ts, src and deno.json alone");
});

Deno.test("deno.lock names what main.ts and src reach, and nothing else", async () => {
  const imports = await importsOf("deno.json");
  const names = (await imported(SERVER)).flatMap(({ specifier }) =>
    nameOf(specifier, imports) ?? []
  );
  const lock = await read<Lock>("deno.lock");
  assertEquals(
    Object.keys(lock?.specifiers ?? {}).map((key) => toRange(key)).sort(),
    [...new Set(names.map((name) => toRange(imports[name] ?? "")))].sort(),
    "git checkout deno.lock && deno task lock",
  );
});

/** A lockfile's spelling of `npm:a@^1/path` and `jsr:a@^1`, without its caret. */
function toRange(specifier: string): string {
  const [, name = "", range = ""] = /^(\w+:@?[^@]+)@([^/]+)/.exec(specifier) ??
    [];
  return `${name}@${range.replace(/^[\^~]/, "")}`;
}

Deno.test("deno.lock and the tests' one hold hashes of @std, the same ones", async () => {
  const [own, tests] = await Promise.all(
    ["deno.lock", "tests/deno.lock"].map((name) => read<Lock>(name)),
  );
  const packages = Object.entries(own?.jsr ?? {});
  assert(packages.length > 0);
  for (const [id, { integrity }] of packages) {
    assertMatch(integrity, /^[0-9a-f]{64}$/);
    assertEquals(tests?.jsr?.[id]?.integrity, integrity, id);
  }
});

for (const name of ["deno.lock", "tests/deno.lock"]) {
  Deno.test(`${name} has nothing but packages`, async () => {
    const lock = await read<Lock>(name) ?? {};
    assertEquals(lock.remote, undefined);
    assertEquals(lock.redirects, undefined);
    assertEquals(lock.workspace?.links, undefined);
  });
}

Deno.test("deno.json keeps the lockfile of the server out of every task on tests", () => {
  for (const [name, task] of Object.entries(deno.tasks)) {
    const isOnTests = /\btests\b/.test(task.replaceAll(/\$\([^)]*\)/g, ""));
    assertEquals(isOnTests, task.includes("--lock=tests/deno.lock"), name);
  }
});
