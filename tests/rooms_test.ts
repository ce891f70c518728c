/**
 * Holds the imports of `src` to the arrows that CONTRIBUTING.md draws: one way,
 * never back.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

const SRC = new URL("../src/", import.meta.url);

/** What every room may use: the log, deadlines, Node's modules, and what declares settings. */
const COMMON =
  /^(server\/(log|builtin|deadline)|settings\/(setting|kinds|check_result))\.ts$/;

/** What the files of a room may import from others, besides that. */
const MAY_IMPORT: Record<string, RegExp> = {
  agent: /^(conversation\/(tools|data)|platforms\/authorize)\.ts$/,
  conversation:
    /^(providers\/provider|sessions\/(store|session|record)|speech\/\w+|server\/(unhandled|limits))\.ts$/,
  speech: /^$/,
  providers: /^$/,
  sessions: /^providers\/provider\.ts$/,
  platforms: /^(conversation|server)\/|^sessions\/record\.ts$/,
  server: /^$/,
  settings: /\/settings\.ts$|^agent\/prompt\.ts$|^providers\/mod\.ts$/,
  web:
    /^(conversation|server)\/|^platforms\/layercode\/|^(providers\/provider|sessions\/(store|document))\.ts$/,
  cli: /./,
};

/** An import of one file of ours by another, both by their paths in `src`. */
interface Import {
  from: string;
  to: string;
}

async function* files(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* files(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield new URL(name, folder);
  }
}

async function findImports(): Promise<Import[]> {
  const found: Import[] = [];
  for await (const file of files(SRC)) {
    // Without the examples in comments, whose lines begin with a star.
    const code = (await Deno.readTextFile(file)).replaceAll(/^\s*\*.*$/gm, "");
    const imports = code.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
    for (const [, path = ""] of imports) {
      const { href } = new URL(path, file);
      if (!href.startsWith(SRC.href)) continue;
      const [from = "", to = ""] = [file.href, href]
        .map((it) => it.slice(SRC.href.length));
      found.push({ from, to });
    }
  }
  assert(found.length > 100);
  return found;
}

const toRoom = (path: string) => path.split("/", 1)[0] ?? "";
const toFolder = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
const isPrivate = (path: string) => /(^|\/)_[^/]*$/.test(path);

const imports = await findImports();

Deno.test("src imports from one room to another as CONTRIBUTING.md draws it", () => {
  const back = imports.filter(({ from, to }) => {
    const isWithin = toRoom(from) === toRoom(to);
    const may = MAY_IMPORT[toRoom(from)];
    assert(may, `${from} is in a room that nobody knows`);
    return !isWithin && !COMMON.test(to) && !may.test(to);
  }).map(({ from, to }) => `${from} -> ${to}`);
  assertEquals(back, []);
});

Deno.test("src keeps the files whose names begin with _ to their own folders", () => {
  const outside = imports
    .filter(({ from, to }) => isPrivate(to) && !from.startsWith(toFolder(to)))
    .map(({ from, to }) => `${from} -> ${to}`);
  assertEquals(outside, []);
});
