/**
 * Runs offline/pick.ts as the tasks do, in a copy of the project, against a
 * small registry on loopback that is healthy, forged, silent or not there.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { findAge } from "../../offline/pick.ts";
import { serveRegistry } from "./_registry.ts";

const ROOT = new URL("../../", import.meta.url);
const FLAG = "--import-map=deno.offline.json";
const LIMIT_MS = 10_000;

/** What `deno task std` runs, without `deno` itself. */
const TASK = [
  ...["run", "-q", "--no-prompt", "--no-lock"],
  ...["--allow-env=STD_SOURCE,JSR_URL", "--allow-net", "--allow-run"],
  "offline/pick.ts",
];

/** A program that says how many of its packages are the registry's. */
const MAIN = `
import * as http from "@std/http/cookie";
import * as dotenv from "@std/dotenv";
import * as assert from "@std/assert";
const real = [http, dotenv, assert].filter((module) => "published" in module);
await Deno.stdout.write(new TextEncoder().encode(real.length + " of 3 real"));
`;

Deno.test("findAge() says what to do about a Deno older than 2.5, and nothing of others", () => {
  for (const version of ["1.46.3", "2.4.5"]) {
    assertStringIncludes(findAge(version) ?? "", "Parley needs Deno 2.5");
    assertStringIncludes(findAge(version) ?? "", "deno upgrade");
  }
  for (const version of ["2.5.7", "2.10.0", "3.0.0", "2.9.6+abc"]) {
    assertEquals(findAge(version), undefined);
  }
});

// --- the network

interface BlackHole extends AsyncDisposable {
  host: string;
  /** How many connections there have been. */
  readonly accepted: number;
  /** Those that the other side has not closed. */
  open: Set<Deno.Conn>;
}

/** A port that accepts connections and never says anything. */
function blackHole(): BlackHole {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const ends: Promise<void>[] = [];

  async function swallow(conn: Deno.Conn): Promise<void> {
    try {
      await conn.readable.pipeTo(new WritableStream());
    } catch { /* Reset instead of closed: it has ended just the same. */ }
    open.delete(conn);
  }
  async function accept(): Promise<void> {
    for await (const conn of listener) {
      open.add(conn);
      ends.push(swallow(conn));
    }
  }
  const accepting = accept();
  return {
    host: `127.0.0.1:${listener.addr.port}`,
    get accepted() {
      return ends.length;
    },
    open,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of open) conn.close();
      await Promise.all(ends);
    },
  };
}

