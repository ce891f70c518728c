/**
 * What somebody meets who has just cloned the project: `deno task start` on the
 * files that git holds, with empty caches, and what it downloads. Needs the npm
 * registry, as this machine is set up to reach it.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { sizeOf } from "./_docker_tree.ts";
import { networkEnv } from "./fakes/server.ts";
import { type Registry, serveRegistry } from "./offline/_registry.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const LIMIT_BYTES = 20e6;

/** A fresh clone, and a cache of its own. */
interface Clone extends AsyncDisposable {
  folder: string;
  /** Where Deno keeps what it downloads. */
  cache: string;
  /** Starts the server by its task, and stops it once it listens. */
  start(env: Record<string, string>): Promise<Started>;
  lock(): Promise<string>;
}

/** How a start went. */
interface Started {
  listened: boolean;
  /** All that was printed. */
  said: string;
  ms: number;
}

async function clone(): Promise<Clone> {
  const folder = await Deno.makeTempDir({ prefix: "parley-clone-" });
  const cache = `${folder}/.cache`;
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: ROOT,
  }).output();
  for (const file of new TextDecoder().decode(stdout).split("\0")) {
    const from = `${ROOT}${file}`;
    // Git still lists a file that was deleted and not yet committed.
    if (file === "" || !await exists(from)) continue;
    await Deno.mkdir(`${folder}/${file}`.replace(/[^/]+$/, ""), {
      recursive: true,
    });
    await Deno.copyFile(from, `${folder}/${file}`);
  }
  return {
    folder,
    cache,
    start: (env) => start(folder, { DENO_DIR: cache, ...env }),
    lock: () => Deno.readTextFile(`${folder}/deno.lock`),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Follows what `deno task start` prints until it listens or ends. */
async function start(
  cwd: string,
  env: Record<string, string>,
): Promise<Started> {
  const begin = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "start"],
    cwd,
    clearEnv: true,
    env: {
      ...networkEnv(),
      PATH: "/usr/bin:/bin",
      PORT: "0",
      LLM_PROVIDER: "echo",
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const outcome: Started = { listened: false, said: "", ms: 0 };
  async function follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      outcome.said += decoder.decode(bytes, { stream: true });
      if (outcome.listened || !outcome.said.includes('"server.listening"')) {
        continue;
      }
      outcome.listened = true;
      outcome.ms = performance.now() - begin;
      child.kill("SIGTERM");
    }
  }
  await Promise.all([follow(child.stdout), follow(child.stderr), child.status]);
  return outcome;
}

/** Writes the registry's hashes into the clone's lockfile, as if it were JSR. */
async function trust(project: Clone, registry: Registry): Promise<string> {
  const lock = JSON.parse(await project.lock());
  for (const [id, entry] of Object.entries<{ integrity: string }>(lock.jsr)) {
    entry.integrity = registry.integrity.get(id) ?? "";
  }
  const made = `${JSON.stringify(lock, null, 2)}\n`;
  await Deno.writeTextFile(`${project.folder}/deno.lock`, made);
  return made;
}

/** The packages below a cache, as `name@version`. */
async function packagesIn(cache: string): Promise<string[]> {
  const found: string[] = [];
  async function walk(folder: string, name: string): Promise<void> {
    for await (const entry of Deno.readDir(folder)) {
      if (!entry.isDirectory) continue;
      if (/^\d/.test(entry.name)) found.push(`${name}@${entry.name}`);
      else {
        const inner = name === "" ? entry.name : `${name}/${entry.name}`;
        await walk(`${folder}/${entry.name}`, inner);
      }
    }
  }
  for await (const registry of Deno.readDir(`${cache}/npm`)) {
    await walk(`${cache}/npm/${registry.name}`, "");
  }
  return found.sort();
}

/** Why nothing can be downloaded here, if so. */
async function whyNoRegistry(): Promise<string | undefined> {
  const cache = await Deno.makeTempDir();
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      // The smallest of the server's packages.
      args: ["cache", "--no-config", "--no-lock", "npm:xtend@4.0.2"],
      clearEnv: true,
      env: { ...networkEnv(), DENO_DIR: cache },
      stdout: "null",
    }).output();
    return success
      ? undefined
      : new TextDecoder().decode(stderr).split("Stack")[0];
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

const missing = await whyNoRegistry();
if (missing !== undefined) {
  // deno-lint-ignore no-console -- nobody should take it for a test that ran
  console.warn(`No npm registry here: a first start was NOT tried: ${missing}`);
}

Deno.test({
  name:
    "deno task start downloads what the server needs, and no more, where JSR is out of reach",
  ignore: missing !== undefined,
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using project = await clone();
    const before = await project.lock();
    const { listened, said, ms } = await project.start({
      STD_SOURCE: "offline",
    });
    assert(listened, said);
    const bytes = await sizeOf(`${project.cache}/npm`);
    // deno-lint-ignore no-console -- figures that this test is read for
    console.log(
      `  a first start: ${(bytes / 1e6).toFixed(1)} MB, ${Math.round(ms)} ms`,
    );
    assertLess(bytes, LIMIT_BYTES);
    assertLess(await sizeOf(project.cache), LIMIT_BYTES);
    assertEquals(
      await packagesIn(project.cache),
      Object.keys(JSON.parse(before).npm)
        .map((id) => id.replace(/(?<=\d)_.*$/, "")).sort(),
    );
    assertEquals(await project.lock(), before);
  },
});

Deno.test({
  name:
    "deno task start takes @std by the hashes of deno.lock, and stops at any other",
  ignore: missing !== undefined,
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using project = await clone();
    await using registry = await serveRegistry();
    const env = { JSR_URL: registry.url };
    // The real hashes: this registry is not JSR.
    const forged = await project.start(env);
    assertEquals(forged.listened, false, forged.said);
    assertMatch(forged.said, /Integrity check failed/);

    const made = await trust(project, registry);
    await Deno.remove(project.cache, { recursive: true });
    const real = await project.start(env);
    assert(real.listened, real.said);
    assertEquals(/stand-ins in offline/.test(real.said), false, real.said);
    assert(registry.requests.some((path) => path.startsWith("/@std/dotenv/")));
    assertEquals(
      registry.requests.filter((path) => path.startsWith("/@std/assert")),
      [],
    );
    assertEquals(await project.lock(), made);
  },
});

Deno.test({
  name:
    "deno task start says how to go on when deno.lock lacks a package, and deno task lock adds it",
  ignore: missing !== undefined,
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using project = await clone();
    await using registry = await serveRegistry();
    const env = { JSR_URL: registry.url };
    await trust(project, registry);
    const main = `${project.folder}/main.ts`;
    await Deno.writeTextFile(
      main,
      `import "@std/assert";\n${await Deno.readTextFile(main)}`,
    );
    const stopped = await project.start(env);
    assertEquals(stopped.listened, false);
    assertMatch(stopped.said, /lockfile is out of date/);
    assertMatch(stopped.said, /@std\/assert/);

    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "lock"],
      cwd: project.folder,
      clearEnv: true,
      env: { ...networkEnv(), DENO_DIR: project.cache, ...env },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const { listened, said } = await project.start(env);
    assert(listened, said);
  },
});
