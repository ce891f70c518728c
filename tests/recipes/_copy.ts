/**
 * A copy of the sources, in which a test follows a recipe of `docs/extend.md`
 * to the letter.
 *
 * @module
 */
import { assert, assertMatch, assertStringIncludes } from "@std/assert";
import { stdFlags } from "../fakes/server.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What programs and most tests are made of. */
const SOURCES = ["deno.json", "deno.lock", "main.ts", "src"];

/** A copy of the sources. */
export interface Copy extends AsyncDisposable {
  /** Where it lies, with a slash at the end. */
  root: string;
  /** Writes a file, whose folder may be missing. */
  write(path: string, text: string): Promise<void>;
  /** Replaces the first place of a text, which has to be there; `$&` is that text. */
  replace(path: string, text: string, by: string): Promise<void>;
  /**
   * Adds an import to a file, and puts a new list in the place of the one there.
   *
   * @param block the import, an empty line and the list with the new entry
   * @param entry what is new in the list
   */
  addTo(path: string, block: string, entry: string): Promise<void>;
  /** Runs Deno in the copy. It has to succeed. */
  deno(...args: string[]): Promise<void>;
}

/** Copies the sources. */
export async function copySources(more: string[] = []): Promise<Copy> {
  const root = `${await Deno.makeTempDir()}/`;
  for (const name of [...SOURCES, ...more]) {
    await copy(ROOT + name, root + name);
  }

  async function write(path: string, text: string): Promise<void> {
    await Deno.mkdir(folderOf(root + path), { recursive: true });
    await Deno.writeTextFile(root + path, `${text}\n`);
  }

  async function addTo(
    path: string,
    block: string,
    entry: string,
  ): Promise<void> {
    const [line = "", list = ""] = block.split("\n\n");
    assertMatch(line, /^import .* from "\.\/.*";$/);
    assert(list.includes(entry), `The list of the recipe lacks ${entry}`);
    await replace(path, list.replace(entry, ""), list);
    await replace(path, "import ", `${line}\n$&`);
  }

  async function replace(
    path: string,
    text: string,
    by: string,
  ): Promise<void> {
    const before = await Deno.readTextFile(root + path);
    assertStringIncludes(before, text, `${path} is not as the recipe says`);
    await Deno.writeTextFile(root + path, before.replace(text, by));
  }

  async function deno(...[command = "", ...args]: string[]): Promise<void> {
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: command === "lint" ? [command, ...args] : [
          command,
          `--lock=${root}tests/deno.lock`,
          ...stdFlags(),
          ...args,
        ],
        cwd: root,
        env: { NO_COLOR: "1" },
        stdout: "piped",
        stderr: "piped",
      },
    ).output();
    const decoder = new TextDecoder();
    assert(success, decoder.decode(stdout) + decoder.decode(stderr));
  }

  return {
    root,
    write,
    replace,
    addTo,
    deno,
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) {
    await Deno.mkdir(folderOf(to), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  for await (const { name } of Deno.readDir(from)) {
    await copy(`${from}/${name}`, `${to}/${name}`);
  }
}