/** The address of a port where nobody listens. */
function refusing(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}/`;
}

// --- the project

interface Ran {
  code: number;
  out: string;
  err: string;
  ms: number;
}

interface Project extends AsyncDisposable {
  /** Runs Deno with an own cache and no npm. */
  deno(args: string[], env: Record<string, string>): Promise<Ran>;
  /** Runs the picker, for the tests' packages or the server's alone. */
  pick(env: Record<string, string>, args?: string[]): Promise<Ran>;
  /** The lockfile's text, "" without one. */
  lock(): Promise<string>;
  /** Replaces the lockfile. */
  writeLock(text: string): Promise<void>;
  /** Copies a file of the project's as it is. */
  copy(name: string): Promise<void>;
  /** Forgets what was downloaded. */
  clearCache(): Promise<void>;
}

async function copyProject(): Promise<Project> {
  const dir = await Deno.makeTempDir({ prefix: "parley_pick_" });
  try {
    await copyInto(dir);
  } catch (error) {
    await Deno.remove(dir, { recursive: true });
    throw error;
  }
  const cache = `${dir}/cache`;
  const project: Project = {
    async deno(args, env) {
      const start = performance.now();
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args,
        cwd: dir,
        env: {
          DENO_DIR: cache,
          DENO_NO_UPDATE_CHECK: "1",
          NO_COLOR: "1",
          NO_PROXY: "127.0.0.1",
          NPM_CONFIG_REGISTRY: refusing(),
          STD_SOURCE: "",
          ...env,
        },
        stdin: "null",
        signal: AbortSignal.timeout(LIMIT_MS),
      }).output();
      return {
        code,
        out: new TextDecoder().decode(stdout),
        err: new TextDecoder().decode(stderr),
        ms: performance.now() - start,
      };
    },
    pick: (env, args = ["tests"]) => project.deno([...TASK, ...args], env),
    async lock() {
      try {
        return await Deno.readTextFile(`${dir}/deno.lock`);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return "";
        throw error;
      }
    },
    writeLock: (text) => Deno.writeTextFile(`${dir}/deno.lock`, text),
    copy: (name) => Deno.copyFile(new URL(name, ROOT), `${dir}/${name}`),
    clearCache: () => Deno.remove(cache, { recursive: true }),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
  return project;
}

/** Copies what the picker needs, and adds a program that says what it got. */
async function copyInto(dir: string): Promise<void> {
  for (const name of ["deno.json", "deno.offline.json"]) {
    await Deno.copyFile(new URL(name, ROOT), `${dir}/${name}`);
  }
  await Deno.mkdir(`${dir}/tests`);
  await Deno.mkdir(`${dir}/offline`);
  for await (const { name } of Deno.readDir(new URL("offline/", ROOT))) {
    await Deno.copyFile(
      new URL(`offline/${name}`, ROOT),
      `${dir}/offline/${name}`,
    );
  }
  await Deno.writeTextFile(`${dir}/main.ts`, MAIN);
}

/** Fails unless the stand-ins were picked, for that reason, and nothing else said. */
function expectStandIns({ code, out, err }: Ran, reason: string): void {
  assertEquals({ code, out }, { code: 0, out: `${FLAG}\n` }, err);
  assertStringIncludes(err, reason);
  assertEquals(err.trimEnd().split("\n").length, 1, err);
}

/** Fails unless the real packages were picked in silence. */
function expectReal({ code, out, err }: Ran): void {
  assertEquals({ code, out, err }, { code: 0, out: "", err: "" });
}

/** The version that the tests' lockfile holds. */
function lockedVersion(name: string): string {
  const id = Object.keys(testsLock.jsr).find((id) => id.startsWith(`${name}@`));
  return id?.slice(name.length + 1) ?? "";
}

// --- the states

const testsLock = JSON.parse(
  await Deno.readTextFile(new URL("tests/deno.lock", ROOT)),
);
const { tasks } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
);

Deno.test({
  name: "pick is run by the task std as these tests run it",
  ignore: tasks?.std === undefined,
  fn() {
    assertEquals(tasks.std, ["deno", ...TASK].join(" "));
  },
});

Deno.test("pick takes the stand-ins when the registry refuses", async () => {
  await using project = await copyProject();
  const env = { JSR_URL: refusing() };
  expectStandIns(await project.pick(env), "cannot download");
  assertEquals(await project.lock(), "");

  const ran = await project.deno(["run", FLAG, "main.ts"], env);
  assertEquals(ran.out, "0 of 3 real", ran.err);
});

Deno.test("pick takes the stand-ins when the network swallows packets", async () => {
  await using project = await copyProject();
  await using hole = blackHole();
  const ran = await project.pick({ JSR_URL: `http://${hole.host}` });
  expectStandIns(ran, `no answer from ${hole.host} within 1 s`);
  assertGreater(ran.ms, 1_000);
  assertLess(ran.ms, 5_000);
});

Deno.test("pick leaves no process behind when the network swallows packets", async () => {
  await using project = await copyProject();
  await using hole = blackHole();
  await project.pick({ JSR_URL: `http://${hole.host}` });
  assertGreater(hole.accepted, 1);

  // Left alone, the Deno that downloads would hold on to its connections.
  const deadline = performance.now() + LIMIT_MS / 2;
  while (hole.open.size > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(hole.open.size, 0);
});

Deno.test("pick takes the stand-ins when a gateway answers in the registry's place", async () => {
  for (
    const [status, body, reason] of [
      [403, "", "403 Forbidden"],
      [404, "", "JSR package not found"],
      [200, "<html>Log in</html>", "failed to load"],
    ] as const
  ) {
    await using project = await copyProject();
    await using registry = await serveRegistry({
      before: () => new Response(body, { status }),
    });
    expectStandIns(await project.pick({ JSR_URL: registry.url }), reason);
  }
});

Deno.test("pick takes the real packages when the registry is there", async () => {
  await using project = await copyProject();
  await using registry = await serveRegistry();
  const env = { JSR_URL: registry.url };
  expectReal(await project.pick(env));
  assertEquals(await project.lock(), "");

  const asked = registry.requests.length;
  const ran = await project.deno(["run", "main.ts"], env);
  assertEquals(ran.out, "3 of 3 real", ran.err);
  assertEquals(registry.requests.length, asked, "pick left something out");
});

Deno.test("pick leaves out what only tests need, unless it is told of tests", async () => {
  await using project = await copyProject();
  await using registry = await serveRegistry();
  expectReal(await project.pick({ JSR_URL: registry.url }, []));
  const isForTests = (path: string) => path.startsWith("/@std/assert/");
  assertEquals(registry.requests.filter(isForTests), []);
  assert(registry.requests.length > 0);
  expectReal(await project.pick({ JSR_URL: registry.url }));
  assert(registry.requests.some(isForTests));
});

Deno.test("pick takes the versions of the tests' lockfile for tests", async () => {
  await using project = await copyProject();
  await project.copy("tests/deno.lock");
  // A newer version is there, and would be taken without a lockfile.
  await using registry = await serveRegistry({
    before: (path) =>
      path === "/@std/assert/meta.json"
        ? Response.json({
          latest: "1.99.0",
          versions: { "1.99.0": {}, [lockedVersion("@std/assert")]: {} },
        })
        : undefined,
  });
  await project.pick({ JSR_URL: registry.url });
  const asked = registry.requests.filter((path) => path.endsWith("_meta.json"));
  assert(
    asked.includes(`/@std/assert/${lockedVersion("@std/assert")}_meta.json`),
    asked.join(" "),
  );
});

Deno.test("pick does not touch the network when the real packages are cached", async () => {
  await using project = await copyProject();
  await using registry = await serveRegistry();
  expectReal(await project.pick({ JSR_URL: registry.url }));
  const asked = registry.requests.length;
  expectReal(await project.pick({ JSR_URL: registry.url }));
  assertEquals(registry.requests.length, asked);
});

Deno.test("pick takes cached real packages when the registry has gone", async () => {
  await using project = await copyProject();
  let url: string;
  {
    await using registry = await serveRegistry();
    url = registry.url;
    expectReal(await project.pick({ JSR_URL: url }));
  }
  expectReal(await project.pick({ JSR_URL: url }));

  const ran = await project.deno(["run", "main.ts"], { JSR_URL: url });
  assertEquals(ran.out, "3 of 3 real", ran.err);
});

Deno.test("pick leaves a wrong hash in a package for the command to show", async () => {
  await using project = await copyProject();
  await using registry = await serveRegistry({
    before: (path) =>
      path.endsWith("/mod.ts") ? new Response("// forged") : undefined,
  });
  const env = { JSR_URL: registry.url };
  expectReal(await project.pick(env));

  const ran = await project.deno(["run", "main.ts"], env);
  assertEquals({ out: ran.out, failed: ran.code !== 0 }, {
    out: "",
    failed: true,
  });
  assertStringIncludes(ran.err, "Integrity check failed");
});

Deno.test("pick leaves a hash that is not the lockfile's for the command to show", async () => {
  await using project = await copyProject();
  {
    await using registry = await serveRegistry({ text: "first edition" });
    const ran = await project.deno(["run", "main.ts"], {
      JSR_URL: registry.url,
    });
    assertEquals(ran.out, "3 of 3 real", ran.err);
  }
  const lock = await project.lock();
  assertStringIncludes(lock, '"jsr"');
  await project.clearCache();

  await using registry = await serveRegistry({ text: "forged edition" });
  const env = { JSR_URL: registry.url };
  // Twice, for by then the forged edition is in the cache.
  for (let round = 0; round < 2; round++) {
    expectReal(await project.pick(env));
    const ran = await project.deno(["run", "main.ts"], env);
    assertEquals({ out: ran.out, failed: ran.code !== 0 }, {
      out: "",
      failed: true,
    });
    assertStringIncludes(ran.err, "Integrity check failed");
  }
  assertEquals(await project.lock(), lock);
});

Deno.test("pick leaves a frozen lockfile for the command to show", async () => {
  await using project = await copyProject();
  // Without JSR packages, as this project's is.
  const lock = '{\n  "version": "5"\n}\n';
  await project.writeLock(lock);

  await using registry = await serveRegistry();
  const env = { JSR_URL: registry.url };
  expectReal(await project.pick(env));
  assertEquals(await project.lock(), lock);
  const ran = await project.deno(["run", "--frozen", "main.ts"], env);
  assert(ran.code !== 0, ran.out);
  assertStringIncludes(ran.err, "lockfile is out of date");
});

Deno.test("pick obeys STD_SOURCE without asking the registry", async () => {
  await using project = await copyProject();
  await using registry = await serveRegistry();
  const env = { JSR_URL: registry.url };
  expectStandIns(
    await project.pick({ ...env, STD_SOURCE: "offline" }),
    "STD_SOURCE=offline",
  );
  expectReal(await project.pick({ ...env, STD_SOURCE: "jsr" }));
  assertEquals(registry.requests, []);
});

Deno.test("pick names the valid values of STD_SOURCE when given another", async () => {
  await using project = await copyProject();
  const { code, out, err } = await project.pick({ STD_SOURCE: "npm" });
  assertEquals({ code, out }, { code: 1, out: "" });
  assertEquals(
    err,
    "Cannot use STD_SOURCE=npm: it must be auto, jsr or offline\n",
  );
});

Deno.test("findObstacle() gives up on a registry that stops half-way", async () => {
  await using project = await copyProject();
  const stalled = Promise.withResolvers<Response>();
  await using registry = await serveRegistry({
    before: (path) => path.endsWith("/mod.ts") ? stalled.promise : undefined,
  });
  const ran = await project.deno([
    "eval",
    `import { findObstacle } from "./offline/pick.ts";
    console.log(await findObstacle(true, { answerMs: 500, downloadMs: 1_000 }));
    Deno.exit();`,
  ], { JSR_URL: registry.url });
  stalled.resolve(new Response());
  assertEquals(
    ran.out,
    "download not done within 1 s; STD_SOURCE=offline saves the wait\n",
    ran.err,
  );
});
